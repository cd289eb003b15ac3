#!/usr/bin/env python3
"""Models on the kernel in SystemVerilog, through the real XRT, by sparse-verify.

One kernel, translated once, serves them all: the host compiles each model, puts its image into
the emulated card's memory and starts the kernel. Lists and images, one and two compute units.
Every last integer must be that of the vectors; a model that the kernel cannot run must be refused
with its layer and the limit, and no model outside of the list below may be.

Exit status: 0 nothing differs, 1 something does, 77 skipped for want of XRT or of the vectors (1
where the environment variable CI is set).
"""
from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

# What a short run takes, and from what: every shape, 8 and 16 bits, both generations of sums.
SHORT = {"neutrino-sparse_l-16b": "image", "neutrino-sparse_s-8b": "image",
         "jet-sparse_m-16b": "list", "stress-sparsemnist-sparse_l-16b": "list",
         "neutrino-l-16b": "list", "neutrino-m-8b": "image", "v2-crowded": "list",
         "hgq-jet": "list"}
# Models that the kernel of 20 slots cannot run, by the beginning of their names; golden ones and
# our own.
BEYOND = ("hgq-", "v2-", "neutrino-full", "sparsemnist-full", "neutrino-n48", "neutrino-standard")


@dataclass
class Outcome:
    """What sparse-verify said of a model: how many integers differ, or why it was refused."""

    values: int = 0
    differ: int = 0
    refused: str = ""


@dataclass
class Card:
    """A kernel in its container, and what starts the emulated card."""

    programs: Path
    library: Path
    xclbin: Path
    units: int

    @classmethod
    def pack(cls, programs: Path, library: Path, folder: Path, form: str, units: int) -> Card:
        """A container for windows that come in this form."""
        xclbin = folder / f"{form}-{units}.xclbin"
        subprocess.run([programs / "sparse-xclbin", library, "-o", xclbin, "--form", form,
                        "--units", str(units)], check=True, capture_output=True)
        return cls(programs, library, xclbin, units)

    def run(self, model: Path, *options: str) -> subprocess.CompletedProcess[str]:
        """sparse-verify, with options of the emulated card."""
        command = " ".join(map(str, (self.programs / "sparse-device", "--units", self.units,
                                     *options, self.library)))
        return subprocess.run(
            [self.programs / "sparse-verify", "--json", "--engine", "fpga", "--xclbin", self.xclbin,
             "--device-command", command, model],
            capture_output=True, text=True, timeout=600, check=False)

    def verify(self, model: Path) -> Outcome:
        """Its vectors, scored by the card."""
        done = self.run(model)
        if not done.stdout:
            return Outcome(refused=done.stderr.strip())
        found = json.loads(done.stdout)["models"][0]
        layer, = found["layers"]
        return Outcome(layer["values"], found["mismatches"])


def check(card: Card, model: Path, form: str) -> bool:
    """One model; says what came of it. False: not what had to come."""
    name = model.name.removesuffix(".model.h5")
    found = card.verify(model)
    if found.refused:
        print(f"refused: {found.refused}", flush=True)
        named = f"{name}" in found.refused and "layer" in found.refused
        return named and name.startswith(BEYOND)
    print(f"{name:34s} {form:5s} {card.units} units {found.values:6d} values "
          f"{found.differ:5d} differ", flush=True)
    return found.differ == 0 and found.values > 0


def check_error(programs: Path, library: Path, golden: list[Path], folder: Path) -> bool:
    """A network that was spoilt in the card's memory: the kernel's register says why, and so
    does sparse-verify; a wrong score or a hang would be found much later."""
    card = Card.pack(programs, library, folder, "list", 1)
    model = next(m for m in golden if m.name.startswith("neutrino-sparse_l-16b"))
    done = card.run(model, "--fault", "bad-image")
    said = "error code 8" in done.stderr and done.returncode == 1
    print("a spoilt network: " + (done.stderr.splitlines() or ["nothing said"])[0], flush=True)
    return said


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, required=True, help="folder of the programs")
    parser.add_argument("--library", type=Path, required=True, help="libkernel_rtl.so")
    parser.add_argument("--shared", type=Path, required=True, help="folder with golden/")
    parser.add_argument("--own", type=Path, required=True, help="folder of our own models")
    parser.add_argument("--long", action="store_true", help="all models, lists and images")
    args = parser.parse_args()
    golden = sorted((args.shared / "golden").glob("*.model.h5"))
    if not golden or not (args.bin / "sparsed-xrt").exists():
        print("skipped: no XRT, or no golden models")
        sys.exit(1 if os.environ.get("CI") else 77)
    models = golden + sorted(args.own.glob("*.model.h5"))
    bad = ran = 0
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            name = model.name.removesuffix(".model.h5")
            forms = ("list", "image") if args.long else (SHORT.get(name),)
            for form in filter(None, forms):
                units = 2 if form == "list" else 1
                card = Card.pack(args.bin, args.library, Path(folder), form, units)
                bad += not check(card, model, form)
                ran += 1
        bad += not check_error(args.bin, args.library, golden, Path(folder))
    print(f"{ran} runs through XRT, {bad} not as they must be")
    sys.exit(1 if bad or ran < len(SHORT) else 0)


if __name__ == "__main__":
    main()
