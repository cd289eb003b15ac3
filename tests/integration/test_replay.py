"""sparse-replay, seen from the receiver's side."""
import ctypes
import json
import signal
import threading
import time

import h5py
import numpy as np
import pytest
import zmq

from sparsed import readout_pb2 as readout

TICKS = 60


def make_file(path, events, ticks=TICKS, counts=True, order=None, drop=(), dtype="f4", times=None):
    """An OpenSamples file. events: [(run, subrun, event, [(plane, wire, samples), ...])]."""
    ids, plane, wire, adc, per_event = [], [], [], [], []
    for index, (run, subrun, event, rows) in enumerate(events):
        rows = [rows[i] for i in order(len(rows))] if order else rows
        for p, w, samples in rows:
            ids.append((run, subrun, event))
            plane.append(p)
            wire.append(w)
            adc.append(samples)
        if rows:
            per_event.append((index, len(rows)))
    n = len(ids)
    columns = {
        "wire_table/adc": np.array(adc, dtype).reshape(n, ticks),
        "wire_table/local_plane": np.array(plane, "i4").reshape(n, 1),
        "wire_table/local_wire": np.array(wire, "f4").reshape(n, 1),
        "wire_table/event_id": np.array(ids, "i4").reshape(n, 3),
        "event_table/event_id": np.array([e[:3] for e in events], "i4").reshape(-1, 3),
    }
    if counts:
        columns["wire_table/event_id.seq_cnt"] = np.array(per_event, "i8").reshape(-1, 2)
    if times:
        columns["event_table/event_time_ns"] = np.array(times, "u8").reshape(-1, 1)
    with h5py.File(path, "w") as f:
        for name, values in columns.items():
            if name not in drop and name.split("/")[0] not in drop:
                f[name] = values
    return path


def ramp(seed, ticks=TICKS):
    return (np.arange(ticks) % 7 + seed) * 0.25


def two_events():
    first = [(2, w, ramp(w)) for w in (3, 4, 5, 9, 16)]
    return [(7, 1, 10, first), (7, 1, 11, [(2, 0, ramp(1))])]


class Receiver:
    """Takes fragments on a thread of its own until the program has ended."""

    def __init__(self, pattern=zmq.PULL, topic=b""):
        self.context = zmq.Context()
        self.socket = self.context.socket(pattern)
        self.socket.setsockopt(zmq.RCVHWM, 0)
        if pattern == zmq.SUB:
            self.socket.subscribe(topic)
        self.port = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self.endpoint = f"tcp://127.0.0.1:{self.port}"
        self.ended = threading.Event()
        self.messages = []
        self.thread = threading.Thread(target=self.take)
        self.thread.start()

    def take(self):
        while True:
            if self.socket.poll(100):
                self.messages.append(self.socket.recv_multipart())
            elif self.ended.is_set():
                return

    def close(self):
        self.ended.set()
        self.thread.join()
        self.socket.close(0)
        self.context.term()

    def fragments(self):
        self.close()
        out = []
        for topic, header, payload in self.messages:
            assert topic == b"fragment"
            h = readout.FragmentHeader.FromString(header)
            assert h.schema_version == 1 and h.payload_bytes == len(payload)
            out.append((h, payload))
        return out


@pytest.fixture
def replay(run):
    """Call it: (fragments, finished process) of one replay into a PULL socket."""
    def call(*arguments, rc=0):
        receiver = Receiver()
        try:
            p = run("sparse-replay", *arguments, "--to", receiver.endpoint, "--json", "--wait", 20)
        finally:
            receiver.ended.set()
        fragments = receiver.fragments()
        assert p.returncode == rc, p.stderr
        return fragments, p
    return call


def decoded(h, payload):
    """Samples [wire][tick] of a fragment."""
    size = h.wires * h.ticks * (2 if h.sample_type == readout.INT16 else 4)
    if h.encoding == readout.EMPTY:
        assert payload == b""
        payload = bytes(size)
    elif h.encoding == readout.ZSTD:
        payload = zstd_frame(payload, size)
    elif h.encoding == readout.LZ4:
        payload = lz4_block(payload)
    assert len(payload) == size
    kind = "<i2" if h.sample_type == readout.INT16 else "<f4"
    return np.frombuffer(payload, kind).reshape(h.wires, h.ticks)


def zstd_frame(data, size):
    """One Zstandard frame, unpacked by libzstd itself."""
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_decompress.restype = ctypes.c_size_t
    out = ctypes.create_string_buffer(size)
    got = library.ZSTD_decompress(out, ctypes.c_size_t(size), data, ctypes.c_size_t(len(data)))
    assert got == size
    return out.raw


def lz4_block(data):
    """One LZ4 block, unpacked by the format's description."""
    out, at = bytearray(), 0

    def length(n, at):
        while n >= 15:
            n += data[at]
            at += 1
            if data[at - 1] != 255:
                break
        return n, at

    while at < len(data):
        token = data[at]
        n, at = length(token >> 4, at + 1)
        out += data[at:at + n]
        at += n
        if at == len(data):
            break
        back = data[at] | data[at + 1] << 8
        n, at = length(token & 15, at + 2)
        for _ in range(n + 4):
            out.append(out[-back])
    return bytes(out)


def planes(fragments):
    """{(run, subrun, event, plane): {wire: samples}}; a wire sent twice is a fault."""
    out = {}
    for h, payload in fragments:
        wires = out.setdefault((h.run, h.subrun, h.event, h.plane), {})
        for i, samples in enumerate(decoded(h, payload)):
            assert h.first_wire + i not in wires
            wires[h.first_wire + i] = samples
    return out


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
