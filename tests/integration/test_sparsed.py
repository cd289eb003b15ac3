"""The whole trigger, from outside: the real programs, real sockets, real files."""
import json
import signal
import time
import urllib.request

import pytest

from started import Started

DETECTOR = """
[detector]
name = "test"
ticks = {ticks}
[[detector.plane]]
id = 2
wires = {wires}
scale = 0.0625
"""

COMMON = """
[readout]
endpoints = ["@tcp://127.0.0.1:{readout}"]
pattern = "pull"
event_timeout = "{timeout}"
event_slots = 16
[[engine.model]]
file = "{model}"
[[trigger.rule]]
name = "first"
label = "{label}"
threshold = 0.5
[output]
decisions = ["@tcp://127.0.0.1:{decisions}"]
[service]
http = "127.0.0.1:{http}"
metrics = []
"""


class Daemon(Started):
    """A running sparsed with ports of its own."""

    def __init__(self, run, free_port, folder, model, label, timeout="20 s", detector=None,
                 overrides=(), replaces=None, alive="readyz"):
        self.ports = replaces.ports if replaces else {
            k: free_port() for k in ("readout", "decisions", "http")}
        if isinstance(detector, dict):
            detector = DETECTOR.format(**detector)
        text = (detector or "") + COMMON.format(
            model=model, label=label, timeout=timeout, **self.ports)
        path = folder / "trigger.toml"
        path.write_text(text)
        arguments = ["--config", path]
        for override in overrides:
            arguments += ["--set", override]
        self.log = (folder / "sparsed.log").open("a+")
        self.process = run("sparsed", *arguments, start=True, stderr=self.log)
        self.wait(lambda: self.page(alive) is not None)

    def page(self, name):
        try:
            url = f"http://127.0.0.1:{self.ports['http']}/{name}"
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return None

    def address(self, what):
        return f"tcp://127.0.0.1:{self.ports[what]}"

    def stop(self):
        """SIGTERM; gives the run's last line. The ledger has to close."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.logged()
        last = self.logged().strip().splitlines()[-1]
        assert "in flight 0" in last and "ledger closes" in last, last
        return last


@pytest.fixture
def start(run, free_port, tmp_path):
    return lambda *a, **k: Daemon(run, free_port, tmp_path, *a, **k)


@pytest.fixture
def neutrino(start, shared_dir):
    """sparsed with the published neutrino network on plane 2."""
    def call(name="neutrino-sparse_l-16b", **more):
        more.setdefault("detector", {"ticks": 6400, "wires": 3456})
        return start(shared_dir / "golden" / f"{name}.model.h5", "neutrino", **more)
    return call


def collect(run, daemon, count):
    """Starts sparse-decisions and waits until it is subscribed; the running process."""
    process = run("sparse-decisions", daemon.address("decisions"), "--json", "--count", count,
                  "--timeout", 60, start=True)
    time.sleep(0.5)  # a PUB socket sends nothing to who is not there yet
    return process


def decisions_of(process):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return [json.loads(line) for line in out.splitlines()]


def vectors(shared, name):
    import h5py
    with h5py.File(shared / "golden" / f"{name}.vectors.h5") as f:
        last = sorted(f["expected"])[-1]
        return f["expected"][last]["out"][()].reshape(len(f["input"]), -1)


def real_windows(shared):
    import h5py
    with h5py.File(shared / "events" / "real-windows.h5") as f:
        ids = f["event_table/event_id"][()]
        return [(tuple(map(int, i)), tuple(map(int, w)))
                for i, w in zip(ids, f["window_table/plane_tick_wire"][()])]


def check_real_windows(shared, name, decisions):
    """Each event's window is where window_table says, with the vectors' raw output."""
    expected = vectors(shared, name)
    by_id = {(int(d["run"]), int(d["subrun"]), int(d["event"])): d for d in decisions}
    assert len(by_id) == len(expected)
    for (identity, (plane, first_bin, first_wire)), raw in zip(real_windows(shared), expected):
        d = by_id[identity]
        at = [w for w in d["windows"] if (w["plane"], w["first_bin"], w["first_wire"]) ==
              (plane, first_bin, first_wire)]
        assert len(at) == 1, "exactly one tile stands where the published window is"
        assert [int(x) for x in at[0]["score_raw"]] == raw.tolist()
        assert len(d["windows"]) == 35
        # the rest of the plane is empty, and an empty window scores as it scores
        best = max(w["score"][0] for w in d["windows"])
        assert d["accept"] == (best > 0.5)


@pytest.mark.parametrize("name, options", [
    ("neutrino-sparse_l-16b", ["--type", "float32"]),
    ("neutrino-sparse_l-16b", ["--type", "int16", "--encoding", "zstd", "--checksum"]),
    ("neutrino-sparse_l-8b", ["--wires-per-fragment", "100", "--shuffle", "1", "--sources", "3"]),
    ("neutrino-full-8b", ["--type", "int16", "--encoding", "lz4", "--missing", "zeros"]),
])
def test_real_windows_get_the_vectors_decisions(neutrino, run, shared_dir, name, options):
    daemon = neutrino(name)
    printer = collect(run, daemon, 100)
    done = run("sparse-replay", shared_dir / "events" / "real-windows.h5", "--to",
               daemon.address("readout"), *options, timeout=200)
    assert done.returncode == 0, done.stderr
    check_real_windows(shared_dir, name, decisions_of(printer))
    assert "in 100 = " in daemon.stop()


@pytest.mark.parametrize("name, label, dataset", [
    *[(name, label, dataset) for dataset in ("input", "input_float") for name, label in (
        ("jet-sparse_l-16b", "t"), ("sparsemnist-sparse_s-8b", "7"), ("sparsemnist-full-8b", "0"),
        ("hgq-jet", "t"))],
    # several channels, and a threshold below 0: what holds nothing is active
    ("v2-multichannel", "out0", "input"), ("v2-crowded", "out0", "input")])
def test_images_get_the_vectors_outputs(start, run, shared_dir, name, label, dataset):
    daemon = start(shared_dir / "golden" / f"{name}.model.h5", label)
    printer = collect(run, daemon, 100)
    done = run("sparse-replay", shared_dir / "golden" / f"{name}.vectors.h5", "--dataset", dataset,
               "--to", daemon.address("readout"))
    assert done.returncode == 0, done.stderr
    decisions = sorted(decisions_of(printer), key=lambda d: int(d["event"]))
    if name.startswith("hgq"):  # its last layer is computed on the host
        import h5py
        with h5py.File(shared_dir / "golden" / f"{name}.vectors.h5") as f:
            expected = f["training/predictions"][()]
        for d, scores in zip(decisions, expected):
            assert d["windows"][0]["score"] == pytest.approx(scores.tolist(), abs=1e-6)
    else:
        expected = vectors(shared_dir, name)
        for d, raw in zip(decisions, expected):
            assert [int(x) for x in d["windows"][0]["score_raw"]] == raw.tolist()
    assert "in 100 = " in daemon.stop()


def test_garbage_is_counted_and_the_rest_goes_on(neutrino, run, shared_dir):
    """A message that nobody could read once took its neighbours with it."""
    import numpy
    import zmq

    import sparsed
    daemon = neutrino(detector={"ticks": 6400, "wires": 512}, timeout="300 ms")
    socket = zmq.Context.instance().socket(zmq.PUSH)
    socket.connect(daemon.address("readout"))
    samples = numpy.zeros((512, 6400), dtype="<i2")

    def parts(**more):
        header = {"run": 7, "subrun": 0, "event": 1, "source_id": 9, "sequence": 0, "plane": 2,
                  "first_wire": 0, "event_time_ns": 5, **more}
        return list(sparsed.fragment(samples, **header))

    good = parts()
    for bad in ([b"x"], [b"x", b"y"], [b"x"] * 4, [b"x", b"\xff" * 40, b""],
                [good[0], good[1][:10], good[2]], [good[0], good[1], good[2][:-1]],
                parts(plane=5), parts(first_wire=1), [good[0], good[1], good[2] + b"z"]):
        socket.send_multipart(bad)
    socket.send_multipart(good)
    socket.send_multipart(good)  # late: the event is over
    daemon.wait(lambda: daemon.metric("sparsed_fragments_received_total") == 11)
    daemon.wait(lambda: daemon.metric('sparsed_events_total{fate="rejected"') == 1)
    daemon.wait(lambda: daemon.metric("sparsed_fragments_total{") == 11)
    page = daemon.page("metrics")
    for fate, count in (("bad_frame", 3), ("bad_plane", 1), ("bad_shape", 1), ("bad_size", 2),
                        ("late", 1), ("assembled", 1)):
        seen = sum(float(line.split()[-1]) for line in page.splitlines()
                   if line.startswith("sparsed_fragments_total{") and f'fate="{fate}"' in line)
        assert seen == count, (fate, page)
    assert "in 1 = " in daemon.stop()
    socket.close(0)


@pytest.mark.parametrize("policy, fate", [("mask", "rejected"), ("drop", "timeout")])
def test_a_missing_wire_is_marked_or_the_event_dropped(neutrino, run, policy, fate):
    import numpy

    import sparsed
    daemon = neutrino(detector={"ticks": 6400, "wires": 512}, timeout="200 ms",
                      overrides=[f"readout.incomplete={policy}"])
    printer = collect(run, daemon, 1) if policy == "mask" else None
    with sparsed.Sender(daemon.address("readout")) as sender:
        sender.send(numpy.zeros((500, 6400), dtype="<i2"), run=1, subrun=0, event=3, plane=2,
                    first_wire=0, event_time_ns=1)
        daemon.wait(lambda: daemon.metric(f'sparsed_events_total{{fate="{fate}"') == 1)
    if printer:
        d = decisions_of(printer)[0]
        assert d["incomplete"]
        assert [(m["plane"], m["first_wire"], m["wires"], m["source_id"], m["why"])
                for m in d["missing"]] == [(2, 500, 12, None, "deadline")]
        # of 512 wires the image takes 63 x 8 = 504: four of its own are missing
        assert [w["missing_wires"] for w in d["windows"]] == [4] * len(d["windows"])
    daemon.stop()


def test_killed_and_started_again(neutrino, run, shared_dir, tmp_path, free_port):
    """SIGKILL in mid-run: what was flushed can be read, the sockets are free again, the
    replay that was running goes on into the new daemon."""
    import h5py
    records = tmp_path / "records"
    records.mkdir()
    overrides = [f"output.record.directory={records}", 'output.record.flush="10 ms"',
                 f"readout.endpoints=['@ipc://{tmp_path}/readout']",
                 "trigger.rule[0].threshold=-1"]
    first = neutrino(overrides=overrides)
    replay = run("sparse-replay", shared_dir / "events" / "real-windows.h5", "--to",
                 f"ipc://{tmp_path}/readout", "--rate", "40Hz", "--loops", "2", start=True)
    first.wait(lambda: first.metric("sparsed_recorded_events_total") >= 5)
    first.process.kill()
    first.process.wait()
    files = sorted(records.glob("*.h5"))
    with h5py.File(files[0], "r") as f:
        assert len(f["decision_table/event_id"]) >= 5
    second = neutrino(overrides=overrides, replaces=first)
    _, err = replay.communicate(timeout=120)
    assert replay.returncode == 0, err
    second.wait(lambda: second.metric("sparsed_events_in_total") > 20)
    second.stop()
    assert len(sorted(records.glob("*.h5"))) > len(files)


def test_recorded_samples_can_be_replayed(neutrino, run, shared_dir, tmp_path):
    """Last week's run through this week's trigger: the same bits come out."""
    records = tmp_path / "records"
    records.mkdir()
    daemon = neutrino(overrides=[f"output.record.directory={records}",
                                 "output.record.contents=['decision','windows','samples']"])
    printer = collect(run, daemon, 20)
    done = run("sparse-replay", shared_dir / "events" / "real-windows.h5", "--events", "0:20",
               "--to", daemon.address("readout"), "--encoding", "lz4")
    assert done.returncode == 0, done.stderr
    first = {d["event"]: d for d in decisions_of(printer)}
    daemon.stop()
    accepted = {e for e, d in first.items() if d["accept"]}
    assert accepted
    (tmp_path / "again").mkdir()
    files = sorted(records.glob("*.h5"))
    daemon = neutrino()
    printer = collect(run, daemon, len(accepted))
    done = run("sparse-replay", *files, "--to", daemon.address("readout"))
    assert done.returncode == 0, done.stderr
    second = {d["event"]: d for d in decisions_of(printer)}
    assert set(second) == accepted
    for event in accepted:
        assert second[event]["windows"] == first[event]["windows"]
    daemon.stop()


@pytest.mark.parametrize("override, status, words", [
    ("readout.event_slots=0", 2, "readout.event_slots"),
    ("readout.event_slts=1", 2, "event_slots"),
    ("imaging.pool_wires=7", 2, "8"),
    ("trigger.rule[0].label=muon", 2, "muon"),
    ("engine.model[0].file=/nowhere.h5", 1, "/nowhere.h5"),
    ("output.record.directory=/nowhere", 1, "/nowhere"),
    ("readout.endpoints=['@tcp://256.0.0.1:1']", 2, "256.0.0.1"),
    ("readout.endpoints=['@ipc:///nowhere/door']", 1, "/nowhere/door"),
    ("service.http=203.0.113.1:80", 1, "203.0.113.1"),
])
def test_a_wrong_setting_is_one_clear_sentence(run, free_port, shared_dir, tmp_path, override,
                                               status, words):
    text = DETECTOR.format(ticks=6400, wires=512) + COMMON.format(
        model=shared_dir / "golden" / "neutrino-sparse_l-16b.model.h5", label="neutrino",
        timeout="1 s", **{k: free_port() for k in ("readout", "decisions", "http")})
    (tmp_path / "t.toml").write_text(text)
    done = run("sparsed", "--config", tmp_path / "t.toml", "--set", override)
    assert done.returncode == status, done.stderr
    wrong = [line for line in done.stderr.splitlines() if not line.startswith(("info", "warn"))]
    assert len(wrong) == 1 and words in wrong[0], done.stderr


def test_the_whole_detector_is_tiled_by_85_windows(start, shared_dir):
    """35 on the collection plane, 25 on each of the others, the last ones flush with the end."""
    planes = "".join(f"[[detector.plane]]\nid = {i}\nwires = {w}\n"
                     for i, w in ((0, 2400), (1, 2400), (2, 3456)))
    model = shared_dir / "golden" / "neutrino-sparse_l-16b.model.h5"
    text = '[detector]\nname = "whole"\nticks = 6400\n' + planes
    daemon = start(model, "neutrino", detector=text)
    assert "85 windows an event" in daemon.logged()
    daemon.stop()
