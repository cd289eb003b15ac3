"""The Python package as it is carried to a batch farm: a wheel, in an environment that has nothing of
Debian's Python. There whole runs are scored, as HDF5 and as Parquet, and both say what sparse-score
says, value by value."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "integration"))
from conftest import bin_dir  # noqa: E402,F401  fixture

MODEL = SOURCE / "config" / "models" / "neutrino-l-16b.model.h5"
ABSENT = "a .parquet output needs the Python module pyarrow (pip install pyarrow)"

# Run in the wheel's environment: every value of the Parquet file stands in the score file.
COMPARE = """
import json, sys
import h5py, numpy as np, pyarrow.parquet as pq
parquet, answer, sources = sys.argv[1], sys.argv[2], sys.argv[3:]
table, file = pq.read_table(parquet), h5py.File(answer)
rows = table.to_pylist()
index = {i: n for i, n in file["window_table/event_id.seq_cnt"][:].tolist()}
assert len(rows) == len(file["event_table/event_id"])
compared = first = 0

def same(name, row, value):
    global compared
    stored = file[name][row]
    wide = value if isinstance(value, list) else [value]
    assert np.array_equal(np.asarray(wide, stored.dtype), stored.reshape(-1),
                          equal_nan=stored.dtype.kind == "f"), (name, row, value, stored)
    compared += 1

for i, row in enumerate(rows):
    same("event_table/event_id", i, row["event_id"])
    for part in ("event", "decision"):
        assert row[part].keys() == file[part + "_table"].keys() - {"event_id", "event_id.seq_cnt"}
        for name, value in row[part].items():
            same(f"{part}_table/{name}", i, value)
    assert len(row["windows"]) == index.get(i, 0), i
    for k, window in enumerate(row["windows"]):
        assert window.keys() == file["window_table"].keys() - {"event_id", "event_id.seq_cnt"}
        for name, value in window.items():
            same(f"window_table/{name}", first + k, value)
    first += len(row["windows"])
assert first == len(file["window_table/score"]) > 0
about = json.loads(table.schema.metadata[b"sparsed"] if b"sparsed" in (table.schema.metadata or {})
                   else pq.read_metadata(parquet).metadata[b"sparsed"])
assert about["source"] == sources and about["models"] == ["neutrino-l-16b"], about
print(compared, "values")
"""


def command(*arguments, **more) -> str:
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    """The python of an environment with the wheel and what it asks for; skips without the net."""
    folder = tmp_path_factory.mktemp("wheel")
    package = shutil.copytree(os.environ["SPARSED_PYTHON"], folder / "package")
    command(sys.executable, "-m", "venv", folder / "env")
    pip = folder / "env" / "bin" / "pip"
    got = subprocess.run([pip, "install", "-q", "-r", HERE / "requirements.txt"],
                         capture_output=True, text=True)
    if got.returncode != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(got.stderr[-500:])
    command(pip, "wheel", "-q", "--no-deps", "-w", folder / "wheels", package)
    (wheel,) = (folder / "wheels").iterdir()
    assert wheel.name.startswith("sparsed-") and "py3-none-linux" in wheel.name, wheel.name
    command(pip, "install", "-q", "--no-deps", wheel)
    return folder / "env" / "bin" / "python"


@pytest.fixture(scope="module")
def events(bin_dir, tmp_path_factory) -> list[Path]:  # noqa: F811
    """Two files of simulated events."""
    folder = tmp_path_factory.mktemp("events")
    files = [folder / "a.h5", folder / "b.h5"]
    for seed, (file, number) in enumerate(zip(files, (30, 20)), 1):
        command(bin_dir / "sparse-simulate", "--windows", file, "--events", number, "--seed", seed,
                "--quiet")
    return files


def score(python: Path, files: list[Path], output: Path, **more) -> subprocess.CompletedProcess:
    """sparsed.score by the wheel; nothing of this process's environment leads to the sources."""
    program = (f"import sparsed\nif __name__ == '__main__':\n    print(sparsed.score("
               f"{[str(f) for f in files]!r}, {str(MODEL)!r}, output={str(output)!r}, workers=2, "
               f"piece_events=7, **{more!r}).events)\n")
    script = output.with_suffix(".py")
    script.write_text(program)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run([python, script], capture_output=True, text=True, env=environment,
                          cwd=output.parent)


@pytest.mark.parametrize("no_empty", [False, True])
def test_parquet_has_the_same_values(bin_dir, python, events, tmp_path, no_empty):  # noqa: F811
    """Without empty windows an event may have none at all: it must keep its row."""
    whole = tmp_path / "whole.h5"
    done = score(python, events, whole, no_empty=no_empty)
    assert done.returncode == 0, done.stderr
    done = score(python, events, tmp_path / "whole.parquet", no_empty=no_empty)
    assert (done.returncode, done.stdout.strip()) == (0, "50"), done.stderr
    assert command(python, "-c", COMPARE, tmp_path / "whole.parquet", whole,
                   *events).endswith("values\n")
    one = tmp_path / "one.h5"
    command(bin_dir / "sparse-score", MODEL, events[0], "-o", one, "--quiet",
            *(["--no-empty"] if no_empty else []))
    done = score(python, events[:1], tmp_path / "one.parquet", no_empty=no_empty)
    assert done.returncode == 0, done.stderr
    command(python, "-c", COMPARE, tmp_path / "one.parquet", one, events[0])
    assert not list(tmp_path.glob("*.part"))


def test_what_is_wrong_leaves_nothing(python, events, tmp_path):
    damaged = tmp_path / "cut.h5"
    damaged.write_bytes(events[1].read_bytes()[:20000])
    done = score(python, [events[0], damaged], tmp_path / "s.parquet")
    assert "cut.h5" in done.stderr.strip().splitlines()[-1]
    assert not list(tmp_path.glob("s.parquet*"))


def test_without_pyarrow_it_is_said(events, tmp_path):
    """Debian has no pyarrow: the sentence says what to do, before anything is scored."""
    if subprocess.run([sys.executable, "-c", "import pyarrow"], capture_output=True).returncode == 0:
        pytest.skip("this python has pyarrow")
    program = ("import sparsed, sys\ntry:\n    sparsed.score(sys.argv[1], sys.argv[2], "
               "output='s.parquet')\nexcept sparsed.ScoreError as why:\n    print(why)\n")
    said = command(sys.executable, "-c", program, events[0], MODEL, cwd=tmp_path,
                   env={**os.environ, "PYTHONPATH": os.environ["SPARSED_PYTHON"]})
    assert said.strip() == ABSENT and not list(tmp_path.iterdir())
