"""A real Kafka broker of one node (KRaft), for the time of a test."""
from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

HERE = Path(__file__).resolve().parent
JARS = Path(os.environ.get("SPARSED_KAFKA", HERE.parents[1] / "build" / "kafka"))
START_S = 120


def absent() -> str | None:
    """Why there can be no broker here, or None."""
    missing = [program for program in ("java", "mvn") if shutil.which(program) is None]
    return f"no {' and no '.join(missing)}" if missing else None


def fetch_jars() -> Path:
    """The folder of Kafka's jars; Maven brings them once."""
    JARS.mkdir(parents=True, exist_ok=True)
    with (JARS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        libs = JARS / "libs"
        if not libs.is_dir():
            shutil.copy(HERE / "pom.xml", JARS)
            subprocess.run(["mvn", "-q", "-B", "dependency:copy-dependencies",
                            f"-DoutputDirectory={JARS / 'part'}"], cwd=JARS, check=True)
            (JARS / "part").rename(libs)
        return libs


class Broker:
    """Formatted once, started and stopped at will; data in `folder`."""

    def __init__(self, folder: Path, free_port, **settings):
        self.folder, self.port, control = Path(folder), free_port(), free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.classes = f"{fetch_jars()}/*"
        self.process: subprocess.Popen | None = None
        self.properties = self.folder / "server.properties"
        self.properties.write_text("\n".join(f"{k}={v}" for k, v in {
            "process.roles": "broker,controller", "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{control}",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{control}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "controller.listener.names": "CONTROLLER", "log.dirs": self.folder / "data",
            "offsets.topic.replication.factor": 1, "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1, "transaction.state.log.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0, "auto.create.topics.enable": "false",
            **settings}.items()))
        tool = self._java("kafka.tools.StorageTool", "random-uuid", capture_output=True, text=True)
        self._java("kafka.tools.StorageTool", "format", "-t", tool.stdout.strip(), "-c",
                   self.properties, capture_output=True)
        self.start()

    def _java(self, *arguments, **more):
        return subprocess.run(["java", "-XX:TieredStopAtLevel=1", "-cp", self.classes, *arguments],
                              check=True, **more)

    def start(self) -> None:
        """Returns when it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["java", "-XX:TieredStopAtLevel=1", "-Xmx512m", "-cp", self.classes, "kafka.Kafka",
                 self.properties], stdout=log, stderr=log)
        deadline = time.monotonic() + START_S
        while True:
            assert self.process.poll() is None, (self.folder / "log").read_text()[-4000:]
            assert time.monotonic() < deadline, "the broker does not come up"
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                AdminClient({"bootstrap.servers": self.address}).list_topics(timeout=5)
                return
            except Exception:  # whatever it says before it is up
                time.sleep(0.2)

    def stop(self, how: int = signal.SIGTERM) -> None:
        """Ends the process; what was written stays."""
        self.process.send_signal(how)
        self.process.wait(60)

    def close(self) -> None:
        """For good."""
        if self.process is not None and self.process.poll() is None:
            self.stop(signal.SIGKILL)

    def topic(self, name: str, partitions: int = 6, **settings) -> str:
        """Makes a topic; gives its name."""
        admin = AdminClient({"bootstrap.servers": self.address})
        made = admin.create_topics([NewTopic(name, partitions, 1, config=settings)])
        made[name].result(30)
        return name

    def producer(self) -> Producer:
        return Producer({"bootstrap.servers": self.address, "linger.ms": 5,
                         "enable.idempotence": True, "max.in.flight": 1})

    def read(self, topic: str, until, seconds: float = 60) -> list:
        """All messages of a topic from its beginning, once `until(messages)` is true."""
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": f"reader-{time.time()}",
                             "auto.offset.reset": "earliest", "enable.auto.commit": False})
        consumer.subscribe([topic])
        messages, deadline = [], time.monotonic() + seconds
        try:
            while not until(messages):
                assert time.monotonic() < deadline, f"{topic}: {len(messages)} messages only"
                messages += [m for m in consumer.consume(1000, 0.1) if m.error() is None]
            return messages
        finally:
            consumer.close()


def main() -> None:
    """A broker until standard input ends."""
    parser = argparse.ArgumentParser(
        description="Starts a Kafka broker of one node with empty logs, prints its address and "
                    "the number of its process, and ends it, logs and all, when standard input "
                    "ends.",
        epilog="example: broker.py --set log.retention.bytes=100000000")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="a line of server.properties; may be given again")
    arguments = parser.parse_args()

    def free_port() -> int:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            return s.getsockname()[1]

    if why := absent():
        parser.exit(1, f"broker.py: {why}\n")
    with tempfile.TemporaryDirectory(prefix="broker-") as folder:
        broker = Broker(Path(folder), free_port, **dict(p.split("=", 1) for p in arguments.set))
        print(broker.address, broker.process.pid, flush=True)
        sys.stdin.read()
        broker.close()


if __name__ == "__main__":
    main()
