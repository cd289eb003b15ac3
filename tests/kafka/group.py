"""A consumer group under test: broker, topic, members, what goes in and what was decided."""
import os
import random
import signal
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]
from conftest import bin_dir, run  # noqa: E402,F401  fixtures
from ports import find_port  # noqa: E402
from started import Started  # noqa: E402
from test_score import TICKS, WIRES, small_model  # noqa: E402

import sparsed  # noqa: E402

broker_module = pytest.importorskip("broker") if not os.environ.get("CI") else __import__("broker")
CUTS = {0: (0, 12, 24), 2: (0, 16, 33)}  # wires of the fragments of each plane

PLANES = "".join(f"[[detector.plane]]\nid = {p}\nwires = {w}\nscale = 0.0625\n"
                 for p, w in WIRES.items())
CONFIG = """
[detector]
name = "{name}"
ticks = {ticks}
{planes}
[readout]
kind = "kafka"
event_timeout = "20 s"
event_slots = 64
[readout.kafka]
brokers = "{brokers}"
topic = "{topic}"
group = "{group}"
commit_interval = "100 ms"
dead_letter = "{topic}.dead"
properties = ["session.timeout.ms=6000", "heartbeat.interval.ms=500", "fetch.wait.max.ms=20"]
[output.kafka]
brokers = "{brokers}"
topic = "{topic}.decisions"
metrics_topic = "{topic}.metrics"
[[engine.model]]
file = "{model}"
[[trigger.rule]]
name = "first"
label = "signal"
threshold = 0.5
[service]
http = "127.0.0.1:{http}"
metrics = []
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """A broker of the test module's own."""
    why = broker_module.absent()
    if why and os.environ.get("CI"):
        pytest.fail(why)
    if why:
        pytest.skip(why)
    broker = broker_module.Broker(tmp_path_factory.mktemp("broker"), find_port)
    yield broker
    broker.close()


@pytest.fixture
def topic(broker, request):
    """A topic of the test's own, with those for decisions and dead letters."""
    name = request.node.name.replace("[", ".").replace("]", "")
    broker.topic(name)
    broker.topic(name + ".decisions", 2, **{"cleanup.policy": "compact"})
    broker.topic(name + ".dead", 1)
    broker.topic(name + ".metrics", 1, **{"cleanup.policy": "compact"})
    return name


@pytest.fixture
def model(tmp_path):
    """A small network, as a file."""
    return small_model(tmp_path / "small.h5")


def samples(event: int) -> dict[int, np.ndarray]:
    """Planes of an event, int16 [wire][tick]; hits here and there."""
    rng = np.random.default_rng(event)
    return {plane: (rng.random((wires, TICKS)) ** 6 * 160).astype(np.int16)
            for plane, wires in WIRES.items()}


def fragments(first: int, count: int, seed: int = 1):
    """(event, header, payload) of events first .. first + count - 1, of many events at a time,
    in an order that no event keeps together."""
    rng = random.Random(seed)
    out, sequence = [], 0
    for event in range(first, first + count):
        for plane, wires in samples(event).items():
            cuts = CUTS[plane]
            for a, b in zip(cuts, cuts[1:]):
                _, header, payload = sparsed.fragment(
                    wires[a:b], event=event, plane=plane, run=7, first_wire=a, sequence=sequence,
                    event_time_ns=1_700_000_000_000_000_000 + event)
                out.append((event + rng.uniform(0, 12), event, header, payload))
                sequence += 1
    return [row[1:] for row in sorted(out, key=lambda row: row[0])]


def produce(broker, topic, rows, pace_s: float = 0.0):
    """Rows of `fragments` into a topic, keyed by their event."""
    producer = broker.producer()
    for event, header, payload in rows:
        producer.produce(topic, payload, key=f"7.0.{event}".encode(),
                         headers={"fragment": header})
        producer.poll(0)
        if pace_s:
            time.sleep(pace_s)
    assert producer.flush(60) == 0


class Member(Started):
    """One sparsed of a group."""

    patience_s = 60

    def __init__(self, run, broker, topic, model, folder, name, group="g", overrides=()):
        self.http = find_port()
        path = folder / f"{name}.toml"
        path.write_text(CONFIG.format(name=name, ticks=TICKS, planes=PLANES, topic=topic,
                                      brokers=broker.address, group=group, model=model,
                                      http=self.http))
        self.log = (folder / f"{name}.log").open("a+")
        arguments = [part for override in overrides for part in ("--set", override)]
        self.process = run("sparsed", "--config", path, *arguments, start=True, stderr=self.log)

    def page(self, name):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/{name}", timeout=5) as page:
                return page.read().decode()
        except OSError as why:
            return getattr(why, "read", lambda: b"")().decode() or None

    def ready(self):
        return self.wait(lambda: self.metric("sparsed_kafka_partitions") > 0)

    def stop(self):
        """SIGTERM; the ledger has to close."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.logged()
        assert "ledger closes" in self.logged().strip().splitlines()[-1]
        return self.logged()


@pytest.fixture
def member(run, broker, topic, model, tmp_path):
    """Call it with a name: a Member of the topic's group. All are ended after the test."""
    made = []

    def call(name, **more):
        more.setdefault("model", model)
        made.append(Member(run, broker, topic, folder=tmp_path, name=name, **more))
        return made[-1]

    yield call
    for one in made:
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGCONT)
            one.process.kill()


def decisions(broker, topic, events, seconds=90):
    """{event: set of what was decided of it}, once every event has a decision."""
    messages = broker.read(topic + ".decisions", lambda got: {m.key() for m in got} >= {
        f"7.0.{event}".encode() for event in events}, seconds)
    out: dict[int, set] = {}
    messages = [m for m in messages if about(m).startswith("decision.")]
    for message in messages:
        d = sparsed.Decision.FromString(message.value())
        assert message.key() == f"{d.run}.{d.subrun}.{d.event}".encode()
        out.setdefault(d.event, set()).add(said_of(d))
    return out, len(messages)


def about(message) -> str:
    """What ZeroMQ has as a message's topic."""
    return dict(message.headers())["topic"].decode()


def said_of(d):
    """What one decision says: fate, incomplete, raw scores."""
    return d.fate, d.incomplete, tuple(tuple(w.score_raw) for w in d.windows)


@pytest.fixture
def answer(run, model, tmp_path):
    """What one process says over ZeroMQ: {event: what was said of it}."""
    import zmq

    def call(rows, events):
        path = tmp_path / "one.toml"
        with zmq.Context() as context, context.socket(zmq.PUSH) as to, \
                context.socket(zmq.PULL) as back:
            ports = [socket.bind_to_random_port("tcp://127.0.0.1") for socket in (to, back)]
            path.write_text(f"""
[detector]
ticks = {TICKS}
{PLANES}
[readout]
endpoints = [">tcp://127.0.0.1:{ports[0]}"]
pattern = "pull"
event_timeout = "20 s"
[[engine.model]]
file = "{model}"
[[trigger.rule]]
name = "first"
label = "signal"
threshold = 0.5
[output]
push = [">tcp://127.0.0.1:{ports[1]}"]
[service]
http = ""
""")
            process = run("sparsed", "--config", path, start=True,
                          stderr=(tmp_path / "one.log").open("w"))
            for _, header, payload in rows:
                to.send_multipart([b"fragment", header, payload])
            back.setsockopt(zmq.RCVTIMEO, 60000)
            said = {}
            while len(said) < len(events):
                topic, body = back.recv_multipart()
                if not topic.startswith(b"decision."):
                    continue  # the run's records
                d = sparsed.Decision.FromString(body)
                said[d.event] = said_of(d)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        return said
    return call


def check(said, answer):
    """Every event decided, as often as may be, and always alike."""
    assert said.keys() == answer.keys()
    for event, decided in said.items():
        assert decided == {answer[event]}, f"event {event}: {decided} and {answer[event]}"
