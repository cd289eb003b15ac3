"""bad_input.py SPARSE_HLS: what sparse-hls is given wrongly ends in one sentence and the right
exit status, and leaves no half project that looks whole."""
from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random

import h5py

import random_models

SPARSE_HLS = sys.argv[1]


def run(*arguments: object) -> tuple[int, str]:
    done = subprocess.run([SPARSE_HLS, *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stderr


def expect(status: int, words: str, *arguments: object) -> None:
    """One line on standard error that has `words`, and this exit status."""
    got, said = run(*arguments)
    if got != status or words not in said or said.count("\n") != 1:
        sys.exit(f"{' '.join(map(str, arguments))}: exit status {got}, not {status}: {said!r}, "
                 f"needs {words!r}")


def model_file(path: Path, sparse: bool, seed: int = 1) -> Path:
    """A random network that is sparse, or is not."""
    while random_models.write_model(path, "model", Random(seed)) != sparse or run(
            path, "-o", path.parent / "trial", "--random", "-n", 1)[0] != 0:
        seed += 1
    return path


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    out = folder / "out"
    sparse = model_file(folder / "sparse.model.h5", True)
    standard = model_file(folder / "standard.model.h5", False)

    # the command line
    expect(2, "needs a model file", sparse)
    expect(2, "needs a model file", "-o", out)
    expect(2, "unknown option", sparse, "-o", out, "--fast")
    expect(2, "--form beats", sparse, "-o", out, "--form", "beats")
    expect(2, "pixel = 0: must be 1 ..", sparse, "-o", out, "--parallel", "pixel=0")
    expect(2, "--parallel pixels=1", sparse, "-o", out, "--parallel", "pixels=1")
    expect(2, "--parallel pixel", sparse, "-o", out, "--parallel", "pixel")
    expect(2, "--kernel 1st", sparse, "-o", out, "--kernel", "1st")
    expect(2, "--kernel", sparse, "-o", out, "--kernel", "a;b")
    expect(2, "--windows = many", sparse, "-o", out, "--windows", "many")
    expect(2, "exclude each other", sparse, "-o", out, "--random", "--vectors", sparse)

    # files
    expect(1, "nowhere.model.h5", folder / "nowhere.model.h5", "-o", out)
    expect(1, "takes images, not lists", standard, "-o", out, "--form", "list")
    expect(1, "a tree needs", standard, "-o", out, "--form", "tree")
    expect(1, "cannot be made", sparse, "-o", folder / "no" / "such" / "folder")
    expect(1, "cannot be read as an HDF5 file", sparse, "-o", out, "--vectors", __file__)
    expect(1, "input", sparse, "-o", out, "--vectors", sparse)

    # vectors of another network: as many windows, other shapes
    vectors = folder / "sparse.vectors.h5"
    with h5py.File(sparse) as model, h5py.File(vectors, "w") as f:
        shape = [int(model["layers/000_input"].attrs[a]) for a in ("height", "width", "channels")]
        f["input"] = [[[[0] * shape[2]] * shape[1]] * shape[0]] * 2
        f["expected/001_sparse_input_reduce/hash"] = [[[1, 1]]] * 3
    expect(1, "expected/001_sparse_input_reduce: hash is (3, 1, 2)", sparse, "-o", out)
    vectors.unlink()

    # a name that would break out of a string of C++ stays a string
    evil = folder / "evil.model.h5"
    model_file(evil, True)
    with h5py.File(evil, "r+") as f:
        f.attrs["name"] = 'x"; system("false"); //\n#error'
    status, said = run(evil, "-o", out, "-n", 1)
    header = (out / "src/model.h").read_text()
    if status != 0 or "\n#error" in header or 'system("' in header:
        sys.exit(f"a model's name is not a string any more: {said}{header[:600]}")
print("sparse-hls refuses what it should")
