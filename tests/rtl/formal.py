#!/usr/bin/env python3
"""Proofs of the small modules that talk to others: FIFO, memory ports, registers.

Each formal/NAME_proof.sv wires NAME to an environment that does whatever the protocol allows, and
says what must always hold. yosys makes logic of both, z3 looks for a way to break it: from the
reset on for DEPTH cycles, and, where the table says so, by induction, for ever. Assertions inside
the module count too. That a proof can fail is shown each time: with a fault planted in the module
it must; and that its environment allows what it speaks of: its cover must be reached.
"""
from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Proof:
    """A module; cycles that are looked at from the reset on; cycles of the induction, 0: none;
    and a fault: text of the module and what stands there instead."""

    module: str
    depth: int
    induction: int
    good: str
    fault: str


PROOFS = (
    Proof("fifo", 10, 0, "empty_o = head == tail", "empty_o = head[A-1:0] == tail[A-1:0]"),
    Proof("axi_write", 9, 0, "else if (m_axi_wready_i) m_axi_wvalid_o <= 1'b0;",
          "else if (m_axi_awready_i) m_axi_wvalid_o <= 1'b0;"),
    Proof("axi_read", 9, 0, "7'd64 - {1'b0, address[11:6]}", "7'd65 - {1'b0, address[11:6]}"),
    Proof("registers", 8, 0, "else if (s_axi_rready_i) s_axi_rvalid_o", "else s_axi_rvalid_o"),
)


def translate(proof: Proof, source: str, folder: Path) -> Path:
    """Module and environment as a formula."""
    module, formula = folder / f"{proof.module}.sv", folder / "proof.smt2"
    module.write_text(source)
    top = f"{proof.module}_proof"
    script = (f"read_verilog -formal -sv {module} {HERE / 'formal' / top}.sv; "
              f"prep -top {top} -flatten; async2sync; dffunmap; setundef -undriven -anyseq; "
              f"write_smt2 -wires {formula}")
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


def prove(proof: Proof, rtl: Path, folder: Path) -> bool:
    """Cover, bounded proof, induction, and the planted fault; says what came of them."""
    source = (rtl / f"{proof.module}.sv").read_text()
    if source.count(proof.good) != 1:
        sys.exit(f"{proof.module}: the planted fault's place is not there once: {proof.good}")
    formula = translate(proof, source, folder)
    depth = str(proof.depth)
    found = {f"{depth} cycles": holds(formula, "-t", depth),
             "cover": holds(formula, "-c", "-t", depth)}
    if proof.induction:
        found["induction"] = holds(formula, "-i", "-t", str(proof.induction))
    broken = translate(proof, source.replace(proof.good, proof.fault), folder)
    found["planted fault found"] = not holds(broken, "-t", depth)
    print(f"{proof.module}: " + ", ".join(f"{k} {'yes' if v else 'NO'}" for k, v in found.items()),
          flush=True)
    return all(found.values())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rtl", type=Path, required=True, help="folder of the modules")
    parser.add_argument("modules", nargs="*", help="only these")
    args = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory() as folder:
        for proof in PROOFS:
            if not args.modules or proof.module in args.modules:
                good &= prove(proof, args.rtl, Path(folder))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
