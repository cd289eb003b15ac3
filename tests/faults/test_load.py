"""More than the daemon can take, and people who do not listen. Overload is made of zstd frames
of silent wires: small to send, full size to reduce. Its capacity is measured first, in the same
test, so 2 and 10 times it mean that on any machine."""
from __future__ import annotations

import json
import os
import signal
import time

from trial import *  # noqa: F401,F403
from trial import ACCEPT_ALL, ACCEPT_NONE, WIRES, Trial, long

ONE_WORKER = ("imaging.workers=1", "readout.fragment_queue=8")
LARGE = 16384  # wires: so much work an event that a test in Python can offer ten times of it
SECONDS = 5


def capacity(trial: Trial, sources: int, wires: int) -> float:
    """Events a second that come out when the source only waits for the daemon."""
    readout = trial.readout(n=sources, rate=0, payload=True, high_water=4, wires=wires)
    trial.wait_decided(10)
    before, began = trial.numbers(), time.monotonic()
    time.sleep(SECONDS / 2)
    after = trial.numbers()
    rate = (after("decisions_published_total") - before("decisions_published_total")) / (
        time.monotonic() - began)
    readout.close()
    trial.readouts.remove(readout)
    return rate


@long
@pytest.mark.parametrize("factor", [2, 10])
@pytest.mark.parametrize("overload, sources", [("block", 1), ("drop-newest", 2)])
def test_overload(trial: Trial, overload: str, sources: int, factor: int):
    """Offered several times what it can reduce. With block PUSH waits: nothing is lost, the
    readout's dead time says how much was asked too much. With drop-newest what nobody has time
    for is dropped on arrival and counted; the rest is decided."""
    wires = WIRES if overload == "block" else LARGE  # a sender that waits need not be fast
    trial.start(ACCEPT_NONE, f"readout.overload={overload}", *ONE_WORKER,
                "readout.event_slots=256", timeout="100 ms", wires=wires)
    limit = capacity(trial, sources, wires)
    first = trial.settle()
    readout = trial.readout(n=sources, rate=factor * limit, payload=True,
                            high_water=100 if overload == "block" else 100000,
                            event=1_000_000, wires=wires)
    time.sleep(SECONDS)
    # with block the sender has to wait, and offers what it wants to
    offered = factor if overload == "block" else (readout.event - 1_000_000) / SECONDS / limit
    assert offered > 1.5, "the sender is too slow for this test"
    readout.do(lambda: setattr(readout, "rate", limit / 4))
    slower_at = time.monotonic()
    trial.wait_decided(10, 60)
    # over when the time of a message in the daemon is short again
    trial.wait(lambda n: n("queue_depth", queue="fragments") == 0, 60)
    back = time.monotonic() - slower_at
    n = trial.close()

    def more(name: str, **labels: object) -> float:
        return n(name, **labels) - first(name, **labels)
    dropped, dead = more("fragments_total", fate="no_worker"), more("dead_seconds_total",
                                                                   cause="no_worker")
    sent, came = readout.event - 1_000_000, more("events_in_total")
    assert more("fragments_received_total") == sources * sent and not n("source_missed_total")
    if overload == "block":
        assert dropped == 0 and dead > 0.1 and came == sent == more("events_total",
                                                                    fate="rejected")
        lost = f"nothing; {dead:.1f} s dead time `no_worker`"
    else:
        assert dropped > 0 and sent - came <= dropped / 2  # both of its fragments were dropped
        short = more("events_incomplete_total")
        assert n("source_missing_events_total", cause="overload") >= 0.9 * short
        lost = f"{dropped:.0f} of {2 * sent} fragments: `no_worker`; {short:.0f} events judged " \
               f"without them, {sent - came:.0f} never seen"
    trial.row(f"{offered:.1f} times as much as it can reduce ({limit:.0f} events/s) for "
              f"{SECONDS} s, `{overload}`",
              lost, back)


@pytest.mark.parametrize("overload", ["block", "drop-newest"])
def test_a_stop_in_overload(trial: Trial, overload: str):
    """SIGTERM while everything is full: it ends within its limit, and the last line names every
    event that was not decided."""
    trial.start(ACCEPT_NONE, f"readout.overload={overload}", *ONE_WORKER,
                "service.stop_limit=2 s", timeout="300 ms")
    trial.readout(n=2, rate=0, payload=True)
    trial.wait(lambda n: n("events_in_total") > 50)
    began = time.monotonic()
    trial.daemon.process.send_signal(signal.SIGTERM)
    status = trial.daemon.process.wait(30)
    took = time.monotonic() - began
    log = trial.daemon.logged()
    assert status == 0 and took < 4, log
    last = log.strip().splitlines()[-1]
    assert "in flight 0" in log and "ledger closes" in log, last
    trial.row(f"stop during overload, `{overload}`",
              "what was not complete: event fate `stop`; exit status 0", took)


@long
def test_a_subscriber_stops_reading(trial: Trial, run, tmp_path):
    """SIGSTOP of one subscriber: its queue fills and it misses what comes then, counted; the
    other reads every decision. (A queue of 1,000 messages and ipc's small buffers stand for
    one of 10,000 and minutes.)"""
    address = f"ipc://{tmp_path}/decisions"
    trial.start(ACCEPT_ALL, "output.high_water_mark=1000", f"output.decisions=['@{address}']")

    def reader(name: str) -> tuple:
        out = (trial._folder / name).open("w")
        return run("sparse-decisions", address, "--json", start=True, stdout=out), out
    sleeper, asleep = reader("asleep.jsonl")
    _, awake = reader("awake.jsonl")
    time.sleep(0.5)  # a PUB socket sends nothing to who is not there yet
    readout = trial.readout(n=1, rate=700)
    trial.wait_decided(50)
    os.kill(sleeper.pid, signal.SIGSTOP)
    trial.wait(lambda n: n("decisions_missed_total") > 0, 120)
    missed_at = trial.numbers()("decisions_published_total")
    trial.wait_decided(200)
    os.kill(sleeper.pid, signal.SIGCONT)
    began = time.monotonic()

    def seen(file) -> int:
        return sum(1 for _ in open(file.name))
    had = seen(asleep)
    trial.daemon.wait(lambda: seen(asleep) > had + 100)
    back = time.monotonic() - began
    n = trial.settle()
    trial.daemon.wait(lambda: seen(awake) == readout.event)
    assert n("decisions_published_total") == readout.event and n("decisions_unsent_total") == 0
    events = [json.loads(line)["event"] for line in open(asleep.name)]
    lost = readout.event - len(events)
    trial.close()
    trial.row(f"a subscriber stopped for {readout.event - missed_at:.0f} decisions and more",
              f"its own {lost} decisions: `decisions_missed_total` above 0; others none", back)
