"""What sparse-replay refuses: files that lie, and command lines."""
import h5py
import numpy as np
import pytest

from wirefile import make_file, two_events


def spoil(path, name, values=None):
    with h5py.File(path, "a") as f:
        del f[name]
        if values is not None:
            f[name] = values


N = 6  # rows of two_events()
BAD = {
    "no wire_table": (lambda p: spoil(p, "wire_table"), "no wire_table in it"),
    "no adc": (lambda p: spoil(p, "wire_table/adc"), "no wire_table/adc in it"),
    "no plane": (lambda p: spoil(p, "wire_table/local_plane"), "no wire_table/local_plane"),
    "strings": (lambda p: spoil(p, "wire_table/local_wire", np.array([b"x"] * N).reshape(N, 1)),
                "holds neither integers nor floats"),
    "too few rows": (lambda p: spoil(p, "wire_table/local_wire", np.zeros((2, 1), "f4")),
                     "local_wire has 2 rows"),
    "adc of int32": (lambda p: spoil(p, "wire_table/adc", np.zeros((N, 8), "i4")),
                     "needs float32 or int16"),
    "adc of one dimension": (lambda p: spoil(p, "wire_table/adc", np.zeros(N, "f4")),
                             "needs [row][tick]"),
    "half a wire": (lambda p: spoil(p, "wire_table/local_wire", np.full((N, 1), 3.5, "f4")),
                    "is 3.5, not a wire"),
    "wire NaN": (lambda p: spoil(p, "wire_table/local_wire", np.full((N, 1), np.nan, "f4")),
                 "not a wire"),
    "negative plane": (lambda p: spoil(p, "wire_table/local_plane", np.full((N, 1), -1, "i4")),
                       "is -1, not a plane"),
    "unknown plane": (lambda p: spoil(p, "wire_table/local_plane", np.full((N, 1), 9, "i4")),
                      "plane 9 is not one of MicroBooNE"),
    "wire past the plane": (lambda p: spoil(p, "wire_table/local_wire",
                                            np.arange(N, dtype="f4").reshape(N, 1) + 4000),
                            "--plane 2:WIRES"),
    "counts past the end": (lambda p: spoil(p, "wire_table/event_id.seq_cnt",
                                            np.array([[0, 5], [1, 900]], "i8")),
                            "counts more rows than there are"),
    "counts of no event": (lambda p: spoil(p, "wire_table/event_id.seq_cnt",
                                           np.array([[0, 5], [7, 1]], "i8")), "names event 7"),
    "counts that lie": (lambda p: spoil(p, "wire_table/event_id.seq_cnt",
                                        np.array([[0, 4], [1, 2]], "i8")), "is not of event"),
    "an event twice": (lambda p: spoil(p, "event_table/event_id",
                                       np.array([[7, 1, 10]] * 2, "i4")), "is there twice"),
    "other tpc": (lambda p: h5py.File(p, "a").create_dataset("wire_table/tpc",
                                                             data=np.ones((N, 1), "i4")),
                  "only one TPC"),
    "truncated": (lambda p: p.write_bytes(p.read_bytes()[:3000]), "truncated file"),
    "empty file": (lambda p: p.write_bytes(b""), "cannot be opened as HDF5"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files(tmp_path, replay, name):
    """One sentence that names the file and what is wrong in it; never a crash."""
    damage, sentence = BAD[name]
    path = make_file(tmp_path / "bad.h5", two_events())
    damage(path)
    _, p = replay(path, rc=1)
    last = p.stderr.strip().splitlines()[-1]
    assert sentence in last and str(path) in last


def test_no_events_and_no_times(tmp_path, replay):
    path = make_file(tmp_path / "none.h5", [])
    assert "no event in it" in replay(path, rc=1)[1].stderr
    path = make_file(tmp_path / "e.h5", two_events())
    assert "no recorded times" in replay(path, "--speed", 1, rc=1)[1].stderr
    assert "there are 2 events" in replay(path, "--events", "1:3", rc=1)[1].stderr


@pytest.mark.parametrize("arguments", [
    ("--rate", "fast"), ("--rate", "0"), ("--rate", "-3Hz"), ("--speed", "nan"),
    ("--rate", "3", "--speed", "2"), ("--events", "5:5"), ("--events", "a:b"), ("--plane", "2"),
    ("--plane", "2:10", "--plane", "2:12"), ("--type", "int8"), ("--scale", "0"),
    ("--encoding", "gzip"), ("--wait", "5 parsecs"), ("--sources", "0"), ("--full", "drop"),
    ("--no-such-option",)])
def test_wrong_command_lines(run, arguments):
    """Refused with status 2 before any file is opened."""
    p = run("sparse-replay", "absent.h5", "--to", "tcp://127.0.0.1:9", *arguments)
    assert p.returncode == 2 and "absent.h5:" not in p.stderr
