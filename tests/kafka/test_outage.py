"""Brokers that take nothing. The disk of one fills, and Kafka ends a broker whose disk fails:
decisions wait, then events, then the readout stands still. With room again, and the broker started,
everything goes on, and nothing is lost. The disk is a small one in memory, mounted for the test:
that takes root."""
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from group import (answer, bin_dir, broker, broker_module, check, decisions,  # noqa: E402,F401
                   find_port, fragments, member, model, produce, run, topic)

DISK_MB, LEFT_BYTES, BALLAST = 64, 1 << 18, "ballast"
FIRST, EVENTS = 60, 600  # decided before the disk is full; all
SLOTS = 32  # events come a dozen at a time
PATIENT = ("readout.event_timeout=10 min", f"readout.event_slots={SLOTS}", "output.kafka.queue=4")


class SmallDisk:
    """A broker that has a disk of its own."""

    def __init__(self, folder: Path):
        self.disk = folder / "data"
        self.disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "sparsed-test",
                        self.disk], check=True)
        self.broker = broker_module.Broker(folder, find_port, **{
            "log.index.size.max.bytes": 65536, "num.recovery.threads.per.data.dir": 1})

    def fill(self):
        """Only LEFT_BYTES are left for Kafka."""
        with (self.disk / BALLAST).open("wb") as to:
            free = shutil.disk_usage(self.disk).free
            os.posix_fallocate(to.fileno(), 0, free - LEFT_BYTES)

    def wait_for_its_end(self, seconds: float = 90):
        """Kafka's own doing: nobody kills it."""
        self.broker.process.wait(seconds)
        assert "No space left on device" in (self.broker.folder / "log").read_text()

    def mend(self):
        (self.disk / BALLAST).unlink()
        self.broker.start()

    def close(self):
        self.broker.close()
        subprocess.run(["umount", self.disk], check=True)


@pytest.fixture
def small(broker, topic, tmp_path):
    """A broker on a small disk, with the test's topics; `broker` is another, with room."""
    if os.geteuid() != 0:
        pytest.skip("not root: no disk of our own")
    folder = tmp_path / "small"
    folder.mkdir()
    small = SmallDisk(folder)
    small.broker.topic(topic)
    small.broker.topic(topic + ".decisions", 1)
    small.broker.topic(topic + ".dead", 1)
    small.broker.topic(topic + ".metrics", 1)
    yield small
    small.close()


def recovered(small, topic, began):
    """Waits until every event has a decision; prints and gives the time since `began`."""
    said, messages = decisions(small.broker, topic, range(EVENTS), 120)
    took = time.monotonic() - began
    print(f"\nrecovered: all {EVENTS} events decided {took:.1f} s after the broker answered again; "
          f"{messages - EVENTS} decided twice")
    return said


def test_the_disk_of_decisions(broker, small, topic, member, answer):
    """Fragments come from a broker that is well; decisions go to one whose disk fills. They wait, the
    slots fill, the readout stands still: memory stays what it was, and no event is given up."""
    rows = fragments(0, EVENTS)
    one = member("one", overrides=(*PATIENT, f"output.kafka.brokers={small.broker.address}",
                                   "output.kafka.metrics_topic=")).ready()
    part = len(rows) * FIRST // EVENTS
    produce(broker, topic, rows[:part])
    one.wait(lambda: one.metric('sparsed_kafka_total{what="acknowledged"}') >= FIRST // 2)
    small.fill()
    produce(broker, topic, rows[part:])
    small.wait_for_its_end()
    one.wait(lambda: one.metric("sparsed_slots_used") == SLOTS)
    one.wait(lambda: one.metric("sparsed_kafka_lag") > 0)
    acknowledged = one.metric('sparsed_kafka_total{what="acknowledged"}')
    assert acknowledged < EVENTS and one.page("healthz") == "alive\n"
    small.mend()
    began = time.monotonic()
    check(recovered(small, topic, began), answer(rows, range(EVENTS)))
    one.wait(lambda: one.metric("sparsed_kafka_lag") == 0)
    assert one.metric('sparsed_dead_seconds_total{cause="no_slot"}') > 0
    one.stop()


def test_the_disk_of_all(small, topic, member, answer):
    """One broker for all: what comes in waits at its producer, too."""
    rows = fragments(0, EVENTS)
    one = member("one", overrides=(*PATIENT, f"output.kafka.brokers={small.broker.address}",
                                   f"readout.kafka.brokers={small.broker.address}")).ready()
    part = len(rows) * FIRST // EVENTS
    produce(small.broker, topic, rows[:part])
    one.wait(lambda: one.metric('sparsed_kafka_total{what="acknowledged"}') >= FIRST // 2)
    small.fill()
    sender = threading.Thread(target=produce, args=(small.broker, topic, rows[part:]))
    sender.start()
    small.wait_for_its_end()
    assert one.page("healthz") == "alive\n"
    small.mend()
    began = time.monotonic()
    sender.join(120)
    check(recovered(small, topic, began), answer(rows, range(EVENTS)))
    one.stop()


def test_told_to_stop_while_no_broker_takes_decisions(broker, topic, member, answer):
    """The stop limit counts, the log says how many decisions never arrived, and none of their offsets
    is committed: the next member decides all of it again."""
    rows = fragments(0, 40)
    one = member("one", overrides=("service.stop_limit=1 s", "output.kafka.metrics_topic=",
                                   f"output.kafka.brokers=127.0.0.1:{find_port()}")).ready()
    produce(broker, topic, rows)
    one.wait(lambda: one.metric("sparsed_decisions_published_total") == 40)
    one.process.send_signal(signal.SIGTERM)
    one.process.wait(30)
    assert "40 decisions were not delivered: their events come again" in one.logged()
    two = member("two").ready()
    said, messages = decisions(broker, topic, range(40))
    check(said, answer(rows, range(40)))
    assert messages == 40
    two.stop()


def test_told_to_stop_while_a_dead_one_is_waited_for(broker, topic, member, answer):
    """Its last commit stands in line behind JoinGroup, which is answered when the dead one's session is
    over: it is not waited for so long, and what was not committed is decided again."""
    rows = fragments(0, 60)
    slow = ('readout.kafka.properties=["session.timeout.ms=30000", "heartbeat.interval.ms=500"]',)
    one, dead = (member(name, overrides=slow) for name in ("one", "dead"))
    for each in (one, dead):
        each.ready()
    dead.process.kill()
    next_ = member("next", overrides=slow)
    time.sleep(3)  # "one" hears that the group is joining, and joins
    produce(broker, topic, rows)
    one.wait(lambda: one.metric('sparsed_kafka_total{what="acknowledged"}') > 0)
    began = time.monotonic()
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(60) == 0
    took = time.monotonic() - began
    assert "the group did not let go within 10 s" in one.logged(), took
    said, messages = decisions(broker, topic, range(60), 120)
    check(said, answer(rows, range(60)))
    print(f"\nstopped after {took:.1f} s; {messages - 60} of 60 decided again")
    next_.stop()


def act_on(story, members, broker, member):
    """Does what the story says; gives the moment from which its recovery counts."""
    first = members[0]
    if story == "added":
        members.append(member("more"))
    elif story == "told_to_stop":
        members.pop(0).process.send_signal(signal.SIGTERM)
    elif story == "killed":
        members.pop(0).process.kill()
    elif story == "standing_still":
        first.process.send_signal(signal.SIGSTOP)
    else:
        broker.stop()
        broker.start()
    return time.monotonic()


@pytest.mark.parametrize("story", ["added", "told_to_stop", "killed", "standing_still",
                                   "broker_restarted"])
def test_time_to_recover(broker, topic, member, answer, story):
    """Three members, events flow; then the story, and events go on flowing. It is over when every
    event that was sent is decided. docs/kafka.md has the times."""
    rows = fragments(0, 200)
    patience = ("readout.event_timeout=5 min",)
    members = [member(f"m{i}", overrides=patience) for i in range(3)]
    for one in members:
        one.ready()
    produce(broker, topic, rows[:len(rows) // 2], 0.001)
    first = members[0]
    began = act_on(story, members, broker, member)
    produce(broker, topic, rows[len(rows) // 2:], 0.001)
    sent = time.monotonic()
    said, messages = decisions(broker, topic, range(200))
    print(f"\nrecovered: {story}: {time.monotonic() - began:.1f} s after it, "
          f"{time.monotonic() - sent:.1f} s after the last message; "
          f"{messages - 200} events decided twice")
    check(said, answer(rows, range(200)))
    if story == "told_to_stop":  # with messages on their way to it
        assert first.process.wait(60) == 0 and "ledger closes" in first.logged()
    first.process.send_signal(signal.SIGCONT)
    for one in members:
        one.stop()
