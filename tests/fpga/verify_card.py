"""verify_card.py: golden models on an emulated card, through the real XRT, by sparse-verify.

    verify_card.py --bin DIR --ap-types DIR --shared DIR PATTERN...

Each model becomes a kernel (sparse-hls, g++), an xclbin, and the windows of its vectors go
through sparsed-xrt. Exit status: 0 nothing differs, 1 something does, 77 skipped for want of
XRT, the headers or the vectors (1 where the environment variable CI is set).
"""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from csim import models_named, skip


def run(*command: object) -> subprocess.CompletedProcess:
    return subprocess.run([str(c) for c in command], capture_output=True, text=True)


def must(*command: object) -> str:
    done = run(*command)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def verify(programs: Path, ap_types: str, model: Path, folder: Path) -> tuple[int, int]:
    """Numbers of the last layer that were compared, and that differ."""
    must(programs / "sparse-hls", model, "-o", folder, "--random", "-n", 1)
    must("make", "-C", folder / "scripts", "library", f"AP_TYPES={ap_types}")
    library, = (folder / "build").glob("libkernel_*.so")
    xclbin = folder / "kernel.xclbin"
    must(programs / "sparse-xclbin", library, "-o", xclbin)
    done = run(programs / "sparse-verify", "--json", "--engine", "fpga", "--xclbin", xclbin,
               "--device-command", f"{programs / 'sparse-device'} {library}", model)
    if not done.stdout:
        sys.exit(f"{model.name}: {done.stderr}")
    found = json.loads(done.stdout)["models"][0]
    layer, = found["layers"]
    return layer["values"], found["mismatches"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, required=True, help="folder of the programs")
    parser.add_argument("--ap-types", required=True, help="folder of ap_fixed.h; empty: skipped")
    parser.add_argument("--shared", type=Path, required=True, help="folder with golden/")
    parser.add_argument("patterns", nargs="+", help="of models, as neutrino-*")
    args = parser.parse_args()
    if not args.ap_types or not (args.bin / "sparsed-xrt").exists():
        skip("no ap_types headers or no XRT: no emulated card")
    models = models_named(args.shared / "golden", args.patterns)
    if not models:
        skip(f"no models with vectors in {args.shared / 'golden'}")
    compared = differ = 0
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            values, wrong = verify(args.bin, args.ap_types, model, Path(folder) / "hls")
        print(f"{model.name.removesuffix('.model.h5'):34s} {values:6d} values {wrong:5d} differ",
              flush=True)
        compared, differ = compared + values, differ + wrong
    print(f"{len(models)} models on the card, {compared} values, {differ} differ")
    return 1 if differ or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
