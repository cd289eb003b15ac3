"""Models and settings change while events flow: nothing is lost, nothing is scored half by
each, and every decision says what it was made with."""
import hashlib
import json
import signal
import threading
import time
import urllib.request

import pytest

from started import Started

CONFIG = """
[detector]
name = "change"
ticks = 6400
[[detector.plane]]
id = 2
wires = 3456
scale = 0.0625
[readout]
endpoints = ["@ipc://{folder}/readout"]
pattern = "pull"
event_timeout = "60 s"
event_slots = 16
[[engine.model]]
file = "{model}"
[[trigger.rule]]
name = "first"
label = "neutrino"
threshold = {threshold}
[output]
decisions = ["@ipc://{folder}/decisions"]
record = {{ directory = "{folder}/records" }}
[service]
http = "127.0.0.1:{port}"
control = ["@ipc://{folder}/control"]
"""
SIZES = ["t", "s", "m", "l"]
FIXED = ["run", "subrun", "event"]


class Change(Started):
    """sparsed with a control socket, the published networks, and who asks for changes."""

    patience_s = 60

    def __init__(self, run, free_port, folder, shared):
        self.run, self.folder, self.shared = run, folder, shared
        self.port = free_port()
        (folder / "records").mkdir()
        self.write("l")
        self.log = (folder / "sparsed.log").open("a+")
        self.process = run("sparsed", "--config", folder / "trigger.toml", start=True,
                           stderr=self.log)
        self.wait(lambda: self.ask("status").returncode == 0)
        for words in (["configure"], ["start", "1"]):
            done = self.ask(*words)
            assert done.returncode == 0, done.stderr

    def write(self, size, **more):
        values = {"threshold": 0.5, **more}
        (self.folder / "trigger.toml").write_text(CONFIG.format(
            folder=self.folder, port=self.port, model=self.model(size), **values))

    def model(self, size):
        return self.shared / "golden" / f"neutrino-sparse_{size}-16b.model.h5"

    def ask(self, *words):
        return self.run("sparsectl", "-e", f"ipc://{self.folder}/control", *words)

    def metrics(self):
        url = f"http://127.0.0.1:{self.port}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode().splitlines()

    def metric(self, name):
        return sum(float(line.split()[-1]) for line in self.metrics() if line.startswith(name))

    def collect(self, count):
        process = self.run("sparse-decisions", f"ipc://{self.folder}/decisions", "--json",
                           "--count", count, "--timeout", 60, start=True)
        time.sleep(0.5)  # a PUB socket sends nothing to who is not there yet
        return process

    def replay(self, loops, *options, events=20):
        """The first `events` events, `loops` times, each time with another run number."""
        return self.run("sparse-replay", self.shared / "events" / "real-windows.h5", "--to",
                        f"ipc://{self.folder}/readout", "--events", f":{events}", "--loops", loops,
                        "--preload", *options, start=True)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.logged()
        assert "ledger closes" in self.logged(), self.logged()


@pytest.fixture
def change(run, free_port, tmp_path, shared_dir):
    return Change(run, free_port, tmp_path, shared_dir)


def expected(shared, sizes):
    """{sha256 of a model: {(subrun, event): raw score of its published window}}, and where
    that window is: from the golden vectors, which know nothing of changes."""
    import h5py
    with h5py.File(shared / "events" / "real-windows.h5") as f:
        identities = [tuple(map(int, i[1:])) for i in f["event_table/event_id"][()]]
        places = [tuple(map(int, w)) for w in f["window_table/plane_tick_wire"][()]]
    by_model = {}
    for size in sizes:
        name = shared / "golden" / f"neutrino-sparse_{size}-16b"
        digest = hashlib.sha256(name.with_name(name.name + ".model.h5").read_bytes()).hexdigest()
        with h5py.File(name.with_name(name.name + ".vectors.h5")) as f:
            out = f["expected"][sorted(f["expected"])[-1]]["out"][()].reshape(len(identities), -1)
        by_model[digest] = {i: raw.tolist() for i, raw in zip(identities, out)}
    return by_model, dict(zip(identities, places))


def check_scores(decisions, by_model, places):
    """Every decision has, in its published window, the bits of the model that it names."""
    for d in decisions:
        identity = int(d["subrun"]), int(d["event"])
        at = [w["score_raw"] for w in d["windows"]
              if (w["plane"], w["first_bin"], w["first_wire"]) == places[identity]]
        assert [[int(x) for x in raw] for raw in at] == \
            [by_model[d["models"][0]["sha256"]][identity]]


def test_ten_swaps_under_load(change):
    """A swap at any moment but an event's boundary once gave events whose windows were cut
    for one network and scored by another."""
    by_model, places = expected(change.shared, SIZES)
    loops = 40
    printer = change.collect(20 * loops)
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(printer.stdout))
    reader.start()
    sender = change.replay(loops, "--rate", "200")
    for i in range(10):
        change.wait(lambda: change.metric("sparsed_decisions_published_total") >= 20 + 60 * i)
        done = change.ask("model", change.model(SIZES[i % len(SIZES)]))
        assert done.returncode == 0, done.stderr
    assert sender.wait(120) == 0, sender.stderr.read()
    reader.join(60)
    decisions = [json.loads(line) for line in lines]
    assert len({tuple(d[k] for k in FIXED) for d in decisions}) == 20 * loops, "one each"
    turns = [d["models"][0]["sha256"] for d in decisions]
    changes = sum(a != b for a, b in zip(turns, turns[1:]))
    assert changes == 10, "events leave in the order in which models came"
    check_scores(decisions, by_model, places)
    change.stop()
    check_records(change, decisions)


def check_records(change, decisions):
    """A file of the recorder is one model's: what it says of models is true of all of it."""
    import h5py
    accepted = {tuple(int(d[k]) for k in FIXED): d["models"][0]["sha256"]
                for d in decisions if d["accept"]}
    found = {}
    for path in (change.folder / "records").glob("*.h5"):
        with h5py.File(path) as f:
            sha256, = (s.decode() for s in f.attrs["models_sha256"])
            for identity in f["decision_table/event_id"][()]:
                found[tuple(map(int, identity))] = sha256
    assert found == {k: v for k, v in accepted.items() if k in found}
    lost = change_lost(change)
    assert len(found) + lost == len(accepted)


def change_lost(change):
    """Accepted events that the recorder had no time for, by the run's last line of status."""
    import re
    lines = re.findall(r"not recorded (\d+)", change.logged())
    return int(lines[-1]) if lines else 0


def test_what_does_not_fit_is_refused_and_said(change):
    """Both values are in the sentence: nobody has to look up which network it was."""
    before = change.ask("config").stdout
    full = change.shared / "golden" / "jet-sparse_l-16b.model.h5"
    done = change.ask("model", full)
    assert done.returncode != 0
    assert "jet-sparse_l-16b takes ready-made images" in done.stderr
    done = change.ask("model", change.folder / "nowhere.h5")
    assert done.returncode != 0 and "nowhere.h5" in done.stderr
    text = (change.folder / "trigger.toml").read_text()
    (change.folder / "trigger.toml").write_text(text.replace("event_slots = 16",
                                                             "event_slots = 17"))
    done = change.ask("reload")
    assert done.returncode != 0
    assert "readout.event_slots = 16, wanted 17" in done.stderr, done.stderr
    assert change.ask("config").stdout == before
    change.stop()


def test_a_reload_is_in_force_at_once(change):
    """Settings of before and after once met in one event: the threshold was the old one's,
    the hash in its decision the new one's."""
    printer = change.collect(120)
    sender = change.replay(6, "--rate", "60")
    change.wait(lambda: change.metric("sparsed_decisions_published_total") >= 20)
    change.write("l", threshold=2)
    done = change.ask("reload")
    assert done.returncode == 0, done.stderr
    assert "trigger.rule[0].threshold = 2.0, was 0.5" in done.stdout, done.stdout
    done = change.ask("prescale", "first", "7")
    assert done.returncode == 0, done.stderr
    assert sender.wait(60) == 0
    out, err = printer.communicate(timeout=60)
    decisions = [json.loads(line) for line in out.splitlines()]
    first = decisions[0]["configuration_sha256"]
    before = [d for d in decisions if d["configuration_sha256"] == first]
    assert decisions[:len(before)] == before and 20 <= len(before) < len(decisions)
    assert any(d["accept"] for d in before)
    assert not any(d["accept"] for d in decisions[len(before):]), "no score is above 2"
    assert "prescale = 7" in change.ask("config").stdout
    change.stop()


def test_a_shadow_changes_nothing_and_is_compared(change):
    """The candidate is another network: its scores differ, and no decision shows it."""
    done = change.ask("shadow", change.model("t"), "--share", "1")
    assert done.returncode == 0, done.stderr
    printer = change.collect(40)
    assert change.replay(1, "--rate", "100", events=40).wait(60) == 0
    out, err = printer.communicate(timeout=60)
    decisions = [json.loads(line) for line in out.splitlines()]
    check_scores(decisions, *expected(change.shared, ["l"]))
    change.wait(lambda: change.metric("sparsed_shadow_events_total")
                + change.metric("sparsed_shadow_skipped_total") == 40)
    compared = change.metric("sparsed_shadow_events_total")
    assert compared > 10
    assert change.metric('sparsed_shadow_windows_total{le="+Inf"}') > \
        change.metric('sparsed_shadow_windows_total{le="0.001"}') > 0
    assert change.ask("shadow", "off").returncode == 0
    assert not any(line.startswith("sparsed_shadow") for line in change.metrics())
    change.stop()
