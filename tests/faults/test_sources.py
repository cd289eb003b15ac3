"""Sources that die, come back, move, repeat, skip, run ahead. The daemon takes what comes, says
of each event what it lacked and whose it was, and needs no hand when the source is well again."""
from __future__ import annotations

from trial import *  # noqa: F401,F403
from trial import ACCEPT_NONE, PATIENT, Trial


def test_a_source_dies_and_is_started_again(trial: Trial):
    """Source 12 is killed in mid-run and comes back with sequence 0. The others go on: their
    events are judged at the time-out, and each names source 12."""
    trial.start(ACCEPT_NONE, *PATIENT)
    readout = trial.readout(rate=100)
    trial.wait_decided(50)
    readout.do(lambda: (readout.mute.add(2), readout.source[2].close()))
    trial.wait(lambda n: n("source_missing_events_total", source=12) >= 50)
    readout.do(lambda: (setattr(readout.source[2], "sequence", 0), readout.mute.clear()))
    back = trial.wait_decided(20)
    n = trial.close()
    assert n("source_restarts_total", source=12) == 1
    assert n.by("source_missing_events_total", "source").keys() == {"12"}
    short = n("events_incomplete_total")
    assert n("events_total", fate="rejected") == readout.event  # none was lost
    assert n("source_missing_wires_total", source=12) == 128 * short
    assert n("events_timed_out_total") == short
    trial.row("a source is killed, and started again",
              f"nothing; {short:.0f} events judged without its wires: `missing` of each, "
              "`source_missing_events_total`; `source_restarts_total` 1", back)


def test_a_source_changes_its_endpoint(trial: Trial, tmp_path):
    """It moves to another host: its sequence goes on through another socket. That is no gap,
    and no event lacks anything."""
    trial.start(ACCEPT_NONE, *PATIENT, f"readout.endpoints=['@tcp://127.0.0.1:{trial._free_port()}'"
                f",'@ipc://{tmp_path}/second']")
    port = trial.daemon.logged().split("@tcp://")[1].split()[0]
    readout = trial.readout(f"tcp://{port}", rate=100)
    trial.wait_decided(30)

    def move():
        source = readout.source[1]
        source._socket.close(1000)  # what was sent is delivered
        source._socket, source.endpoint = None, f"ipc://{tmp_path}/second"
    readout.do(move)
    back = trial.wait_decided(30)
    n = trial.close()
    assert n("source_missed_total") == n("source_restarts_total") == 0
    assert n("events_total", fate="rejected") == readout.event and not n("events_incomplete_total")
    trial.row("a source moves to another endpoint", "nothing", back)


def test_the_daemon_connects_again_to_a_source_that_comes_back(trial: Trial, free_port):
    """The source binds and the daemon connects: when the source's process is gone the daemon
    tries again by itself, and follows the new sequence."""
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    trial.start(ACCEPT_NONE, f"readout.endpoints=['>{endpoint}']")
    first = trial.readout("@" + endpoint, n=1)
    trial.wait_decided(50)
    first.close()
    trial.readouts.remove(first)
    trial.readout("@" + endpoint, n=1, event=first.event)
    back = trial.wait_decided(20)
    n = trial.close()
    assert n("source_restarts_total", source=10) == 1
    assert not n("events_incomplete_total")
    trial.row("a source that the daemon connects to is started again",
              "what the source had not sent", back)


def test_a_source_repeats_itself(trial: Trial):
    """A retry loop gone wrong: every message of source 11 comes twice. Each copy is refused by
    name, and no event is scored twice or late."""
    trial.start(ACCEPT_NONE, *PATIENT)
    readout = trial.readout(rate=100)

    def twice(event: int) -> None:
        source = readout.source[1]
        source.send(event, lambda: True)
        source.sequence -= 1
    readout.each = twice
    trial.wait_decided(40)
    readout.do(lambda: setattr(readout, "each", None))
    back = trial.wait_decided(20)
    n = trial.close()
    copies = n("source_repeated_total", source=11)
    assert copies >= 40
    assert n("source_lost_total", source=11, cause="assembly") + n(
        "source_lost_total", source=11, cause="deadline") == copies
    assert n.by("fragments_total", "fate", source=11).keys() <= {"assembled", "duplicate", "late"}
    assert n("events_total", fate="rejected") == readout.event and not n("events_incomplete_total")
    trial.row("a source sends each message twice",
              f"the {copies:.0f} copies: fragment fate `duplicate` or `late`", back)


def test_a_source_skips(trial: Trial):
    """One message in five of source 13 never leaves it: the gaps are its own, and so are the
    events that lack its wires, put down to the network."""
    trial.start(ACCEPT_NONE, *PATIENT)
    readout = trial.readout(rate=100)
    skipped = []

    def skip(event: int) -> None:
        readout.mute = {3} if event % 5 == 0 else set()
        if event % 5 == 0:
            readout.source[3].sequence += 1
            skipped.append(event)
    readout.do(lambda: setattr(readout, "each", skip))
    trial.wait(lambda n: n("source_missing_events_total", source=13) >= 10)
    readout.do(lambda: (setattr(readout, "each", None), readout.mute.clear()))
    back = trial.wait_decided(20)
    n = trial.close()
    # a gap before the first message that a source sends cannot be seen
    assert n("source_missed_total", source=13) >= len(skipped) - 1
    assert n("events_incomplete_total") == len(skipped)
    assert n.by("source_missing_events_total", "source").keys() <= {"13", "unknown"}
    assert n("source_missing_events_total", cause="network") >= len(skipped) - 1
    assert n("events_total", fate="rejected") == readout.event
    trial.row("a source skips one message in five",
              f"the {len(skipped)} messages: `source_missed_total`; as many events judged without "
              "them, cause `network`", back)


@pytest.mark.parametrize("overload", ["block", "drop-newest"])
def test_a_source_runs_ahead(trial: Trial, overload: str):
    """Source 10 sends 100 events before the others begin: all 16 slots wait. With block the
    readout stands still and nothing is lost but time; with drop-newest what has no slot is
    counted as such. When the others come, events are whole again."""
    trial.start(ACCEPT_NONE, f"readout.overload={overload}",
                f"readout.fragment_queue={8 if overload == 'block' else 64}", timeout="400 ms")
    readout = trial.readout(rate=100)
    trial.wait_decided(20)

    def ahead() -> None:
        for _ in range(100):
            readout.source[0].send(readout.event, lambda: True)
            readout.event += 1
    readout.do(ahead)
    back = trial.wait_decided(20)
    n = trial.close()
    incomplete, refused = n("events_incomplete_total"), n("events_total", fate="no_slot")
    assert n("events_in_total") == readout.event
    assert incomplete + refused >= 100
    if overload == "block":
        assert refused == 0 and n("dead_seconds_total", cause="no_slot") > 0
        lost = f"nothing; {incomplete:.0f} events judged incomplete, " \
               f"{n('dead_seconds_total', cause='no_slot'):.1f} s dead time `no_slot`"
    else:
        assert refused > 50 and n("dead_seconds_total", cause="no_slot") == 0
        lost = f"{refused:.0f} events: `no_slot`; {incomplete:.0f} judged incomplete"
    trial.row(f"a source runs 100 events ahead of the others, `{overload}`", lost, back)


def test_a_source_sends_rubbish(trial: Trial):
    """Its payloads do not decompress: each has its fate, the event says why it lacks wires."""
    trial.start(ACCEPT_NONE, *PATIENT)
    readout = trial.readout(rate=100)
    trial.wait_decided(20)

    def spoil(event: int) -> None:
        readout.source[0].send(event, lambda: True, spoil=True)
    readout.do(lambda: (setattr(readout, "each", spoil), readout.mute.add(0)))
    trial.wait(lambda n: n("events_incomplete_total") >= 20)
    readout.do(lambda: (setattr(readout, "each", None), readout.mute.clear()))
    back = trial.wait_decided(20)
    n = trial.close()
    bad = n("fragments_total", source=10, fate="bad_encoding")
    assert bad == n("events_incomplete_total") == n("events_timed_out_total", cause="source")
    assert n("source_missing_events_total", source=10, cause="source") == bad
    trial.row("a source's payloads are damaged",
              f"{bad:.0f} fragments: `bad_encoding`; as many events judged without them, cause "
              "`source`", back)
