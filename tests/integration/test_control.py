"""Runs, as a crew makes them: sparsectl and a daemon with a control socket."""
import json
import os
import pathlib
import signal
import socket
import threading
import time

import numpy as np
import pytest
import zmq

import doors
from started import Started

MODELS = pathlib.Path(__file__).resolve().parents[2] / "config" / "models"

IMAGES = """
[[engine.model]]
file = "{models}/digit-l-16b.model.h5"
[[trigger.rule]]
name = "seven"
label = "7"
threshold = 0.5
"""

WIRES = """
[detector]
name = "test"
ticks = 6400
[[detector.plane]]
id = 2
wires = 512
[[engine.model]]
file = "{models}/neutrino-t-16b.model.h5"
[[trigger.rule]]
name = "neutrino"
label = "neutrino"
"""

COMMON = """
[trigger]
pass_through = 2
[readout]
endpoints = ["@ipc://{folder}/readout"]
pattern = "pull"
event_timeout = "60 s"
[output]
decisions = ["@ipc://{folder}/decisions"]
[output.record]
directory = "{folder}/record"
[service]
http = ""
control = ["@ipc://{folder}/control"]
stop_limit = "20 s"
"""

OK, FAILED, BAD, REFUSED, SILENT, LATE, INCOMPLETE = range(7)


class Crew(Started):
    """A daemon, the operators' program, a source of images, and who listens."""

    patience_s = 40

    def __init__(self, run, folder, kind):
        import sparsed
        self.run, self.folder, self.sequence = run, folder, 0
        (folder / "record").mkdir()
        self.file = folder / "trigger.toml"
        self.write(kind)
        self.log = (folder / "log").open("a+")
        self.process = run("sparsed", "--config", self.file, start=True, stderr=self.log)
        self.decisions = sparsed.decisions(f"ipc://{folder}/decisions")
        self.records = sparsed.runs(f"ipc://{folder}/decisions")
        self.sender = sparsed.Sender(f"ipc://{folder}/readout", source_id=9)
        self.wait(lambda: self.ctl("status", "--timeout", "1").returncode == OK)

    def write(self, kind, more=""):
        text = COMMON.format(folder=self.folder) + kind.format(models=MODELS) + more
        self.file.write_text(text)

    def ctl(self, *words, **more):
        return self.run("sparsectl", "-e", f"ipc://{self.folder}/control", *words, **more)

    def good(self, *words):
        done = self.ctl(*words)
        assert done.returncode == OK, (words, done.stdout, done.stderr)
        return done.stdout

    def status(self):
        """What `sparsectl --json` shows, asked without a process: it is asked often."""
        from sparsed.control_pb2 import ControlReply, ControlRequest, RunStatus
        with zmq.Context.instance().socket(zmq.REQ) as req:
            req.linger = 0
            req.connect(f"ipc://{self.folder}/control")
            req.send(ControlRequest(schema_version=1).SerializeToString())
            assert req.poll(20000), self.logged()
            s = ControlReply.FromString(req.recv()).status
        lists = {name: account(getattr(s, name))
                 for name in ("times", "events", "fragments", "output", "all_events")}
        return {"state": RunStatus.State.Name(s.state).lower(), "runs": s.runs,
                "run_number": s.run_number, **lists}

    def send(self, first, count, run=3):
        rng = np.random.default_rng(first)
        for event in range(first, first + count):
            image = rng.integers(0, 2, (48, 48, 1)).astype("<i4")
            self.sender.send_image(image, run=run, subrun=0, event=event, event_time_ns=1)

    def decided(self, count):
        """The next decisions' event numbers."""
        events = []
        while len(events) < count:
            d = self.decisions.receive(30)
            assert d is not None, (len(events), count, self.logged())
            events.append(d.event)
        return events

    def record(self, kind):
        record = self.records.receive(30)
        assert record is not None and record.kind == kind, record
        return record

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.logged()
        last = self.logged().strip().splitlines()[-1]
        assert "in flight 0" in last and "ledger closes" in last, last
        return last


@pytest.fixture
def crew(run, tmp_path):
    made = []

    def make(kind=IMAGES):
        made.append(Crew(run, tmp_path, kind))
        return made[-1]
    yield make
    for one in made:
        one.sender.close(0)
        one.decisions.close()
        one.records.close()


def account(counts):
    return {c.name: c.value for c in counts}


def test_a_run_from_configure_to_stop(crew):
    """The night's first run: each step as an operator takes it, the records of the run, and
    the same account in the stream, in the file and on the operator's screen."""
    import h5py

    from sparsed import RunRecord
    c = crew()
    assert c.status()["state"] == "initial"
    c.good("configure")
    assert "CONFIGURED" in c.good("status")
    time.sleep(0.5)  # a PUB socket sends nothing to who is not there yet
    c.good("start", "1207", "--comment", "first beam")
    begin = c.record(RunRecord.BEGIN)
    assert (begin.run_number, begin.comment) == (1207, "first beam")
    assert "digit-l-16b.model.h5" in begin.configuration
    c.send(0, 40)
    assert sorted(c.decided(40)) == list(range(40))

    c.good("pause")
    c.wait(lambda: c.status()["times"]["paused"] > 0)
    c.send(40, 10)
    status = c.status()
    assert status["state"] == "paused" and status["events"]["in"] == 40
    assert json.loads(c.good("--json"))["status"]["events"] == status["events"]
    c.good("resume", "1207")
    assert sorted(c.decided(10)) == list(range(40, 50))

    said = c.good("stop")
    assert "in 50 = " in said
    end = c.record(RunRecord.END)
    events, times = account(end.events), account(end.times)
    assert end.complete and end.ended_by == "stop" and not end.unfinished
    assert events["in"] == 50 == sum(v for k, v in events.items() if k != "in")
    assert end.length_ns == sum(times.values()) and times["paused"] > 0
    assert end.configuration == begin.configuration
    assert end.configuration_sha256 == begin.configuration_sha256

    assert account(end.output)["published"] == 50
    accepted = events["accepted"]
    assert 0 < accepted < 50 and account(end.output)["recorded"] == accepted
    (path,) = (c.folder / "record").glob("*.h5")
    with h5py.File(path) as f:
        assert f["run"].attrs["number"] == 1207
        assert f["run/configuration"][()].decode() == begin.configuration
        last = dict(f["end_of_run"].attrs)
        assert last["events_in"] == 50 and last["output_recorded"] == accepted
        assert last["complete"] == 1 and last["length_ns"] > 0
        assert len(f["decision_table/event_id"]) == accepted
    c.end()


def test_the_same_events_again_in_the_next_runs(crew):
    """A second run of the same readout run was once all late: the first one's events were
    remembered. And a greeting that makes no sense, in any run but the first, once stopped
    libzmq's thread for good. Twenty runs, and neither descriptors nor threads grow."""
    c = crew()
    c.good("configure")
    pid = c.process.pid

    def threads():
        return len(os.listdir(f"/proc/{pid}/task"))

    def descriptors():
        return len(os.listdir(f"/proc/{pid}/fd"))

    between, open_then = threads(), 0
    for n in range(1, 21):
        c.good("start", str(n))
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(str(c.folder / "readout"))
            stranger.send(b"GET / HTTP/1.0\r\n\r\n" * 8)
        c.send(0, 10)
        c.wait(lambda: c.status()["events"]["in"] == 10)
        c.good("stop", str(n))
        status = c.status()
        events = status["events"]
        assert events["in"] == 10 == sum(v for k, v in events.items() if k != "in"), events
        assert status["fragments"]["assembled"] == 10, status["fragments"]
        assert status["all_events"]["in"] == 10 * n and status["runs"] == n
        c.wait(lambda: threads() == between)
        open_then = descriptors() if n == 3 else open_then
    assert descriptors() <= open_then + 1
    assert "20 runs: in 200 = " in c.end()


def test_a_stop_under_load_finishes_what_came(crew):
    """The source does not know of the stop and sends on. What was taken in is decided, each
    one once; what was not is in no count; the next run begins."""
    from sparsed import RunRecord, image
    c = crew()
    c.good("configure")
    time.sleep(0.5)
    ended = threading.Event()
    push = zmq.Context.instance().socket(zmq.PUSH)
    push.linger, push.sndtimeo = 0, 100
    push.connect(f"ipc://{c.folder}/readout")
    pixels = np.random.default_rng(1).integers(0, 2, (48, 48, 1)).astype("<i4")

    def send():
        event = 0
        while not ended.is_set():
            parts = image(pixels, run=1, subrun=0, event=event, source_id=9, sequence=event,
                          event_time_ns=1)
            try:
                push.send_multipart(parts)
                event += 1
            except zmq.Again:
                pass  # nobody reads between runs

    source = threading.Thread(target=send)
    source.start()
    try:
        ins = []
        for n in (1, 2, 3):
            c.good("start", str(n))
            c.record(RunRecord.BEGIN)
            c.wait(lambda: c.status()["events"]["in"] > 200)
            c.good("stop")
            end = c.record(RunRecord.END)
            assert end.complete, end
            events, fragments = account(end.events), account(end.fragments)
            assert events["in"] == sum(v for k, v in events.items() if k != "in") > 200
            assert fragments["received"] == fragments["assembled"] == events["in"]
            ins.append(events["in"])
            numbers = c.decided(events["in"])
            assert len(set(numbers)) == len(numbers)
    finally:
        ended.set()
        source.join()
        push.close()
    assert f"3 runs: in {sum(ins):,} = " in c.end()


def test_half_an_event_is_no_fault_of_the_stop(crew):
    """Half an event lies there when the run is stopped, as at every stop of a readout that goes
    on: it is named, and `sparsectl stop && sparsectl start next` goes on."""
    from sparsed import RunRecord, fragment
    c = crew(WIRES)
    c.good("configure")
    time.sleep(0.5)
    c.good("start", "5")
    c.record(RunRecord.BEGIN)
    push = zmq.Context.instance().socket(zmq.PUSH)
    push.connect(f"ipc://{c.folder}/readout")
    push.send_multipart(fragment(np.zeros((256, 6400), "<f4"), run=1, subrun=0, event=1,
                                   source_id=9, sequence=0, plane=2, first_wire=0,
                                   event_time_ns=5))
    c.wait(lambda: c.status()["events"]["in"] == 1)
    done = c.ctl("stop")
    assert done.returncode == OK and "lost 1 (stop 1)" in done.stdout, done
    end = c.record(RunRecord.END)
    assert end.complete and account(end.events)["stop"] == 1
    assert "all of it finished" in c.good("status")
    push.close(0)
    c.end()


def test_what_was_not_finished_is_named(crew):
    """The folder of the recorder goes in the middle of a run: accepted events are not kept."""
    from sparsed import RunRecord
    c = crew(IMAGES)
    c.good("configure")
    (c.folder / "record").rmdir()
    (c.folder / "record").touch()
    time.sleep(0.5)
    c.good("start", "5")
    c.record(RunRecord.BEGIN)
    c.send(0, 10)
    c.decided(10)
    done = c.ctl("stop")
    assert done.returncode == INCOMPLETE and "accepted events not recorded" in done.stdout, done
    end = c.record(RunRecord.END)
    assert not end.complete
    assert list(account(end.unfinished)) == ["accepted events not recorded"]
    assert "NOT ALL OF IT FINISHED" in c.good("status")
    c.end()


@pytest.mark.parametrize("moment", ["configured", "paused", "draining"])
def test_a_signal_ends_the_daemon_from_every_state(crew, moment):
    """A machine that shuts down asks nobody for the state."""
    c = crew()
    c.good("configure")
    if moment != "configured":
        c.good("start", "1")
        c.send(0, 5)
        c.wait(lambda: c.status()["events"]["in"] == 5)
    if moment == "paused":
        c.good("pause")
    if moment == "draining":
        c.good("stop", "--wait", "0")
    assert "in 5 = " in c.end() or moment == "configured"


def test_an_operator_who_is_killed_leaves_the_run_alone(crew):
    """kill -9 while sparsectl waits for the drain: the drain goes on, the next operator sees
    its end. And one who asks and goes away before the answer."""
    c = crew()
    c.good("configure")
    c.good("start", "1")
    for _ in range(20):
        dealer = zmq.Context.instance().socket(zmq.DEALER)
        dealer.connect(f"ipc://{c.folder}/control")
        dealer.send_multipart([b"", b"\x08\x01"])
        dealer.close(50)
    for _ in range(5):
        waiting = c.ctl("stop", start=True)
        waiting.kill()
        waiting.wait()
    c.ctl("stop")  # refused if one of them came through
    c.wait(lambda: c.status()["state"] == "configured")
    c.good("start", "2")
    c.good("shutdown")
    assert c.process.wait(30) == 0, c.logged()


def test_what_is_wrong_is_refused_with_the_reason(crew):
    """Each wrong thing has its exit status and its sentence, and changes nothing."""
    c = crew()

    def bad(status, words, *says):
        done = c.ctl(*words)
        assert done.returncode == status, (words, done)
        assert done.stdout == "" and all(s in done.stderr for s in says), (words, done.stderr)

    bad(REFUSED, ["start", "1"], "initial", "now: configure")
    bad(REFUSED, ["stop"], "initial")
    bad(FAILED, ["configure", "/nowhere.toml"], "/nowhere.toml")
    bad(BAD, ["start"], "which run?")
    bad(BAD, ["start", "0"], "from 1")
    bad(BAD, ["start", "next"], "there was no run yet")
    bad(BAD, ["launch"], "no such command")
    assert c.status()["state"] == "initial"
    c.good("configure")
    c.good("start", "3")
    bad(REFUSED, ["start", "4"], "run 3 is running", "pause, stop")
    bad(BAD, ["stop", "4"], "run 3 is on, not run 4")
    bad(BAD, ["prescale", "eight", "2"], "no rule eight: the rules are seven")
    bad(BAD, ["model", str(MODELS / "jet-l-16b.model.h5")], "jet-l-16b")
    assert "prescale of seven is 5, after 1" in c.good("prescale", "seven", "5")
    assert "prescale = 5" in c.good("config")
    c.good("stop")
    bad(BAD, ["start", "3"], "the next is 4")
    assert "run 4 began" in c.good("start", "next")
    done = c.run("sparsectl", "-e", f"ipc://{c.folder}/nobody", "--timeout", "0.3")
    assert done.returncode == SILENT and "no answer" in done.stderr, done
    c.end()


def test_garbage_on_the_control_socket_is_answered_and_counted(crew):
    """Whoever can reach the socket can send anything; the run goes on and the next operator
    is served."""
    from sparsed.control_pb2 import ControlReply, ControlRequest
    c = crew()
    c.good("configure")
    c.good("start", "1")

    def ask(*parts):
        req = zmq.Context.instance().socket(zmq.REQ)
        req.linger = 0
        req.connect(f"ipc://{c.folder}/control")
        req.send_multipart(parts)
        answer = req.recv() if req.poll(5000) else None
        req.close()
        return answer and ControlReply.FromString(answer)

    for parts, says in (([b""], "schema version 0"), ([b"\xff" * 50], "not a ControlRequest"),
                        ([b"a", b"b"], "one part"),
                        ([ControlRequest(schema_version=9).SerializeToString()], "version 9"),
                        ([b"\x08\x01\x10\x63"], "command 99"),
                        ([b"\x08\x01\x10\x03\x18\x05\x42\x02\xc3\x28"], "ControlRequest|UTF-8")):
        reply = ask(*parts)
        assert reply.outcome == ControlReply.BAD, (parts, reply)
        assert any(s in reply.text for s in says.split("|")), reply.text
        assert reply.status.run_number == 1
    huge = zmq.Context.instance().socket(zmq.REQ)  # closes its connection
    huge.linger = 0
    huge.connect(f"ipc://{c.folder}/control")
    huge.send(b"x" * (1 << 20))
    assert huge.poll(500) == 0
    huge.close()
    raw = zmq.Context.instance().socket(zmq.PUSH)  # speaks another pattern
    raw.linger = 0
    raw.connect(f"ipc://{c.folder}/control")
    assert c.status()["state"] == "running"
    raw.close()
    assert "in 0 = " in c.end()


def test_two_operators_at_once(crew):
    """Both start the next run and both stop it: one of them did, the other is told why not."""
    c = crew()
    c.good("configure")
    for n in (1, 2, 3):
        for word, after in ((["start", str(n)], "running"), (["stop"], "configured")):
            both = [c.ctl(*word, start=True) for _ in range(2)]
            ends = sorted(p.wait(30) for p in both)
            assert ends[0] == OK and ends[1] in (OK, BAD, REFUSED), ends
            assert ends != [OK, OK] or word == ["stop"]
            c.wait(lambda: c.status()["state"] == after)
            assert c.status()["run_number"] == n
    c.end()


def test_configured_again_with_other_things(crew):
    """Between runs a crew may configure anything but the daemon's own doors; a wrong file
    leaves what was there."""
    c = crew()
    c.good("configure")
    c.good("start", "1")
    c.send(0, 3)
    c.wait(lambda: c.status()["events"]["in"] == 3)
    c.good("stop")
    c.write(IMAGES.replace("seven", "nine"))
    c.good("configure")
    assert 'name = "nine"' in c.good("config")
    c.write(IMAGES, more="\n[detector]\nticks = -1\n")
    done = c.ctl("configure")
    assert done.returncode == FAILED and "detector.ticks" in done.stderr, done
    c.write(IMAGES)
    c.file.write_text(c.file.read_text().replace('/control"]', '/other"]'))
    done = c.ctl("configure")
    assert done.returncode == FAILED and "service.control differs" in done.stderr, done
    assert 'name = "nine"' in c.good("config")
    c.good("start", "2")
    c.send(0, 4)
    c.wait(lambda: c.status()["events"]["in"] == 4)
    c.good("stop")
    assert c.status()["all_events"]["in"] == 7
    assert "2 runs: in 7 = " in c.end()


def test_the_daemon_s_uptime_is_right_before_its_first_run(run, free_port, tmp_path):
    """The start was noted when a run was configured, while the service thread read it; until then
    the metrics told the machine's uptime."""
    begin = time.monotonic()
    daemon = doors.start(run, free_port, tmp_path, locked=False, controlled=True)
    assert 0 < daemon.metric("sparsed_uptime_seconds") <= time.monotonic() - begin
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(60) == 0, daemon.log()
