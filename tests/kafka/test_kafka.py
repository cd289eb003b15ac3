"""Many daemons share a stream through a Kafka consumer group, with a real broker: whoever
comes, goes, dies or stands still, every event is decided, and decided as one process would."""
import os
import random
import signal
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from group import (TICKS, WIRES, about, answer, bin_dir, broker, check,  # noqa: E402,F401
                   decisions, find_port, fragments, member, model, produce, run, topic)

import sparsed  # noqa: E402

KILLS = int(os.environ.get("SPARSED_KAFKA_KILLS", "3"))


def test_one_member(broker, topic, member, answer):
    """The plain case: decisions are acknowledged, offsets committed, nothing comes again. Who takes
    the partitions over has nothing waiting in those where no message comes any more."""
    rows = fragments(0, 100)
    one = member("one").ready()
    produce(broker, topic, rows)
    said, messages = decisions(broker, topic, range(100))
    check(said, answer(rows, range(100)))
    assert messages == 100
    one.wait(lambda: one.metric("sparsed_kafka_lag") == 0)
    assert one.metric('sparsed_kafka_total{what="acknowledged"}') == 100
    one.stop()
    again = member("again").ready()
    produce(broker, topic, fragments(100, 20))
    _, messages = decisions(broker, topic, range(120))
    assert messages == 120  # none of the first hundred came again
    again.stop()
    last = member("last").ready()
    produce(broker, topic, fragments(120, 1))  # to one partition of six
    decisions(broker, topic, range(121))
    last.wait(lambda: last.metric("sparsed_kafka_lag") == 0)
    last.stop()


def test_runs_and_metrics(broker, topic, member):
    """What ZeroMQ's subscribers get goes to Kafka, too: begin and end of a run among the decisions,
    each under a key of its own, so that a compacted topic does not keep one daemon's alone; and
    the metrics, a daemon a key."""
    names = ("one", "two")
    members = [member(name, overrides=("service.metrics_interval=50 ms",)).ready()
               for name in names]
    produce(broker, topic, fragments(0, 20))
    decisions(broker, topic, range(20))
    for one in members:
        one.stop()
    runs = [m for m in broker.read(topic + ".decisions", lambda got: len(got) >= 24)
            if about(m).startswith("run.")]
    assert sorted(about(m) for m in runs) == ["run.begin"] * 2 + ["run.end"] * 2
    assert len({m.key() for m in runs}) == 4
    for message in runs:
        record = sparsed.RunRecord.FromString(message.value())
        assert record.instance in names and message.key().startswith(about(message).encode() + b"@")
        assert about(message) == "run.begin" or record.complete
    metrics = broker.read(topic + ".metrics", lambda got: all(
        any(m.key().startswith(name.encode() + b"@") and decided(m) is not None for m in got)
        for name in names))
    assert {m.key().decode() for m in metrics} == {f"{n}@{socket.gethostname()}" for n in names}
    last = {m.key(): decided(m) for m in metrics}
    assert sum(last.values()) == 20, "the last message has the last numbers"


def decided(message) -> float | None:
    """Events that the daemon had decided, as its metrics message says; all fates."""
    assert about(message) == "metrics"
    families = {f.name: f for f in sparsed.Metrics.FromString(message.value()).families}
    events = families.get("sparsed_events_total")
    return None if events is None else sum(s.value for s in events.samples)


def test_metrics_wait_for_nobody(broker, topic, member, answer):
    """A topic for metrics that is not there costs messages of metrics, counted; nothing else."""
    rows = fragments(0, 40)
    one = member("one", overrides=("output.kafka.metrics_topic=not.there",
                                   "service.metrics_interval=50 ms")).ready()
    produce(broker, topic, rows)
    said, _ = decisions(broker, topic, range(40))
    check(said, answer(rows, range(40)))
    one.wait(lambda: one.metric('sparsed_kafka_total{what="missed_metrics"}') > 0)
    one.stop()


def owner(members, rng):
    """One of those that have partitions now: its end is felt."""
    deadline = time.monotonic() + 60
    while not (having := [m for m in members if m.metric("sparsed_kafka_partitions") > 0]):
        assert time.monotonic() < deadline, "nobody has a partition"
        time.sleep(0.05)
    return rng.choice(having)


def test_three_members_come_and_go(broker, topic, member, answer):
    """One is killed, one is told to go, one comes, one stands still, while events flow."""
    rng, events = random.Random(5), 600
    rows = fragments(0, events)
    members = [member(f"m{i}") for i in range(3)]
    for one in members:
        one.ready()
    part = len(rows) // (KILLS + 3)
    for k in range(KILLS):
        produce(broker, topic, rows[k * part:(k + 1) * part], 0.0005)
        victim = members.pop(members.index(owner(members, rng)))
        victim.process.kill()
        victim.process.wait()
        members.append(member(f"k{k}"))
    produce(broker, topic, rows[KILLS * part:(KILLS + 1) * part])
    members.pop(0).stop()
    members.append(member("later"))
    produce(broker, topic, rows[(KILLS + 1) * part:(KILLS + 2) * part])
    sleeper = members[0]
    sleeper.process.send_signal(signal.SIGSTOP)
    produce(broker, topic, rows[(KILLS + 2) * part:])
    start = time.monotonic()
    said, messages = decisions(broker, topic, range(events))
    took = time.monotonic() - start
    check(said, answer(rows, range(events)))
    sleeper.process.send_signal(signal.SIGCONT)
    print(f"\n{events} events, {messages} decisions: {messages - events} made again; "
          f"{KILLS} kills; the last decision {took:.1f} s after the last message")
    for one in members:
        one.stop()


def test_a_partition_that_goes_takes_its_events_along(broker, topic, member, answer):
    """A daemon stands still with halves of events, and its partitions go to another. When it
    wakes it judges none of them: what it does not have whole is the other's to say."""
    rows = fragments(0, 60)
    sleeper = member("sleeper", overrides=("readout.event_timeout=3 s",)).ready()
    produce(broker, topic, rows[:len(rows) // 2])
    sleeper.wait(lambda: sleeper.metric("sparsed_slots_used") > 0)
    sleeper.process.send_signal(signal.SIGSTOP)
    other = member("other").ready()
    produce(broker, topic, rows[len(rows) // 2:])
    decisions(broker, topic, range(60))
    sleeper.process.send_signal(signal.SIGCONT)
    sleeper.wait(lambda: sleeper.metric('sparsed_events_total{fate="handed_over"}') > 0)
    sleeper.wait(lambda: sleeper.metric("sparsed_slots_used") == 0)
    said, _ = decisions(broker, topic, range(60))
    check(said, answer(rows, range(60)))
    assert sleeper.metric("sparsed_events_incomplete_total") == 0
    sleeper.stop()
    other.stop()


def test_broker_is_started_again(broker, topic, member, answer):
    """Decisions and messages wait for it."""
    rows = fragments(0, 200)
    one = member("one", overrides=("readout.event_timeout=5 min",)).ready()
    produce(broker, topic, rows[:400])
    broker.stop()
    time.sleep(1)
    broker.start()
    produce(broker, topic, rows[400:])
    said, _ = decisions(broker, topic, range(200))
    check(said, answer(rows, range(200)))
    one.stop()


def test_poison_is_set_aside(broker, topic, member, answer):
    """Messages that are no fragment go to the dead-letter topic with the reason; the others of
    their partition are decided."""
    rows = fragments(0, 30)
    one = member("one").ready()
    producer = broker.producer()
    for partition in range(6):
        producer.produce(topic, b"noise", partition=partition, headers={"fragment": b"\xff\xff"})
        producer.produce(topic, b"no header", partition=partition)
    producer.flush()
    produce(broker, topic, rows)
    said, _ = decisions(broker, topic, range(30))
    check(said, answer(rows, range(30)))
    letters = broker.read(topic + ".dead", lambda got: len(got) >= 12)
    reasons = sorted(dict(m.headers())["reason"].decode() for m in letters)
    assert reasons == ["bad_frame"] * 6 + ["bad_header"] * 6
    # Who reads the topic may see a letter before the daemon has its acknowledgement.
    one.wait(lambda: one.metric('sparsed_kafka_total{what="set_aside"}') == 12)
    one.stop()
    member("again").ready().stop()
    assert len(broker.read(topic + ".dead", lambda got: len(got) >= 12)) == 12


def test_what_no_topic_takes(broker, topic, member):
    """Topics that take only small messages: dead letters and decisions are refused for ever. Each
    is counted, and nothing of it comes again."""
    for use in ("dead", "decisions"):
        broker.topic(f"{topic}.small.{use}", 1, **{"max.message.bytes": "20"})
    one = member("one", overrides=(f"readout.kafka.dead_letter={topic}.small.dead",
                                   f"output.kafka.topic={topic}.small.decisions")).ready()
    producer = broker.producer()
    for partition in range(6):
        producer.produce(topic, b"no header, and too long for some", partition=partition)
    producer.flush()
    produce(broker, topic, fragments(0, 10))
    one.wait(lambda: one.metric('sparsed_kafka_total{what="not_set_aside"}') == 6)
    one.wait(lambda: one.metric('sparsed_kafka_total{what="refused_decisions"}') == 10)
    one.stop()
    again = member("again").ready()
    produce(broker, topic, fragments(10, 10))
    again.wait(lambda: again.metric('sparsed_kafka_total{what="acknowledged"}') == 10)
    assert again.metric('sparsed_kafka_total{what="set_aside"}') == 0
    again.stop()


def test_another_model_is_refused(broker, topic, member, tmp_path, model):
    """A partition that one model judged is not taken by a member with another; unless it is
    allowed."""
    first = member("first").ready()
    produce(broker, topic, fragments(0, 40))
    decisions(broker, topic, range(40))
    first.stop()
    threshold = "trigger.rule[0].threshold=0.25"
    other = member("refused", overrides=(threshold,))
    other.wait(lambda: "the group is left" in other.logged())
    assert "another model" in other.page("readyz")
    other.stop()
    member("first-again").ready().stop()  # the other one has left no trace
    other = member("allowed", overrides=(threshold, "readout.kafka.mixed=allow")).ready()
    produce(broker, topic, fragments(40, 40))
    decisions(broker, topic, range(80))
    other.stop()


def test_replay_sends_to_a_topic(broker, topic, member, run, tmp_path):
    """Recorded events go into a topic as they go to a socket, keyed so that they meet; a topic
    that is not there, and an address that is none, are said in a sentence."""
    from test_score import samples as recorded
    from wirefile import make_file
    events = recorded(3)
    path = make_file(tmp_path / "events.h5", events, ticks=TICKS)
    one = member("one").ready()
    planes = [f"--plane={plane}:{wires}" for plane, wires in WIRES.items()]
    done = run("sparse-replay", path, "--to", f"kafka://{broker.address}/{topic}", "--quiet",
               *planes)
    assert done.returncode == 0, done.stderr
    messages = broker.read(topic, lambda got: len(got) > 0)
    assert all(m.key().startswith(b"5.") and dict(m.headers())["fragment"] for m in messages)
    one.wait(lambda: one.metric('sparsed_kafka_total{what="acknowledged"}') == len(events))
    one.stop()
    for wrong, words in ((f"kafka://{broker.address}/nothing", "no topic nothing within 1 s"),
                         (f"kafka://{broker.address}", "must be kafka://HOST:PORT/TOPIC")):
        done = run("sparse-replay", path, "--to", wrong, "--wait", "1s", *planes)
        assert done.returncode != 0 and words in done.stderr, done.stderr


def test_no_broker_no_topic(broker, topic, member, run, tmp_path, model):
    """A daemon without a broker waits and says so; a topic that is not there is named."""
    one = member("lonely", overrides=(f"readout.kafka.brokers=127.0.0.1:{find_port()}",))
    one.wait(lambda: "no partition" in (one.page("readyz") or ""))
    assert "kafka" in one.logged()
    one.stop()
    two = member("wrong", overrides=("readout.kafka.topic=nothing.here",))
    two.wait(lambda: "nothing.here" in two.logged())
    two.stop()


def test_more_members_than_partitions(broker, topic, member, answer):
    """The seventh of six has nothing to do, until one goes."""
    members = [member(f"m{i}") for i in range(7)]
    deadline = time.monotonic() + 60
    while sum(m.metric("sparsed_kafka_partitions") for m in members) != 6:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    members.pop(0).stop()
    rows = fragments(0, 40)
    produce(broker, topic, rows)
    said, _ = decisions(broker, topic, range(40))
    check(said, answer(rows, range(40)))
    for one in members:
        one.stop()
