"""csim.py: kernels in C simulation, judged by their own test bench.

    csim.py OPTIONS golden PATTERN... [SPARSE-HLS OPTION...]   recorded vectors, every tensor
    csim.py OPTIONS own FOLDER                                 models of ours and their vectors
    csim.py OPTIONS random --networks N [--seed S]             random networks, CPU engine's tensors
    csim.py OPTIONS spoilt NAME                                one bit off must be noticed

Exit status: 0 nothing differs, 1 something does or does not build, 77 skipped for want of the
headers or the vectors (1 where the environment variable CI is set).
"""
from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import random_models

SUMMARY = re.compile(r"(\d+) windows, (\d+) numbers compared, (\d+) differ, (\d+) batches differ")
TOO_WIDE = re.compile(r"would need more than\s+63 bits")  # a random network may be refused for it


def skip(why: str) -> None:
    """Ends the program: skipped, or failed in CI."""
    print(why)
    sys.exit(1 if os.environ.get("CI") else 77)


def write_project(sparse_hls: str, model: Path, folder: Path, *options: str) -> str:
    """sparse-hls MODEL -o FOLDER; "" or the sentence with which it refused."""
    done = subprocess.run([sparse_hls, model, "-o", folder, *options],
                          capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr or f"exit status {done.returncode}"


def simulate(folder: Path, ap_types: str) -> tuple[int, str]:
    """Builds the project's test bench and runs it: exit status, what it printed."""
    done = subprocess.run(["make", "-C", folder / "scripts", "csim", f"AP_TYPES={ap_types}"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def judge(folder: Path, ap_types: str, name: str) -> int:
    """Prints one line; the numbers compared, or -1 if anything differed or failed."""
    began = time.monotonic()
    status, said = simulate(folder, ap_types)
    found = SUMMARY.search(said)
    good = status == 0 and found and int(found[2]) > 0 and found[3] == found[4] == "0"
    if not good:
        print(f"{name}: exit status {status}\n{said[-4000:]}", flush=True)
        return -1
    took_s = time.monotonic() - began
    print(f"{name:34s} {found[2]:>9s} numbers {found[3]:>5s} differ {took_s:5.1f} s", flush=True)
    return int(found[2])


def models_named(folder: Path, patterns: list[str]) -> list[Path]:
    """Model files with vectors beside them."""
    found = sorted({m for p in patterns for m in folder.glob(f"{p}.model.h5")})
    return [m for m in found if Path(str(m).replace(".model.", ".vectors.")).exists()]


def run_models(args: argparse.Namespace, models: list[Path], options: list[str]) -> int:
    compared, failed = 0, 0
    for model in models:
        name = model.name.removesuffix(".model.h5")
        with tempfile.TemporaryDirectory() as folder:
            if refused := write_project(args.sparse_hls, model, Path(folder) / name, *options):
                print(f"{name}: {refused}")
                failed += 1
                continue
            n = judge(Path(folder) / name, args.ap_types, name)
        failed += n < 0
        compared += max(n, 0)
    print(f"{len(models)} kernels, {compared} numbers compared, {failed} kernels differ or failed")
    return 1 if failed else 0


def run_random(args: argparse.Namespace) -> int:
    """N networks that sparse-hls takes; every other form and factors at random."""
    compared, taken, refused = 0, 0, 0
    seed = args.seed
    while taken < args.networks:
        draw = random.Random(seed)
        name = f"random-{seed}"
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / f"{name}.model.h5"
            sparse = random_models.write_model(model, name, draw)
            options = random_models.options(draw, sparse)
            said = write_project(args.sparse_hls, model, Path(folder) / name, "--random",
                                 "--windows", "60", "--seed", str(seed), *options)
            if TOO_WIDE.search(said):
                refused += 1
                seed += 1
                if refused > 10 + 3 * args.networks:
                    sys.exit(f"{refused} of {refused + taken} random networks are refused")
                continue
            n = -1 if said else judge(Path(folder) / name, args.ap_types,
                                      f"{name} {' '.join(options)}")
        if n < 0:
            print(f"{said}reproduce with: random --networks 1 --seed {seed}")
            return 1
        compared += n
        taken += 1
        seed += 1
    print(f"{taken} random networks, {compared} numbers compared, 0 differ; {refused} too wide")
    return 0


def run_spoilt(args: argparse.Namespace, model: Path) -> int:
    """A bench that sees no difference would pass everything: one bit of the last expected output,
    one of a tensor, half a file, another model's file."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        if refused := write_project(args.sparse_hls, model, project):
            sys.exit(refused)
        if judge(project, args.ap_types, model.name) < 0:
            return 1
        vectors = project / "tb/vectors.bin"
        whole = vectors.read_bytes()
        for what, spoilt, words in (
                ("an output", whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:], "1 differ,"),
                ("a tensor", whole[:-16] + bytes([whole[-16] ^ 1]) + whole[-15:], "values: 1 of"),
                ("half a file", whole[:len(whole) // 2], "is cut short"),
                ("another model's", whole[:30] + b"0000" + whole[34:], "belongs to another"),
                ("no vectors", b"sparsed", "is no file of vectors")):
            vectors.write_bytes(spoilt)
            status, said = simulate(project, args.ap_types)
            if status == 0 or words not in said:
                print(f"{what}: not noticed: exit status {status}\n{said}")
                return 1
            print(f"{what}: noticed")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sparse-hls", required=True, help="the program")
    parser.add_argument("--ap-types", required=True, help="folder of ap_fixed.h; empty: skipped")
    parser.add_argument("--shared", type=Path, required=True, help="folder with golden/")
    parser.add_argument("what", choices=["golden", "own", "random", "spoilt"])
    parser.add_argument("names", nargs="*", help="patterns of models, a folder, or nothing")
    parser.add_argument("--networks", type=int, default=1, help="random networks")
    parser.add_argument("--seed", type=int, default=1, help="of the first random network")
    args, options = parser.parse_known_args()
    if not args.ap_types:
        skip("no ap_types headers: C simulation is skipped")
    if args.what == "random":
        return run_random(args)
    folder = Path(args.names[0]) if args.what == "own" else args.shared / "golden"
    models = models_named(folder, ["*"] if args.what == "own" else args.names)
    if not models:
        skip(f"no models with vectors in {folder}")
    if args.what == "spoilt":
        return run_spoilt(args, models[0])
    return run_models(args, models, options)


if __name__ == "__main__":
    sys.exit(main())
