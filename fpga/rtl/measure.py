#!/usr/bin/env python3
"""Resources of the kernel as yosys maps it to UltraScale+ (synth_xilinx -family xcup).

Prints LUTs (logic, LUTRAM and shift registers apart, then together), DSPs, block RAMs and
flip-flops, and the longest path between registers in LUT levels and in CARRY4, of the whole kernel
or of one module. yosys does not pack registers into DSPs for this family, so flip-flops are an
upper bound; carries and LUTs are counted apart because a carry is much faster.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
LUT_SITES = {  # LUTs that a memory or shift register takes
    "RAM32X1S": 1, "RAM32X1D": 2, "RAM64X1S": 1, "RAM64X1D": 2, "RAM128X1S": 2, "RAM128X1D": 4,
    "RAM256X1S": 4, "RAM32M": 4, "RAM64M": 4, "RAM32M16": 8, "RAM64M8": 8, "SRL16E": 1,
    "SRLC32E": 1, "RAM512X1S": 8}


def package_values() -> dict[str, str]:
    """Names and values of sparse_pkg, as text that stands for itself."""
    text = re.sub(r"//.*", "", (HERE / "sparse_pkg.sv").read_text())
    return dict(re.findall(r"localparam\s+(?:int|bit \[\d+:0\])\s+(\w+)\s*=\s*([^;]+);", text))


def flatten_package(folder: Path) -> list[Path]:
    """Copies of the modules without package and import, which yosys 0.23 does not read."""
    values = package_values()
    files = []
    for source in sorted(HERE.glob("*.sv")):
        if source.name == "sparse_pkg.sv":
            continue
        head, found, body = source.read_text().partition("import sparse_pkg::*;")
        used = [n for n in values if re.search(rf"\b{n}\b", body)] if found else []
        constants = " ".join(f"localparam {n} = {values[n]};" for n in used)
        text = re.sub(r"sparse_pkg::(\w+)", lambda m: values[m[1]], head + constants + body)
        files.append(folder / source.name)
        files[-1].write_text(text)
    return files


def synthesize(top: str, slots: int, folder: Path) -> dict:
    """The mapped netlist of a module as yosys writes it."""
    files = " ".join(str(f) for f in flatten_package(folder))
    netlist = folder / "netlist.json"
    parameter = f"chparam -set N {slots} {top};" if slots else ""
    script = (f"read_verilog -sv -DSYNTHESIS {files}; {parameter} "
              f"synth_xilinx -family xcup -flatten -noiopad -noclkbuf -nowidelut -top {top}; "
              f"opt_clean -purge; write_json {netlist}")
    done = subprocess.run(["yosys", "-p", script], capture_output=True, text=True, check=False)
    (folder / "yosys.log").write_text(done.stdout + done.stderr)
    if done.returncode != 0:
        sys.exit(f"yosys ended with status {done.returncode}: "
                 f"{done.stderr.strip() or done.stdout[-2000:]}")
    for line in done.stdout.splitlines():
        if "implicitly declared" in line or "has no driver" in line or "is used but has" in line:
            sys.exit(f"yosys: {line.strip()}")
    return json.loads(netlist.read_text())["modules"][top]


def resources(cells: dict) -> Counter:
    """Counts of what the cells take."""
    total = Counter()
    for cell in cells.values():
        kind = cell["type"]
        if re.fullmatch(r"LUT[1-6]", kind):
            total["LUT"] += 1
        elif kind in LUT_SITES:
            total["LUTRAM" if kind.startswith("RAM") else "SRL"] += LUT_SITES[kind]
        elif kind.startswith("DSP"):
            total["DSP"] += 1
        elif kind.startswith("RAMB"):
            total[kind[:6]] += 1
        elif kind.startswith("FD"):
            total["FF"] += 1
        elif kind == "CARRY4":
            total["CARRY4"] += 1
        elif kind not in ("INV", "BUFG", "VCC", "GND"):
            sys.exit(f"measure.py: cell {kind} is not in the table")
    return total


def longest(cells: dict) -> tuple[int, int]:
    """(LUT levels, CARRY4) of the longest paths between registers, each by itself; a read of a
    LUTRAM is one level."""
    drivers: dict[int, str] = {}
    for name, cell in cells.items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"].get(port) == "output":
                drivers.update((b, name) for b in bits if isinstance(b, int))

    def passes(kind: str) -> bool:
        return kind.startswith("LUT") or kind in ("CARRY4", "INV") or kind.startswith("RAM") and \
            not kind.startswith("RAMB")

    inputs = defaultdict(set)
    for name, cell in cells.items():
        kind = cell["type"]
        if not passes(kind):
            continue
        for port, bits in cell["connections"].items():
            if cell["port_directions"].get(port) != "input" or port in ("WCLK", "WE", "D", "DI") \
                    and kind.startswith("RAM") or port.startswith("DI") and kind.startswith("RAM"):
                continue
            inputs[name].update(drivers[b] for b in bits if b in drivers)
    levels, carries = {}, {}
    for root in list(inputs):
        stack = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if node in levels:
                continue
            kind = cells[node]["type"]
            before = [n for n in inputs[node] if passes(cells[n]["type"])]
            if not ready:
                stack.append((node, True))
                stack.extend((n, False) for n in before if n not in levels)
                continue
            own = 0 if kind in ("CARRY4", "INV") else 1
            levels[node] = own + max((levels.get(n, 0) for n in before), default=0)
            carries[node] = (kind == "CARRY4") + max((carries.get(n, 0) for n in before), default=0)
    return max(levels.values(), default=0), max(carries.values(), default=0)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--top", default="sparse_kernel", help="module (default: the whole kernel)")
    parser.add_argument("--slots", type=int, default=20,
                        help="N of the kernel; 0 for modules without it (default 20)")
    parser.add_argument("--keep", type=Path, help="folder for netlist and log (default: none kept)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        cells = synthesize(arguments.top, arguments.slots, folder)["cells"]
        total = resources(cells)
        levels, carries = longest(cells)
    together = total["LUT"] + total["LUTRAM"] + total["SRL"]
    print(f"{arguments.top} N={arguments.slots}: LUT {together} = {total['LUT']} logic + "
          f"{total['LUTRAM']} LUTRAM + {total['SRL']} SRL; DSP {total['DSP']}; RAMB36 "
          f"{total['RAMB36']}, RAMB18 {total['RAMB18']}; FF {total['FF']}; longest path "
          f"{levels} LUT levels, {carries} CARRY4")


if __name__ == "__main__":
    main()
