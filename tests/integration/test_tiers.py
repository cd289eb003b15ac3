"""Two tiers: one sparsed makes pixels, others decide on them (service.stages). What they decide
together must be what one process decides alone, whatever happens to an event on the way."""
import ctypes
import ctypes.util
import re
import signal
import time

import numpy as np
import pytest
import zmq

import sparsed
from sparsed.windows_pb2 import WindowsHeader
from test_calibration import CONFIG as CALIBRATED
from test_calibration import (DEAD, HOT, TICKS as RAW_TICKS, calibrate, config, raw,  # noqa: F401
                              replay_options)
from test_calibration import model as large_model  # noqa: F401  fixtures
from test_score import CONFIG, TICKS, WIRES, samples, small_model
from test_sparsed import Daemon
from wirefile import make_file

PLANES = [x for p, w in WIRES.items() for x in ("--plane", f"{p}:{w}")]
CUT = 8  # wires of a fragment; every source has its own wires


class Reader:
    """A PULL socket that is there before the daemon that decides: it misses nothing."""

    def __init__(self):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.PULL)
        port = self.socket.bind_to_random_port("tcp://127.0.0.1", 10000, 32000)
        self.override = f"output.push=['>tcp://127.0.0.1:{port}']"

    def take(self, count):
        """So many Decisions, in the order of the events."""
        decisions = []
        while len(decisions) < count:
            assert self.socket.poll(60000), f"{len(decisions)} decisions"
            topic, message = self.socket.recv_multipart()
            if topic.startswith(b"decision."):
                decisions.append(sparsed.Decision.FromString(message))
        return sorted(decisions, key=lambda d: (d.run, d.subrun, d.event))

    def close(self):
        self.socket.close(linger=0)
        self.context.term()


def apart(decisions):
    """Decisions less what tells when they were made, and with which configuration."""
    out = []
    for decision in decisions:
        out.append(sparsed.Decision())
        out[-1].CopyFrom(decision)
        for field in ("times", "decided_time_ns", "configuration_sha256"):
            out[-1].ClearField(field)
    return out


class Tiers:
    """One daemon with stages = "imaging", and as many with "decision" as are started."""

    def __init__(self, run, free_port, folder, model, detector=CONFIG, overrides=()):
        self.run, self.free_port, self.folder = run, free_port, folder
        self.model, self.detector, self.overrides = model, detector, overrides
        self.windows = f"tcp://127.0.0.1:{free_port()}"
        self.second = []

    def daemon(self, name, stages, *overrides, **more):
        folder = self.folder / name
        folder.mkdir()
        return Daemon(self.run, self.free_port, folder, self.model, "signal",
                      detector=more.pop("detector", self.detector),
                      overrides=(f"service.stages={stages}", *overrides,
                                 *more.pop("shared", self.overrides)), **more)

    def imaging(self, *overrides, **more):
        self.first = self.daemon("imaging", "imaging", f"output.push=['@{self.windows}']",
                                 "output.decisions=[]", "output.source_id=7", *overrides, **more)
        return self.first

    def decision(self, *overrides, **more):
        self.second.append(self.daemon(f"decision{len(self.second)}", "decision",
                                       f"readout.endpoints=['>{self.windows}']", *overrides,
                                       **more))
        return self.second[-1]


@pytest.fixture
def model(tmp_path):
    return small_model(tmp_path / "small.h5")


@pytest.fixture
def tiers(run, free_port, tmp_path, model):
    return lambda *arguments, **more: Tiers(run, free_port, tmp_path,
                                            *(arguments or (model,)), **more)


@pytest.fixture
def reader():
    made = []

    def call():
        made.append(Reader())
        return made[-1]
    yield call
    for one in made:
        one.close()


def one_process(tiers, reader, overrides, send, count):
    daemon = tiers.daemon("alone", "all", *overrides, reader.override)
    send(daemon)
    decisions = reader.take(count)
    daemon.stop()
    return decisions


def two_tiers(tiers, reader, send, count, first=(), second=()):
    """The decisions; the last lines of both tiers."""
    imaging, decision = tiers.imaging(*first), tiers.decision(*second, reader.override)
    send(imaging)
    decisions = reader.take(count)
    assert decision.metric("sparsed_source_gaps_total") == 0
    return decisions, imaging.stop(), decision.stop()


def replays(run, path, *options):
    def send(daemon):
        sent = run("sparse-replay", path, "--to", daemon.address("readout"), *options, timeout=120)
        assert sent.returncode == 0, sent.stderr
    return send


@pytest.mark.parametrize("dtype", ["f4", "i2"])
def test_decide_as_one_process_does(run, tmp_path, tiers, reader, dtype):
    """Every field but times: a pixel that is rounded, lost or moved on its way between two
    daemons changes a score in its last bit."""
    scale = 16 if dtype == "i2" else 1
    events = [(*e[:3], [(p, w, adc * scale) for p, w, adc in e[3]]) for e in samples(1, 40)]
    path = make_file(tmp_path / "e.h5", events, ticks=TICKS, dtype=dtype,
                     times=[10**18 + 10**7 * k for k in range(40)])
    pair = tiers(overrides=(
        "imaging.workers=1", "trigger.rule[0].prescale=2", "trigger.pass_through=9",
        "trigger.max_accept_rate=40 Hz", "trigger.accept_burst=2",
        "trigger.rule[0].threshold=0.45", "engine.window_stride_wires=4"))
    send = replays(run, path, *PLANES, "--event-time", "recorded", "--wires-per-fragment", 7)
    expected = one_process(pair, reader(), (), send, 40)
    got, first, second = two_tiers(pair, reader(), send, 40)
    assert apart(got) == apart(expected)
    assert len({d.fate for d in got}) == 4
    assert "in 40 = " in first and "forwarded 40 + lost 0" in first
    assert "forwarded" not in second
    # both daemons' share, without the way between them
    assert all(d.times.latency_ns >= d.times.reduce_ns > 0 for d in got)


def test_calibration_and_hot_wires(run, tmp_path, large_model, config, tiers,  # noqa: F811
                                   reader):
    """Masks of the calibration and of wires that become hot on the way: the second tier has
    seen no wire, and says of each window what is masked in it."""
    calibrate(run, "--config", config, make_file(tmp_path / "n.h5", raw(2, 20, signal=False),
                                                 ticks=RAW_TICKS, dtype="i2"),
              "-o", tmp_path / "cal.h5")
    late = {(2, 17)}
    path = make_file(tmp_path / "e.h5", raw(3, 30, hot=lambda e: HOT | late if e < 15 else HOT),
                     ticks=RAW_TICKS, dtype="i2", times=[10**18 + 10**7 * k for k in range(30)])
    hot = ("imaging.workers=1", "imaging.hot.events=5", "imaging.hot.hits=6",
           "imaging.hot.release=3")
    pair = tiers(large_model, detector=CALIBRATED,
                 overrides=(f"detector.calibration={tmp_path / 'cal.h5'}",))
    send = replays(run, path, *replay_options())
    expected = one_process(pair, reader(), hot, send, 30)
    got, _, _ = two_tiers(pair, reader(), send, 30, first=hot)
    assert apart(got) == apart(expected)
    assert {d.hot_wires for d in got} == {0, 4}
    assert {d.masked_wires for d in got} == {len(DEAD | HOT), len(DEAD | HOT) + 4}


def incomplete(events, gone):
    """Messages of events in which source 2 (the last wires of plane 2) is silent from `gone` on."""
    rng = np.random.default_rng(5)
    sequence = {0: 0, 1: 0, 2: 0}
    for event in range(events):
        for plane, wires in WIRES.items():
            data = np.round(rng.random((wires, TICKS)) ** 6 * 160).astype("<f4") / 16
            for first in range(0, wires, CUT):
                source = 2 if (plane, first) == (2, 24) else plane // 2
                if source == 2 and event >= gone:
                    continue
                last = wires if (plane, first) == (2, 24) else min(first + CUT, wires)
                if (plane, first) == (2, 32):
                    continue
                yield sparsed.fragment(data[first:last], event=event, plane=plane, run=3,
                                       first_wire=first, source_id=source + 40,
                                       sequence=sequence[source],
                                       event_time_ns=1_700_000_000_000_000_000 + event)
                sequence[source] += 1


def test_missing_wires(tiers, reader):
    """An event whose time was up in the first tier is judged in the second one, which says the
    same of it: which wires were missing, whose, and why. It must not wait there again."""
    def send(daemon):
        with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
            socket.connect(daemon.address("readout"))
            for parts in incomplete(8, gone=5):
                socket.send_multipart(parts)
            socket.close(linger=10000)
    pair = tiers(overrides=("readout.event_timeout=1 s",))
    expected = one_process(pair, reader(), (), send, 8)
    got, first, second = two_tiers(pair, reader(), send, 8)
    assert apart(got) == apart(expected)
    assert [d.incomplete for d in got] == [False] * 5 + [True] * 3
    assert [(r.plane, r.first_wire, r.wires, list(r.source_id), r.why)
            for r in got[7].missing] == [(2, 24, 9, [42], "deadline")]
    assert "forwarded 8 + lost 0" in first and "lost 0" in second


def test_many_second_tiers_share_and_push_back(run, tmp_path, tiers):
    """Windows that no second tier has room for wait in the first one, then in its readout, and
    none is lost; each event is decided by one of those who share them."""
    events = samples(2, 60)
    path = make_file(tmp_path / "e.h5", events, ticks=TICKS)
    pair = tiers(overrides=("readout.event_slots=4", "output.high_water_mark=2",
                             "readout.high_water_mark=2"))
    first = pair.imaging()
    replay = run("sparse-replay", path, "--to", first.address("readout"), *PLANES,
                 "--event-time", "now", start=True)
    first.wait(lambda: first.metric('sparsed_dead_seconds_total{cause="no_slot"') > 0)
    assert first.metric('sparsed_events_total{fate="forwarded"}') == 4
    second = [pair.decision(), pair.decision()]
    first.wait(lambda: first.metric('sparsed_events_total{fate="forwarded"}') == 60)
    first.wait(lambda: sum(d.metric("sparsed_events_in_total") for d in second) == 60)
    assert replay.wait(60) == 0
    again = 0  # the first ones went to whoever was there first
    while not all(d.metric("sparsed_events_in_total") > 0 for d in second):
        again += 1
        assert again < 50
        replays(run, make_file(tmp_path / "more.h5", [(50 + again, *e[1:]) for e in events],
                               ticks=TICKS), *PLANES, "--event-time", "now")(first)
    first.wait(lambda: sum(d.metric("sparsed_events_in_total") for d in second) ==
               len(events) * (1 + again))
    assert all(d.metric("sparsed_source_gaps_total") == 0 for d in second)
    assert first.metric("sparsed_decisions_missed_total") == 0
    for daemon in (first, *second):
        assert "lost 0" in daemon.stop()


def test_a_stop_without_a_second_tier(tiers):
    """What nobody takes is given up after the stop limit, and counted: a first tier that waits
    for ever for the second one cannot be stopped."""
    pair = tiers(overrides=("service.stop_limit=300 ms", "readout.event_slots=4"))
    first = pair.imaging()
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.connect(first.address("readout"))
        for parts in incomplete(3, gone=9):
            socket.send_multipart(parts)
        first.wait(lambda: first.metric('sparsed_events_total{fate="forwarded"}') == 3)
    began = time.monotonic()
    assert "forwarded 3 + lost 0" in first.stop()
    assert time.monotonic() - began < 20


def capture(run, tmp_path, tiers, count=1):
    """Windows messages of a first tier, as their receiver has them."""
    path = make_file(tmp_path / "c.h5", [e for e in samples(3, 8) if e[3]][:count], ticks=TICKS)
    first = tiers.imaging()
    with zmq.Context() as context, context.socket(zmq.PULL) as socket:
        socket.connect(tiers.windows)
        replays(run, path, *PLANES, "--event-time", "now")(first)
        messages = []
        for _ in range(count):
            assert socket.poll(20000)
            messages.append(socket.recv_multipart())
    first.stop()
    return messages


def xxh3(payload):
    """XXH3 (64 bits) of bytes, by the library that the daemon has."""
    hashed = ctypes.CDLL(ctypes.util.find_library("xxhash")).XXH3_64bits
    hashed.restype, hashed.argtypes = ctypes.c_uint64, (ctypes.c_char_p, ctypes.c_size_t)
    return hashed(payload, len(payload))


def changed(parts, payload=None, checksum=True, **fields):
    """A message with another payload or other fields of its header."""
    header = WindowsHeader.FromString(parts[1])
    if payload is not None:
        header.payload_bytes = len(payload)
        header.checksum = xxh3(payload) if checksum else header.checksum
    for name, value in fields.items():
        setattr(header, name, value)
    return [parts[0], header.SerializeToString(), parts[2] if payload is None else payload]


def hostile(parts):
    """(fate, message): each wrong in one thing."""
    payload, header = parts[2], WindowsHeader.FromString(parts[1])
    pixels = np.frombuffer(payload, np.dtype([("row", "<u2"), ("col", "<u2"), ("value", "<f4")]))
    assert len(pixels) == sum(p.pixels for p in header.planes) and header.planes[0].pixels > 1

    def with_pixel(i, **values):
        new = pixels.copy()
        for name, value in values.items():
            new[name][i] = value
        return changed(parts, new.tobytes())

    swapped, other = header.planes[0], WindowsHeader.FromString(parts[1])
    other.planes[0].plane, other.planes[1].plane = 2, 0
    many = WindowsHeader.FromString(parts[1])
    many.planes[0].pixels, many.planes[1].pixels = 2**32 - 1, 2**32 - 1
    masked = changed(parts, masked_wires=3, hot_wires=3, masked_sha256=bytes(32))
    claimed = WindowsHeader.FromString(parts[1])
    claimed.missing.add(plane=2, first_wire=0, wires=4)
    return [
        ("bad_frame", parts[:2]),
        ("bad_frame", [*parts, b"more"]),
        ("bad_header", [parts[0], b"\xff" * 9, payload]),
        ("bad_header", [parts[0], bytes(20000), payload]),
        ("bad_version", changed(parts, schema_version=2)),
        ("bad_recipe", changed(parts, recipe_sha256=bytes(32))),
        ("bad_recipe", changed(parts, recipe_sha256=b"")),
        ("bad_recipe", changed(parts, calibration_sha256=bytes(32))),
        ("bad_size", changed(parts, payload[:-8])),
        ("bad_size", changed(parts, payload + bytes(8))),
        ("bad_size", changed(parts, payload_bytes=0)),
        ("bad_size", [parts[0], many.SerializeToString(), payload]),
        ("bad_checksum", changed(parts, payload[:-1] + bytes([payload[-1] ^ 1]), checksum=False)),
        ("bad_shape", [parts[0], other.SerializeToString(), payload]),
        ("bad_shape", masked),
        ("bad_shape", [parts[0], claimed.SerializeToString(), payload]),
        ("bad_pixels", with_pixel(0, row=60000)),
        ("bad_pixels", with_pixel(swapped.pixels - 1, row=3, col=60000)),
        ("bad_pixels", with_pixel(1, row=pixels["row"][0], col=pixels["col"][0])),  # twice
        ("bad_pixels", with_pixel([0, 1], row=pixels["row"][[1, 0]], col=pixels["col"][[1, 0]])),
        ("bad_pixels", with_pixel(0, value=np.nan)),
        ("bad_pixels", with_pixel(0, value=0)),
    ]


def test_hostile_messages(run, tmp_path, tiers):
    """Each has a fate of its own, none becomes an event, none ends the daemon; and an event that
    comes twice is decided once."""
    pair = tiers()
    parts = capture(run, tmp_path, pair)[0]
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.bind(pair.windows)
        second = pair.decision()
        bad = hostile(parts)
        for _, message in bad:
            socket.send_multipart(message)
        socket.send_multipart(parts)
        socket.send_multipart(parts)
        page = 'sparsed_fragments_total{source='
        second.wait(lambda: second.metric(page) == len(bad) + 2)
    counts = dict(re.findall(r'fragments_total\{source="7",fate="(\w+)"\} ([1-9]\d*)',
                             second.page("metrics")))
    unknown = dict(re.findall(r'fragments_total\{source="unknown",fate="(\w+)"\} ([1-9]\d*)',
                              second.page("metrics")))
    want = {fate: str(sum(fate == f for f, _ in bad)) for fate, _ in bad}
    assert unknown == {k: want.pop(k) for k in ("bad_frame", "bad_header")}
    assert counts == {**want, "assembled": "1", "duplicate": "1"}
    assert "windows of source 7 are refused: they were made with the calibration 00000000, " \
        "this daemon has none" in second.logged()
    assert "in 1 = " in second.stop()


def test_another_recipe_is_refused(run, tmp_path, tiers):
    """A second tier whose planes are read with another scale would judge pixels that it would
    never have made."""
    pair = tiers()
    first = pair.imaging()
    second = pair.decision(detector=CONFIG.replace("scale = 0.0625", "scale = 0.125"))
    path = make_file(tmp_path / "e.h5", samples(4, 6), ticks=TICKS)
    replays(run, path, *PLANES, "--event-time", "now")(first)
    second.wait(lambda: second.metric('sparsed_fragments_total{source="7",fate="bad_recipe"}') == 6)
    assert "detector, planes, pedestals or the models' preprocessing are not the same in both " \
        "tiers" in second.logged()
    assert "in 0 = " in second.stop()
    first.stop()


@pytest.mark.parametrize("stages, override, sentence", [
    ("imaging", "output.record.directory=/tmp", "output.record.directory with service.stages = "
     "\"imaging\": no event is accepted here"),
    ("imaging", "engine.shadow.file=x.h5", "engine.shadow.file with"),
    ("imaging", "engine.kind=fpga", "engine.kind with"),
    ("decision", "imaging.hot.events=5", "imaging.hot.events with service.stages = \"decision\""),
    ("neither", "readout.event_slots=4", "service.stages"),
    ("all", "security.first_tier=x.key", "security.first_tier: needs security.secret_key"),
])
def test_what_a_tier_cannot_do_is_refused(run, tmp_path, model, stages, override, sentence):
    path = tmp_path / "c.toml"
    path.write_text(CONFIG + f'[readout]\nendpoints = ["@inproc://x"]\n[[engine.model]]\n'
                    f'file = "{model}"\n')
    p = run("sparsed", "--config", path, "--check", "--set", f"service.stages={stages}", "--set",
            override)
    assert p.returncode == 2 and sentence in p.stderr, p.stderr


def test_a_killed_second_tier_is_no_end(run, tmp_path, tiers):
    """Another one takes over what comes from then on; the first tier goes on as before."""
    pair = tiers()
    first, second = pair.imaging(), pair.decision()
    path = make_file(tmp_path / "e.h5", samples(6, 6), ticks=TICKS)
    replays(run, path, *PLANES, "--event-time", "now")(first)
    second.wait(lambda: second.metric("sparsed_events_in_total") == 6)
    second.process.send_signal(signal.SIGKILL)
    second.process.wait(20)
    third = pair.decision()
    replays(run, make_file(tmp_path / "f.h5", [(6, *e[1:]) for e in samples(6, 6)], ticks=TICKS),
            *PLANES, "--event-time", "now")(first)
    third.wait(lambda: third.metric("sparsed_events_in_total") > 0)
    third.stop()
    assert "lost 0" in first.stop()


def test_a_second_tier_has_a_key(run, tmp_path, tiers, reader):
    """Two daemons with keys: both were servers, who never talk. The second one is the first
    one's client; one whose key is not in the first one's list gets nothing."""
    for name in ("imaging", "decision", "stranger"):
        assert run("sparse-keys", tmp_path / name).returncode == 0
    line = run("sparse-keys", "--public", "--role", "subscriber", tmp_path / "decision.key").stdout
    (tmp_path / "clients").write_text(line)

    def keys(name, *more):
        return (f"security.secret_key={tmp_path}/{name}.key_secret",
                f"security.clients={tmp_path}/clients", *more)
    first_tier = f"security.first_tier={tmp_path}/imaging.key"
    pair = tiers()
    first = pair.imaging(*keys("imaging", "security.plain=['readout']"))
    stranger = pair.decision(*keys("stranger", first_tier))
    first.wait(lambda: first.metric(
        'sparsed_door_refused_total{door="push",cause="key"}') > 0)
    path = make_file(tmp_path / "e.h5", samples(3, 12), ticks=TICKS)
    decisions = reader()
    second = pair.decision(*keys("decision", first_tier, "security.plain=['push']"),
                           decisions.override)
    replays(run, path, *PLANES, "--event-time", "now")(first)
    assert len(decisions.take(12)) == 12
    assert stranger.metric("sparsed_events_in_total") == 0
    for daemon in (second, stranger, first):
        daemon.stop()
