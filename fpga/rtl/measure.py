#!/usr/bin/env python3
"""Resources of the kernel as yosys maps it to UltraScale+ (synth_xilinx -family xcup).

Prints LUTs (logic, LUTRAM and shift registers apart, then together), DSPs, block RAMs and
flip-flops, and the longest path between registers in LUT levels and in CARRY4, of the whole kernel
or of one module. yosys does not pack registers into DSPs for this family, so flip-flops are an
upper bound; carries and LUTs are counted apart because a carry is much faster.

Larger modules (KEPT) are mapped each on its own, once for each set of parameters: all in one
takes hours. Nothing is optimized across their borders, so LUTs are an upper bound too. The mapped
netlists are then put together, and paths are followed through all borders.

yosys uses the adder of a DSP only for the 7 series. PACKED modules are one DSP each: it packs them
into one DSP48E1 and nothing else (looked at each time), and a DSP48E2 does all that one does.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
KEPT = ("adder_choice", "adder_gated", "adder_two", "axi_read", "axi_write", "cast_shift",
        "cast_small", "compress", "conv_end", "conv_gather", "conv_lane", "conv_scatter",
        "dense_end", "dense_first", "dense_output", "dense_second", "fifo", "loader", "pool",
        "pool_between", "registers", "score_table", "softmax", "softmax_lane", "sparse_core",
        "window_input")
PACKED = ("multiply_add",)
LUT_SITES = {  # LUTs that a memory or shift register takes
    "RAM32X1S": 1, "RAM32X1D": 2, "RAM64X1S": 1, "RAM64X1D": 2, "RAM128X1S": 2, "RAM128X1D": 4,
    "RAM256X1S": 4, "RAM32M": 4, "RAM64M": 4, "RAM32M16": 8, "RAM64M8": 8, "SRL16E": 1,
    "SRLC32E": 1, "RAM512X1S": 8}


def package_values() -> dict[str, str]:
    """Names and values of sparse_pkg, as text that stands for itself."""
    text = re.sub(r"//.*", "", (HERE / "sparse_pkg.sv").read_text())
    return dict(re.findall(r"localparam\s+(?:int|bit \[\d+:0\])\s+(\w+)\s*=\s*([^;]+);", text))


def check_packed(folder: Path, source: Path) -> None:
    """Ends if yosys does not make one DSP48E1 alone of a module."""
    netlist = folder / f"{source.stem}.packed.json"
    run_yosys(folder, f"read_verilog -sv -DSYNTHESIS {source}; synth_xilinx -family xc7 -flatten "
                      f"-noiopad -noclkbuf -top {source.stem}; write_json {netlist}")
    cells = json.loads(netlist.read_text())["modules"][source.stem]["cells"]
    if [c["type"] for c in cells.values()] != ["DSP48E1"]:
        sys.exit(f"measure.py: {source.stem} is not one DSP48E1 but "
                 f"{dict(Counter(c['type'] for c in cells.values()))}")


def run_yosys(folder: Path, script: str) -> None:
    """Runs a script, with yosys.log in the folder; ends with its words if it fails."""
    done = subprocess.run(["yosys", "-q", "-l", folder / "yosys.log", "-p", script],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"yosys ended with status {done.returncode}: "
                 f"{done.stderr.strip() or done.stdout[-2000:]}")


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
        if source.stem in PACKED:
            text = re.sub(r"^module", "(* blackbox *) module", text, flags=re.M)
        elif source.stem in KEPT:
            text = re.sub(r"^module", "(* keep_hierarchy *) module", text, flags=re.M)
        files.append(folder / source.name)
        files[-1].write_text(text)
    return files


def synthesize(top: str, parameters: dict[str, int], folder: Path) -> tuple[dict, dict]:
    """The mapped netlists of all modules under `top` as yosys writes them: by module, and the
    cells of all together."""
    files = " ".join(str(f) for f in flatten_package(folder))
    for name in PACKED:
        check_packed(folder, HERE / f"{name}.sv")
    apart, together = folder / "modules.json", folder / "netlist.json"
    chosen = " ".join(f"-set {name} {value}" for name, value in parameters.items())
    script = (f"read_verilog -sv -DSYNTHESIS {files}; "
              f"{f'chparam {chosen} {top};' if chosen else ''} "
              f"synth_xilinx -family xcup -flatten -noiopad -noclkbuf -nowidelut -top {top}; "
              f"opt_clean -purge; write_json {apart}; setattr -mod -unset keep_hierarchy *; "
              f"flatten; opt_clean -purge; write_json {together}")
    run_yosys(folder, script)
    for line in (folder / "yosys.log").read_text().splitlines():
        if "implicitly declared" in line or "has no driver" in line or "is used but has" in line:
            sys.exit(f"yosys: {line.strip()}")
    found = []
    for netlist in (apart, together):  # yosys may have named the top after its parameters
        modules = json.loads(netlist.read_text())["modules"]
        found.append({top if "top" in m["attributes"] else n: m for n, m in modules.items()})
    return found[0], found[1][top]["cells"]


def by_module(modules: dict, top: str) -> dict[str, tuple[int, Counter]]:
    """Of each kind of kept module: how many there are, and what all of them take themselves."""
    found: dict[str, tuple[int, Counter]] = {}

    def visit(name: str, times: int) -> None:
        inner = {n: c for n, c in modules[name]["cells"].items() if c["type"] in modules
                 and not modules[c["type"]].get("attributes", {}).get("blackbox")}
        own = resources({n: c for n, c in modules[name]["cells"].items() if n not in inner})
        kind = re.sub(r"^\$paramod(?:\$\w+)?\\?(\w+).*", r"\1", name).lstrip("\\")
        count, total = found.get(kind, (0, Counter()))
        found[kind] = (count + times, total + Counter({k: v * times for k, v in own.items()}))
        for cell, number in Counter(c["type"] for c in inner.values()).items():
            visit(cell, times * number)

    visit(top, 1)
    return found


def resources(cells: dict) -> Counter:
    """Counts of what the cells take."""
    total = Counter()
    for cell in cells.values():
        kind = cell["type"]
        if re.fullmatch(r"LUT[1-6]", kind):
            total["LUT"] += 1
        elif kind in LUT_SITES:
            total["LUTRAM" if kind.startswith("RAM") else "SRL"] += LUT_SITES[kind]
        elif kind.startswith("DSP") or kind in PACKED:
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


def luts(total: Counter) -> int:
    """LUTs of all kinds."""
    return total["LUT"] + total["LUTRAM"] + total["SRL"]


def sentence(total: Counter) -> str:
    """What is taken, in words."""
    return (f"LUT {luts(total)} = {total['LUT']} logic + {total['LUTRAM']} LUTRAM + {total['SRL']} "
            f"SRL; DSP {total['DSP']}; RAMB36 {total['RAMB36']}, RAMB18 {total['RAMB18']}; FF "
            f"{total['FF']}")


@dataclass
class Paths:
    """The longest paths between registers: LUT levels and CARRY4, each by itself, and the cells
    of the two from their ends on. A read of a LUTRAM is one level."""

    levels: int
    carries: int
    level_cells: list[str]
    carry_cells: list[str]


def passes(kind: str) -> bool:
    """Whether a signal runs through such a cell without a clock."""
    return kind.startswith("LUT") or kind in ("CARRY4", "INV") or \
        kind.startswith("RAM") and not kind.startswith("RAMB")


def inputs_of(cells: dict) -> dict[str, list[str]]:
    """Of each cell that passes signals: those cells that pass one to it."""
    drivers: dict[int, str] = {}
    for name, cell in cells.items():
        if passes(cell["type"]):
            for port, bits in cell["connections"].items():
                if cell["port_directions"].get(port) == "output":
                    drivers.update((b, name) for b in bits if isinstance(b, int))
    inputs = {}
    for name, cell in cells.items():
        if passes(cell["type"]):
            clocked = ("WCLK", "WE", "D") if cell["type"].startswith("RAM") else ()
            inputs[name] = list({
                drivers[b] for port, bits in cell["connections"].items()
                if cell["port_directions"].get(port) == "input" and port not in clocked
                and not (clocked and port.startswith("DI")) for b in bits if b in drivers})
    return inputs


def longest(cells: dict) -> Paths:
    """Follows all paths once, deepest cells last."""
    inputs = inputs_of(cells)
    levels: dict[str, int] = {}
    carries: dict[str, int] = {}
    for root in inputs:
        stack = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if node in levels:
                continue
            if not ready:
                stack.append((node, True))
                stack.extend((n, False) for n in inputs[node] if n not in levels)
                continue
            kind = cells[node]["type"]
            levels[node] = (kind not in ("CARRY4", "INV")) + max(
                (levels.get(n, 0) for n in inputs[node]), default=0)
            carries[node] = (kind == "CARRY4") + max(
                (carries.get(n, 0) for n in inputs[node]), default=0)

    def back(depth: dict[str, int]) -> list[str]:
        path = [max(depth, key=depth.get)] if depth else []
        while path and inputs[path[-1]]:
            path.append(max(inputs[path[-1]], key=lambda n: depth.get(n, 0)))
        return path

    return Paths(max(levels.values(), default=0), max(carries.values(), default=0), back(levels),
                 back(carries))


def where(path: list[str]) -> str:
    """The instances that a path runs through, from its end on."""
    names = [re.sub(r"\.?[^.]*\$.*", "", re.sub(r"^\$flatten\\*", "", n)) or "?" for n in path]
    return " < ".join(dict.fromkeys(names))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--top", default="sparse_kernel",
                        help="module (default: the whole kernel)")
    parser.add_argument("--slots", type=int, default=20,
                        help="N of the kernel; 0 for modules without it (default 20)")
    parser.add_argument("--at-once", type=int, default=1,
                        help="slots a cycle, S of the kernel (default 1)")
    parser.add_argument("--filters", type=int, default=3,
                        help="filters of the first convolution, F of the kernel (default 3)")
    parser.add_argument("--reuse", type=int, default=1,
                        help="slots that share a lane, R of the kernel (default 1)")
    parser.add_argument("--modules", action="store_true", help="a line for each kind of module too")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of sentences")
    parser.add_argument("--keep", type=Path,
                        help="folder for netlists and log (default: none kept)")
    arguments = parser.parse_args()
    parameters = {"N": arguments.slots} if arguments.slots else {}
    if arguments.at_once != 1:
        parameters["S"] = arguments.at_once
    if arguments.filters != 3:
        parameters["F"] = arguments.filters
    if arguments.reuse != 1:
        parameters["R"] = arguments.reuse
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        modules, cells = synthesize(arguments.top, parameters, folder)
    total = resources(cells)
    paths = longest(cells)
    if arguments.json:
        print(json.dumps({"slots": arguments.slots, "at_once": arguments.at_once,
                          "filters": arguments.filters, "reuse": arguments.reuse,
                          "lut": luts(total), "levels": paths.levels, "carries": paths.carries,
                          **total}))
        return
    if arguments.modules:
        for kind, (count, own) in sorted(by_module(modules, arguments.top).items()):
            print(f"{count:4} {kind:14} {sentence(own)}")
    print(f"{arguments.top} N={arguments.slots} S={arguments.at_once} F={arguments.filters} "
          f"R={arguments.reuse}: "
          f"{sentence(total)}; "
          f"longest path {paths.levels} LUT levels, {paths.carries} CARRY4")
    if arguments.modules:
        print(f"levels: {where(paths.level_cells)}\ncarries: {where(paths.carry_cells)}")


if __name__ == "__main__":
    main()
