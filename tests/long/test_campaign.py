"""Longer than CI has time for: every network through the daemon, kills at random
moments, a soak. Each prints the figures that docs/reliability.md quotes."""
import os
import pathlib
import random
import resource
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from conftest import *  # noqa: E402,F401,F403  the fixtures of the black-box tests
from test_sparsed import (check_real_windows, collect, decisions_of, neutrino,  # noqa: E402,F401
                          start, vectors)

SHARED = pathlib.Path(os.environ.get("SPARSED_SHARED", "../shared"))
MODELS = sorted(p.name[:-len(".model.h5")] for p in (SHARED / "golden").glob("*.model.h5"))
SOAK_S = float(os.environ.get("SPARSED_SOAK_S", "120"))
KILLS = int(os.environ.get("SPARSED_KILLS", "20"))


@pytest.mark.parametrize("name", [m for m in MODELS if m.startswith("neutrino")])
def test_every_neutrino_network(neutrino, run, shared_dir, name):
    daemon = neutrino(name)
    printer = collect(run, daemon, 100)
    done = run("sparse-replay", shared_dir / "events" / "real-windows.h5", "--to",
               daemon.address("readout"), timeout=300)
    assert done.returncode == 0, done.stderr
    check_real_windows(shared_dir, name, decisions_of(printer))
    daemon.stop()


@pytest.mark.parametrize("name", [
    m for m in MODELS if not m.startswith(("neutrino", "hgq-neutrino", "stress-neutrino"))])
def test_every_image_network(start, run, shared_dir, name):
    import h5py
    with h5py.File(shared_dir / "golden" / f"{name}.model.h5") as f:
        label = f.attrs["labels"][0]
        host = f["layers"][sorted(f["layers"])[-1]].attrs["class"] in ("sigmoid", "softmax")
    label = label.decode() if isinstance(label, bytes) else label
    daemon = start(shared_dir / "golden" / f"{name}.model.h5", label)
    printer = collect(run, daemon, 100)
    done = run("sparse-replay", shared_dir / "golden" / f"{name}.vectors.h5", "--dataset", "input",
               "--to", daemon.address("readout"))
    assert done.returncode == 0, done.stderr
    decisions = sorted(decisions_of(printer), key=lambda d: int(d["event"]))
    if host:
        with h5py.File(shared_dir / "golden" / f"{name}.vectors.h5") as f:
            for d, scores in zip(decisions, f["training/predictions"][()]):
                assert d["windows"][0]["score"] == pytest.approx(scores.tolist(), abs=1e-6)
    else:
        for d, raw in zip(decisions, vectors(shared_dir, name)):
            assert [int(x) for x in d["windows"][0]["score_raw"]] == raw.tolist()
    daemon.stop()


def test_killed_at_random_moments(neutrino, run, shared_dir, tmp_path):
    """Every file that a SIGKILL left can be read, and the next daemon always starts."""
    import h5py
    records = tmp_path / "records"
    records.mkdir()
    overrides = [f"output.record.directory={records}", 'output.record.flush="20 ms"',
                 f"readout.endpoints=['@ipc://{tmp_path}/readout']", "trigger.rule[0].threshold=-1"]
    replay = run("sparse-replay", shared_dir / "events" / "real-windows.h5", "--to",
                 f"ipc://{tmp_path}/readout", "--rate", "100Hz", "--loops", "1000", "--preload",
                 start=True)
    random.seed(1)
    daemon = None
    for _ in range(KILLS):
        daemon = neutrino(overrides=overrides, replaces=daemon)
        daemon.wait(lambda: daemon.metric("sparsed_events_in_total") > 0)
        time.sleep(random.random())
        daemon.process.kill()
        daemon.process.wait()
    replay.kill()
    files = sorted(records.glob("*.h5"))
    events = unread = 0
    for path in files:
        try:
            with h5py.File(path, "r") as f:
                events += len(f["decision_table/event_id"])
        except (OSError, KeyError):
            unread += 1
    print(f"\nkills {KILLS}, files {len(files)}, of them unreadable {unread}, events {events}")
    assert events > 0 and unread <= 0


def test_soak_at_full_rate(neutrino, run, shared_dir):
    """As fast as replay can send, whole planes: nothing lost, no memory beyond what was taken."""
    daemon = neutrino()
    replay = run("sparse-replay", shared_dir / "events" / "real-windows.h5", "--to",
                 daemon.address("readout"), "--type", "int16", "--preload", "--loops", "1000000",
                 start=True)

    def resident_mib():
        with open(f"/proc/{daemon.process.pid}/statm") as f:
            return int(f.read().split()[1]) * resource.getpagesize() / 2**20

    daemon.wait(lambda: daemon.metric("sparsed_events_in_total") > 1000)
    begin, before = time.monotonic(), daemon.metric("sparsed_events_in_total")
    taken = daemon.metric("sparsed_memory_bytes") / 2**20  # at configure; touched as it is used
    largest = [0, 0]  # of the first half and of the second
    while (passed := time.monotonic() - begin) < SOAK_S:
        time.sleep(1)
        half = int(passed > SOAK_S / 2)
        largest[half] = max(largest[half], resident_mib())
    events, seconds = daemon.metric("sparsed_events_in_total") - before, time.monotonic() - begin
    replay.terminate()
    replay.wait(30)
    last = daemon.stop()
    print(f"\nsoak {seconds:.0f} s: {events:.0f} events, {events / seconds:.0f} Hz, resident at most "
          f"{largest[0]:.0f} MiB in the first half, {largest[1]:.0f} MiB in the second, taken {taken:.0f} MiB\n{last}")
    assert " lost 0 " in last or "(stop 1)" in last
    assert max(largest) < taken + 64  # libraries, and messages that libzmq holds
