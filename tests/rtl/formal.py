#!/usr/bin/env python3
"""Proofs of the modules that talk to others: FIFO, memory ports, registers, the room for results.

Each formal/NAME_proof.sv wires modules to an environment that does whatever the protocol allows,
and says what must always hold. yosys makes logic of both, z3 proves it for all time, by induction:
it holds in the first cycles after the reset, and wherever it has held for `induction` cycles it
holds in the next. The state that this needs is named in the proofs (hierconn: a wire of a module
below, by its name). Assertions inside the modules count too.

That a proof can fail is shown each time: with a fault planted in a module, a way to break it must
be found from the reset on; and that its environment allows what it speaks of: its cover must be
reached.
"""
from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Proof:
    """What formal/NAME_proof.sv speaks of.

    modules: read whole, the first has the fault; parts: modules below them whose outputs may do
    anything; induction, depth: cycles of the induction, and from the reset on for the cover and the
    fault; good, fault: text of the first module and what stands there instead.
    """

    name: str
    modules: tuple[str, ...]
    parts: tuple[str, ...]
    induction: int
    depth: int
    good: str
    fault: str


PROOFS = (
    Proof("fifo", ("fifo",), (), 1, 10,
          "empty_o = head == tail", "empty_o = head[A-1:0] == tail[A-1:0]"),
    Proof("axi_write", ("axi_write",), (), 1, 9,
          "else if (m_axi_wready_i) m_axi_wvalid_o <= 1'b0;",
          "else if (m_axi_awready_i) m_axi_wvalid_o <= 1'b0;"),
    Proof("axi_read", ("axi_read",), (), 1, 9,
          "7'd64 - {1'b0, address[11:6]}", "7'd65 - {1'b0, address[11:6]}"),
    Proof("registers", ("registers",), (), 2, 8,
          "else if (s_axi_rready_i) s_axi_rvalid_o", "else s_axi_rvalid_o"),
    Proof("window", ("window_input", "delay_line"), ("compress", "cast_small"), 1, 20,
          "pace == 0 && room_i", "pace == 0 || room_i"),
    Proof("room", ("sparse_kernel", "fifo"),
          ("registers", "loader", "axi_read", "axi_write", "sparse_core"), 1, 8,
          "- {5'd0, score_take && score_ends}", "- {5'd0, score_take}"),
)


def readable(rtl: Path, folder: Path) -> None:
    """Copies of all modules to `folder` that yosys 0.23 can read, as measure.py makes them."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(rtl))
    import measure  # pylint: disable=import-outside-toplevel,import-error
    for source in measure.flatten_package(folder):
        source.write_text(source.read_text().replace("(* keep_hierarchy *) ", ""))


def translate(proof: Proof, folder: Path, broken: bool) -> Path:
    """Modules and environment as a formula."""
    formula = folder / "proof.smt2"
    first = folder / f"{proof.modules[0]}.sv"
    source = first.read_text()
    if source.count(proof.good) != 1:
        sys.exit(f"{first.stem}: the planted fault's place is not there once: {proof.good}")
    top = f"{proof.name}_proof"
    given = folder / "given.sv"
    given.write_text(source.replace(proof.good, proof.fault) if broken else source)
    whole = " ".join([str(given)] + [str(folder / f"{m}.sv") for m in proof.modules[1:]])
    script = f"read_verilog -formal -sv {whole} {HERE / 'formal' / top}.sv; hierarchy -top {top}; "
    if proof.parts:
        parts = " ".join(str(folder / f"{p}.sv") for p in proof.parts)
        cut = " ".join(f"*/t:{p} */t:$paramod*{p}*" for p in proof.parts)
        script = f"read_verilog -lib -sv {parts}; {script}cutpoint {cut}; "
    script += (f"proc; memory_map; prep -top {top} -flatten; async2sync; dffunmap; "
               f"setundef -undriven -anyseq; opt_clean; write_smt2 -wires {formula}")
    done = subprocess.run(["yosys", "-q", "-p", script], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        sys.exit(f"{top}: {done.stdout}{done.stderr}")
    return formula


def holds(formula: Path, *options: str) -> bool:
    """Whether the solver finds nothing against it (or, with -c, finds all covers)."""
    done = subprocess.run(["yosys-smtbmc", "-s", "z3", "--noprogress", *options, str(formula)],
                          capture_output=True, text=True, check=False)
    if "Status: PASSED" not in done.stdout and "Status: FAILED" not in done.stdout:
        sys.exit(f"{formula}: {done.stdout[-2000:]}{done.stderr}")
    return done.returncode == 0


def prove(proof: Proof, folder: Path) -> bool:
    """First cycles, induction, cover and the planted fault; says what came of them."""
    began = time.monotonic()
    formula = translate(proof, folder, broken=False)
    found = {"first cycles": holds(formula, "-t", str(proof.induction + 2)),
             f"induction over {proof.induction}": holds(formula, "-i", "-t", str(proof.induction)),
             "cover": holds(formula, "-c", "-t", str(proof.depth))}
    formula = translate(proof, folder, broken=True)
    found["planted fault found"] = not holds(formula, "-t", str(proof.depth))
    print(f"{proof.name}: " + ", ".join(f"{k} {'yes' if v else 'NO'}" for k, v in found.items()) +
          f"; {time.monotonic() - began:.0f} s", flush=True)
    return all(found.values())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rtl", type=Path, required=True, help="folder of the modules")
    parser.add_argument("names", nargs="*", help="only these proofs")
    args = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory() as folder:
        readable(args.rtl, Path(folder))
        for proof in PROOFS:
            if not args.names or proof.name in args.names:
                good &= prove(proof, Path(folder))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
