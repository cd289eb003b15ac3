"""sparse-replay, seen from the receiver's side."""
import json
import signal
import time

import h5py
import numpy as np
import pytest
import zmq

from receiver import Receiver, decoded, planes
from sparsed import readout_pb2 as readout
from wirefile import TICKS, make_file, ramp, two_events


def check_wires(wires, rows, of, scale=1.0):
    expected = {w: s for _, w, s in rows}
    assert sorted(wires) == list(range(of))
    for w in range(of):
        np.testing.assert_array_equal(wires[w] * scale, expected.get(w, np.zeros(TICKS)))


@pytest.mark.parametrize("encoding", ["none", "lz4", "zstd"])
@pytest.mark.parametrize("type", ["float32", "int16"])
def test_samples_arrive_as_they_are(tmp_path, replay, encoding, type):
    """Every wire of the plane, each once, with the file's samples in every encoding."""
    events = two_events()
    path = make_file(tmp_path / "e.h5", events)
    fragments, _ = replay(path, "--plane", "2:24", "--encoding", encoding, "--type", type,
                          "--wires-per-fragment", 2)
    got = planes(fragments)
    for run_, subrun, event, rows in events:
        check_wires(got[run_, subrun, event, 2], rows, 24, 0.0625 if type == "int16" else 1.0)
    assert [h.sequence for h, _ in fragments] == list(range(len(fragments)))
    for event in (10, 11):
        sent = {h.event_time_ns for h, _ in fragments if h.event == event}
        assert len(sent) == 1 and sent.pop() > 1_600_000_000_000_000_000


def test_rows_in_any_order(tmp_path, replay):
    """The public files promise no order of rows: taken as sorted, wires changed places."""
    events = two_events()
    path = make_file(tmp_path / "e.h5", events, order=lambda n: list(range(n))[::-1])
    got = planes(replay(path, "--plane", "2:24")[0])
    check_wires(got[7, 1, 10, 2], events[0][3], 24)


def test_without_counts_the_rows_are_scanned(tmp_path, replay):
    """event_id.seq_cnt and event_table are conveniences; event_id alone is enough."""
    events = two_events()
    for drop in ((), ("event_table",)):
        path = make_file(tmp_path / f"e{len(drop)}.h5", events, counts=False, drop=drop)
        got = planes(replay(path, "--plane", "2:24")[0])
        check_wires(got[7, 1, 10, 2], events[0][3], 24)
        check_wires(got[7, 1, 11, 2], events[1][3], 24)


@pytest.mark.parametrize("missing", ["empty", "zeros", "omit"])
def test_missing_wires(tmp_path, replay, missing):
    """Gaps are one empty fragment each, or zeros in full, or not there at all."""
    path = make_file(tmp_path / "e.h5", two_events())
    fragments, _ = replay(path, "--plane", "2:24", "--missing", missing, "--events", "0")
    empty = [(h.first_wire, h.wires) for h, _ in fragments if h.encoding == readout.EMPTY]
    wires = planes(fragments)[7, 1, 10, 2]
    if missing == "empty":
        assert empty == [(0, 3), (6, 3), (10, 6), (17, 7)] and len(wires) == 24
    elif missing == "zeros":
        assert not empty and len(wires) == 24
    else:
        assert not empty and sorted(wires) == [3, 4, 5, 9, 16]


def test_an_event_without_wires_is_sent(tmp_path, replay):
    """event_table lists it, so the trigger must see it: one empty fragment a plane."""
    path = make_file(tmp_path / "e.h5", two_events() + [(7, 1, 12, [])])
    fragments, p = replay(path, "--events", "2:")
    assert [(h.event, h.plane, h.wires, h.encoding) for h, _ in fragments] == [
        (12, 2, 3456, readout.EMPTY)]
    assert json.loads(p.stdout)["events"] == 1


def test_planes_of_microboone_and_others(tmp_path, replay):
    """Only planes that occur are sent; --plane chooses, also one without any wire."""
    rows = [(p, 1, ramp(p)) for p in (0, 2)]
    path = make_file(tmp_path / "e.h5", [(1, 0, 1, rows)])
    wide = {}
    for h, _ in replay(path)[0]:
        wide[h.plane] = wide.get(h.plane, 0) + h.wires
    assert wide == {0: 2400, 2: 3456}
    got = planes(replay(path, "--plane", "1:8", "--plane", "0:16")[0])
    assert {k[3]: len(v) for k, v in got.items()} == {0: 16, 1: 8}


def test_range_and_loops_keep_identities_unique(tmp_path, replay):
    """Further loops move the run number past all runs of the file."""
    events = [(r, 0, e, [(2, 0, ramp(e))]) for r, e in ((5, 1), (5, 2), (6, 1), (6, 2))]
    path = make_file(tmp_path / "e.h5", events)
    fragments, _ = replay(path, "--plane", "2:1", "--events", "1:3", "--loops", 3)
    assert [(h.run, h.event) for h, _ in fragments] == [
        (5, 2), (6, 1), (7, 2), (8, 1), (9, 2), (10, 1)]
    preloaded, _ = replay(path, "--plane", "2:1", "--events", "1:3", "--loops", 3, "--preload")
    assert [(h.run, h.event, d) for h, d in preloaded] == [
        (h.run, h.event, d) for h, d in fragments]


def test_sources_shuffle_checksum(tmp_path, replay):
    """Sequence numbers count up for each source however fragments are shuffled; the
    same seed gives the same order. The checksum of nothing is XXH3's of nothing."""
    path = make_file(tmp_path / "e.h5", two_events())
    arguments = (path, "--plane", "2:24", "--sources", 3, "--source-id", 40, "--checksum",
                 "--wires-per-fragment", 1)
    plain, _ = replay(*arguments)
    first, _ = replay(*arguments, "--shuffle", 5)
    again, _ = replay(*arguments, "--shuffle", 5)
    order = [(h.event, h.first_wire) for h, _ in first]
    assert order == [(h.event, h.first_wire) for h, _ in again]
    assert order != [(h.event, h.first_wire) for h, _ in plain]
    assert sorted(order) == sorted((h.event, h.first_wire) for h, _ in plain)
    for source in (40, 41, 42):
        sequence = [h.sequence for h, _ in first if h.source_id == source]
        assert sequence == list(range(len(sequence))) and sequence
    sums = {h.checksum for h, _ in plain if h.encoding == readout.EMPTY}
    assert sums == {0x2D06800538D394C2}
    assert all(h.checksum_type == readout.XXH3_64 for h, _ in plain)


def test_odd_samples(tmp_path, replay):
    """NaN passes through as float32. As int16 there is none: 0, counted; what does not
    fit is cut, counted; halves go to the even count."""
    samples = np.zeros(TICKS)
    samples[:6] = [np.nan, np.inf, -1e9, 2047.9375, 0.03125, 0.09375]
    path = make_file(tmp_path / "e.h5", [(1, 0, 1, [(2, 0, samples)])])
    (h, payload), = replay(path, "--plane", "2:1")[0]
    np.testing.assert_array_equal(decoded(h, payload)[0], samples.astype("f4"))
    fragments, p = replay(path, "--plane", "2:1", "--type", "int16")
    np.testing.assert_array_equal(decoded(*fragments[0])[0, :6], [0, 32767, -32768, 32767, 0, 2])
    account = json.loads(p.stdout)
    assert (account["samples_saturated"], account["samples_nonnumber"]) == (2, 1)


def test_int16_files_and_ticks(tmp_path, replay):
    """A file of counts is sent as counts, or as units by the scale; --ticks cuts."""
    counts = np.arange(TICKS) - 30
    path = make_file(tmp_path / "e.h5", [(1, 0, 1, [(2, 0, counts)])], dtype="i2")
    (h, payload), = replay(path, "--plane", "2:1", "--ticks", 10)[0]
    assert h.sample_type == readout.INT16 and h.ticks == 10
    np.testing.assert_array_equal(decoded(h, payload)[0], counts[:10])
    (h, payload), = replay(path, "--plane", "2:1", "--type", "float32", "--scale", 0.5)[0]
    np.testing.assert_array_equal(decoded(h, payload)[0], counts * 0.5)


def test_duplicate_rows_are_left_out(tmp_path, replay):
    """The first row of a wire counts; a second one is told, not sent."""
    rows = [(2, 0, ramp(1)), (2, 0, ramp(2))]
    fragments, p = replay(make_file(tmp_path / "e.h5", [(1, 0, 1, rows)]), "--plane", "2:1")
    np.testing.assert_array_equal(decoded(*fragments[0])[0], ramp(1))
    assert json.loads(p.stdout)["rows_duplicate"] == 1


def test_images(tmp_path, replay):
    """Floats go as float32, integers as int32; without event_id the event is the index."""
    images = np.arange(2 * 3 * 4, dtype="f4").reshape(2, 3, 4, 1) / 8
    with h5py.File(tmp_path / "i.h5", "w") as f:
        f["images"] = images
        f["raw"] = (images * 8).astype("i2")
    for dataset, kind, scale in (("images", "<f4", 1), ("raw", "<i4", 8)):
        fragments, _ = replay(tmp_path / "i.h5", "--dataset", dataset)
        assert [(h.run, h.event, h.kind, h.height, h.width, h.channels)
                for h, _ in fragments] == [(1, e, readout.IMAGE, 3, 4, 1) for e in (0, 1)]
        for i, (h, payload) in enumerate(fragments):
            assert h.sample_type == (readout.FLOAT32 if scale == 1 else readout.INT32)
            np.testing.assert_array_equal(np.frombuffer(payload, kind),
                                          images[i].ravel() * scale)


def test_pace(tmp_path, replay):
    """Only that it is not faster than asked, which no load of the machine can change."""
    events = [(1, 0, e, [(2, 0, ramp(e))]) for e in range(5)]
    times = [10**18 + e * 200_000_000 for e in range(5)]
    path = make_file(tmp_path / "e.h5", events, times=times)
    for pace in (("--rate", "10Hz"), ("--speed", "2")):
        fragments, p = replay(path, "--plane", "2:1", *pace)
        assert len(fragments) == 5 and json.loads(p.stdout)["seconds"] >= 0.39
    fragments, _ = replay(path, "--plane", "2:1", "--event-time", "recorded")
    assert [h.event_time_ns for h, _ in fragments] == times


def test_pub_waits_for_the_subscriber(tmp_path, run):
    """A PUB that sends at once loses the first events to a subscriber still connecting.
    A subscription to something else must not start it."""
    path = make_file(tmp_path / "e.h5", two_events())
    receiver = Receiver(zmq.SUB, b"weather")
    p = run("sparse-replay", path, "--plane", "2:24", "--pattern", "pub", "--to",
            receiver.endpoint, "--wait", "500ms")
    assert receiver.fragments() == [] and p.returncode == 1 and "no subscriber" in p.stderr
    receiver = Receiver(zmq.SUB, b"frag")
    try:
        p = run("sparse-replay", path, "--plane", "2:24", "--pattern", "pub", "--to",
                receiver.endpoint, "--wait", "20s")
    finally:
        fragments = receiver.fragments()
    assert p.returncode == 0, p.stderr
    assert "waiting for a subscriber" in p.stderr and "connected" in p.stderr
    assert {h.event for h, _ in fragments} == {10, 11} and fragments[0][0].sequence == 0


def test_a_slow_subscriber_is_told(tmp_path, run):
    """A PUB socket drops in silence. Here every fragment is either taken or counted."""
    path = make_file(tmp_path / "e.h5", [(1, 0, 1, [(2, w, ramp(w)) for w in range(400)])])
    context = zmq.Context()
    socket = context.socket(zmq.SUB)
    socket.setsockopt(zmq.RCVHWM, 1)
    socket.subscribe(b"")
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    try:
        p = run("sparse-replay", path, "--plane", "2:400", "--pattern", "pub", "--full", "drop",
                "--hwm", 1, "--preload", "--loops", 2000, "--linger", 0, "--json", "--to",
                f"tcp://127.0.0.1:{port}", start=True)
        socket.poll(20000)  # lets the subscription out, takes nothing
        out, err = p.communicate(timeout=60)
    finally:
        socket.close(0)
        context.term()
    assert p.returncode == 0, err
    account = json.loads(out)
    assert account["fragments_dropped"] > 0 and account["events_with_drops"] > 0
    assert account["fragments"] + account["fragments_dropped"] == 2000


def test_push_without_a_peer(tmp_path, run, free_port):
    """Nobody there is an error that names the endpoint, not a silent success."""
    path = make_file(tmp_path / "e.h5", two_events())
    p = run("sparse-replay", path, "--to", f"tcp://127.0.0.1:{free_port()}", "--wait", "300ms")
    assert p.returncode == 1 and "no peer within 0.3 s" in p.stderr


def test_interrupt(tmp_path, run):
    """^C in an endless replay: an account, exit status 1, whole messages only."""
    path = make_file(tmp_path / "e.h5", two_events())
    receiver = Receiver()
    try:
        p = run("sparse-replay", path, "--plane", "2:24", "--loops", 0, "--rate", "50Hz",
                "--to", receiver.endpoint, start=True)
        while not receiver.messages and p.poll() is None:
            time.sleep(0.01)
        p.send_signal(signal.SIGINT)
        _, err = p.communicate(timeout=30)
    finally:
        fragments = receiver.fragments()
    assert p.returncode == 1 and "stopped: sent" in err and fragments


def test_real_events(shared_dir, replay):
    """One of the published events: 512 wires of plane 2, the rest empty."""
    path = shared_dir / "events" / "real-windows.h5"
    fragments, _ = replay(path, "--events", "3")
    with h5py.File(path) as f:
        rows = np.nonzero((f["wire_table/event_id"][:] == f["event_table/event_id"][3]).all(1))[0]
        wires = f["wire_table/local_wire"][rows, 0].astype(int)
        adc = f["wire_table/adc"][rows[0]:rows[-1] + 1]
    got = {}
    for h, payload in fragments:
        if h.encoding == readout.NONE:
            got.update(zip(range(h.first_wire, h.first_wire + h.wires), decoded(h, payload)))
    assert sum(h.wires for h, _ in fragments) == 3456 and sorted(got) == sorted(wires)
    for w, samples in zip(wires, adc):
        np.testing.assert_array_equal(got[w], samples)
