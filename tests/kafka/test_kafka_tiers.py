"""Two tiers over Kafka: one member makes pixels out of a topic's fragments, others share the topic
of windows that it fills. Each offset of a fragment is committed once its event's windows are
acknowledged, so whoever dies, every event is decided, as one process decides it."""
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from group import (answer, bin_dir, broker, check, decisions, fragments,  # noqa: E402,F401
                   member, model, produce, run, topic)


@pytest.fixture
def tiers(broker, topic, member):  # noqa: F811
    """Call it with a name and "imaging" or "decision": a member of that tier's group."""
    broker.topic(topic + ".windows")
    stages = {"imaging": (f"output.kafka.topic={topic}.windows",),
              "decision": (f"readout.kafka.topic={topic}.windows", "readout.kafka.group=second")}

    def call(name, what, *overrides):
        return member(name, overrides=(f"service.stages={what}", *stages[what], *overrides))
    return call


def test_one_and_two(broker, topic, tiers, answer):  # noqa: F811
    """One in the first tier, two in the second: each event is decided once, as one process does,
    and a message that is none is set aside on the way."""
    rows = fragments(0, 200)
    first = tiers("first", "imaging")
    second = [tiers(name, "decision") for name in ("second", "third")]
    for one in (first, *second):
        one.ready()
    poison = broker.producer()
    poison.produce(topic + ".windows", b"no windows", headers={"windows": b"\xff"})
    assert poison.flush(30) == 0
    produce(broker, topic, rows)
    said, messages = decisions(broker, topic, range(200))
    check(said, answer(rows, range(200)))
    assert messages == 200
    assert all(one.metric("sparsed_events_in_total") > 0 for one in second)
    letters = broker.read(topic + ".dead", lambda got: len(got) == 1)
    assert dict(letters[0].headers()) == {"reason": b"bad_header", "windows": b"\xff"}
    assert first.metric('sparsed_kafka_total{what="acknowledged"}') == 200
    for one in (first, *second):
        one.wait(lambda one=one: one.metric("sparsed_kafka_lag") == 0)
        one.stop()


def test_killed(broker, topic, tiers, answer):  # noqa: F811
    """A member of the second tier dies with events in hand, and the first tier begins anew with
    events in pieces."""
    rows = fragments(0, 300)
    first, second = tiers("first", "imaging"), tiers("second", "decision")
    third = tiers("third", "decision", "readout.kafka.commit_interval=1 h")
    for one in (first, second, third):
        one.ready()
    produce(broker, topic, rows[:len(rows) // 2])
    third.wait(lambda: third.metric("sparsed_events_in_total") > 20)
    third.process.send_signal(signal.SIGKILL)
    assert "forwarded" in first.stop()
    again = tiers("again", "imaging").ready()
    produce(broker, topic, rows[len(rows) // 2:])
    said, messages = decisions(broker, topic, range(300), seconds=120)
    check(said, answer(rows, range(300)))
    assert messages > 300, "what had been decided and not committed is decided again"
    again.stop()
    second.stop()
    print(f"two tiers: {len(said)} events, {messages} decisions")


def test_another_recipe_is_set_aside(broker, topic, tiers):  # noqa: F811
    """Windows of a first tier with other planes stop no partition, and are not judged."""
    first = tiers("first", "imaging").ready()
    second = tiers("second", "decision", "detector.plane[0].scale=0.125").ready()
    produce(broker, topic, fragments(0, 5))
    second.wait(lambda: second.metric('sparsed_kafka_total{what="set_aside"}') == 5)
    assert second.metric("sparsed_events_in_total") == 0
    assert "windows of source 0 are refused: recipe" in second.logged()
    first.stop()
    second.stop()
