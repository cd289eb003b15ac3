"""sparsed.score: whole runs on many cores, or on a Dask cluster. Whoever scores a piece, the
file is sparse-score's, value by value; a lost worker costs a piece another try, and no event."""
import os
import signal
import threading
import time

import h5py
import numpy as np
import pytest

sparsed = pytest.importorskip("sparsed")
MODEL = "neutrino-l-16b"
EVENTS = 120  # 10,200 windows


@pytest.fixture(scope="module", autouse=True)
def library():
    """The library is not built with sanitizers, which python has not got."""
    from sparsed.scoring import library
    if not os.path.exists(os.path.join(os.path.dirname(library.__file__), os.pardir,
                                       "libsparsed_score.so")):
        pytest.fail("no libsparsed_score.so in the package")


@pytest.fixture(scope="module")
def model():
    from conftest import SOURCE
    return SOURCE / "config" / "models" / f"{MODEL}.model.h5"


@pytest.fixture(scope="module")
def events(bin_dir, tmp_path_factory):
    """Two files of simulated events, 80 and 40."""
    import subprocess
    folder = tmp_path_factory.mktemp("events")
    files = [folder / "a.h5", folder / "b.h5"]
    for seed, (file, number) in enumerate(zip(files, (80, 40)), 1):
        subprocess.run([bin_dir / "sparse-simulate", "--windows", file, "--events", str(number),
                        "--seed", str(seed), "--quiet"], check=True)
    return files


def tables(path):
    """Every data set, and every attribute but where the events come from."""
    with h5py.File(path) as file:
        sets = {f"{t}/{c}": d[:] for t, group in file.items() for c, d in group.items()}
        return sets, {k: v for k, v in file.attrs.items() if k != "source"}


def equal(path, other):
    (sets, attributes), (others, other_attributes) = tables(path), tables(other)
    assert sets.keys() == others.keys()
    for name, values in sets.items():
        assert np.array_equal(values, others[name], equal_nan=values.dtype.kind == "f"), name
    assert attributes.keys() == other_attributes.keys()
    for name, value in attributes.items():
        assert np.array_equal(value, other_attributes[name]), name


@pytest.fixture(scope="module")
def answer(bin_dir, events, model, tmp_path_factory):
    """What sparse-score says of the first file."""
    import subprocess
    path = tmp_path_factory.mktemp("answer") / "scores.h5"
    subprocess.run([bin_dir / "sparse-score", model, events[0], "-o", path, "--quiet"], check=True)
    return path


def test_cores_give_what_one_process_gives(events, model, answer, tmp_path):
    done = sparsed.score(events[0], model, output=tmp_path / "s.h5", workers=2, piece_events=7)
    equal(tmp_path / "s.h5", answer)
    assert (done.events, done.pieces, done.lost_workers) == (80, 12, 0)
    assert done.events == done.accepted + done.rejected
    assert done.windows == 80 * 85


def test_a_terminal_gets_a_bar(events, model, tmp_path, monkeypatch):
    """It grows to the last event; who writes to a file gets none of it."""
    import io
    import sys
    for terminal in (True, False):
        stream = io.StringIO()
        stream.isatty = lambda terminal=terminal: terminal
        monkeypatch.setattr(sys, "stderr", stream)
        sparsed.score(events[1], model, output=tmp_path / "s.h5", workers=1, piece_events=10)
        lines = stream.getvalue().split("\r")[1:]
        assert [line.split("/")[0].split()[-1] for line in lines] == (
            ["10", "20", "30", "40"] if terminal else [])
        assert not terminal or ("100 %" in lines[-1] and lines[-1].endswith("\n"))


def test_files_follow_each_other(bin_dir, events, model, answer, tmp_path):
    """A second file's rows go on where the first one's end, and its name stands in the result."""
    sparsed.score(events, model, output=tmp_path / "s.h5", workers=2, piece_events=50)
    with h5py.File(tmp_path / "s.h5") as both, h5py.File(answer) as first:
        n = len(first["window_table/score"])
        assert np.array_equal(both["window_table/score"][:n], first["window_table/score"][:])
        assert list(both["decision_table/event_id.seq_cnt"][:, 0]) == list(range(EVENTS))
        assert both.attrs["source"].split("\n") == [str(file) for file in events]


def test_a_killed_process_costs_no_event(events, model, answer, tmp_path):
    """A worker of this machine is killed before it can have scored everything."""
    killed = []

    def kill():
        children = f"/proc/{os.getpid()}/task/{os.getpid()}/children"
        before = set(open(children).read().split())
        while not killed:
            for pid in set(open(children).read().split()) - before:
                if "spawn_main" in open(f"/proc/{pid}/cmdline").read():
                    os.kill(int(pid), signal.SIGKILL)
                    killed.append(pid)
                    break
            time.sleep(0.01)

    hunter = threading.Thread(target=kill)
    # The pool's processes are children of this thread's: the hunter only looks.
    hunter.start()
    done = sparsed.score(events[0], model, output=tmp_path / "s.h5", workers=2, piece_events=5)
    hunter.join()
    assert done.lost_workers > 0
    equal(tmp_path / "s.h5", answer)


def test_a_cluster_gives_what_one_process_gives(events, model, answer, tmp_path):
    """LocalCluster, 10,200 windows, one worker killed on the way."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None,
                                  local_directory=str(tmp_path)) as cluster, \
            distributed.Client(cluster) as client:
        sparsed.score(events[0], model, output=tmp_path / "s.h5", client=client, piece_events=9)
        equal(tmp_path / "s.h5", answer)

        victim = next(iter(cluster.workers.values())).pid
        threading.Timer(0.05, os.kill, (victim, signal.SIGKILL)).start()
        done = sparsed.score(events, model, output=tmp_path / "k.h5", client=client,
                             piece_events=3)
    assert (done.events, done.windows) == (EVENTS, EVENTS * 85)
    sparsed.score(events, model, output=tmp_path / "c.h5", workers=2)
    equal(tmp_path / "k.h5", tmp_path / "c.h5")


@pytest.mark.parametrize("wrong, sentence", [
    (dict(files="none.h5"), "none.h5"),
    (dict(model="none.model.h5"), "none.model.h5"),
    (dict(settings={"trigger.max_accept_rate": "5 Hz"}, piece_events=3),
     "trigger.max_accept_rate = 5 Hz: hangs on all events before"),
    (dict(settings={"trigger.rule[0].treshold": 1}), "did you mean trigger.rule[0].threshold"),
    (dict(config="some.toml"), "give a model or a configuration"),
    (dict(files=[]), "no file to score"),
])
def test_what_is_wrong_is_one_sentence_and_leaves_nothing(wrong, sentence, events, model, tmp_path):
    asked = dict(files=events[1], model=model, output=tmp_path / "s.h5", workers=1) | wrong
    with pytest.raises(sparsed.ScoreError) as why:
        sparsed.score(asked.pop("files"), asked.pop("model"), **asked)
    assert sentence in str(why.value) and "\n" not in str(why.value)
    assert not list(tmp_path.iterdir())


def test_a_damaged_file_is_named(events, model, tmp_path):
    """The second of two files is cut off: the first one's scores are not left behind either."""
    damaged = tmp_path / "cut.h5"
    damaged.write_bytes(events[1].read_bytes()[:20000])
    with pytest.raises(sparsed.ScoreError, match="cut.h5"):
        sparsed.score([events[0], damaged], model, output=tmp_path / "s.h5", workers=1)
    assert [file.name for file in tmp_path.iterdir()] == ["cut.h5"]
