"""Decisions and metrics as they come.

A Subscription is an iterator that is connected from the moment it is made, so
that what is sent afterwards is not lost to a loop that starts later (a SUB
socket needs a few milliseconds to reach its publisher). ZeroMQ reconnects by
itself. Use a Subscription in one thread.
"""

import time
from typing import Dict, Generic, Iterator, Optional, Tuple, Type, TypeVar

import zmq

from .decision_pb2 import Decision
from .keys import Keys
from .metrics_pb2 import Metrics
from .run_pb2 import RunRecord

SCHEMA_VERSION = 1

M = TypeVar("M", Decision, Metrics, RunRecord)


def attach(
    socket: zmq.Socket, endpoint: str, bind: bool = False, keys: Optional[Keys] = None
) -> None:
    """Binds ("@endpoint", or bind) or connects (">endpoint", or no sign)."""
    if keys is not None:
        keys.apply(socket)
    if endpoint[:1] == "@" or (bind and endpoint[:1] != ">"):
        socket.bind(endpoint.lstrip("@"))
    else:
        socket.connect(endpoint.lstrip(">"))


class Subscription(Generic[M]):
    """Iterates over the messages of one endpoint.

    unreadable counts messages that do not have two parts or do not parse,
    other_version those whose schema_version is not 1; both are passed over.
    """

    def __init__(
        self,
        message: Type[M],
        endpoint: str,
        topic: str,
        pattern: str = "sub",
        timeout: Optional[float] = None,
        high_water: int = 10000,
        context: Optional[zmq.Context] = None,
        keys: Optional[Keys] = None,
    ) -> None:
        if pattern not in ("sub", "pull"):
            raise ValueError(f"pattern = {pattern!r}: must be 'sub' or 'pull'")
        self.unreadable = 0
        self.other_version = 0
        self.timeout = timeout
        self._message = message
        self._topic = topic.encode()
        self._socket = (context or zmq.Context.instance()).socket(
            zmq.SUB if pattern == "sub" else zmq.PULL
        )
        self._socket.linger = 0
        self._socket.rcvhwm = high_water
        self._socket.heartbeat_ivl = 2000
        self._socket.heartbeat_timeout = 6000
        if pattern == "sub":
            self._socket.subscribe(self._topic)
        try:
            attach(self._socket, endpoint, keys=keys)
        except zmq.ZMQError as e:
            self.close()
            raise ConnectionError(f"{endpoint}: {e}") from e

    def receive(self, timeout: Optional[float] = None) -> Optional[M]:
        """The next message; None after `timeout` seconds without one (None: waits for ever)."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if end is None else max(0, round((end - time.monotonic()) * 1000))
            if not self._socket.poll(left):
                return None
            message = self._read(self._socket.recv_multipart())
            if message is not None:
                return message

    def _read(self, parts: list) -> Optional[M]:
        if len(parts) != 2:
            self.unreadable += 1
            return None
        if not parts[0].startswith(self._topic):  # PULL has no subscription
            return None
        try:
            message = self._message.FromString(parts[1])
        except Exception:  # DecodeError; its place differs between protobuf versions
            self.unreadable += 1
            return None
        if message.schema_version != SCHEMA_VERSION:
            self.other_version += 1
            return None
        return message

    def close(self) -> None:
        self._socket.close()

    def __iter__(self) -> Iterator[M]:
        return self

    def __next__(self) -> M:
        message = self.receive(self.timeout)
        if message is None:
            raise StopIteration
        return message

    def __enter__(self) -> "Subscription[M]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def decisions(
    endpoint: str = "tcp://127.0.0.1:5556",
    *,
    accepted_only: bool = False,
    pattern: str = "sub",
    timeout: Optional[float] = None,
    high_water: int = 10000,
    context: Optional[zmq.Context] = None,
    keys: Optional[Keys] = None,
) -> "Subscription[Decision]":
    """Iterates over Decision messages.

    accepted_only: subscribes to accepted events alone
    pattern: "sub", a copy of all; "pull", a share of what a PUSH socket gives
    timeout: seconds without a message after which the loop ends; None: never
    high_water: messages kept while the loop is busy; more are lost (sub)
    keys: where the daemon asks for one
    """
    topic = "decision.accepted" if accepted_only else "decision."
    return Subscription(Decision, endpoint, topic, pattern, timeout, high_water, context, keys)


def metrics(
    endpoint: str = "tcp://127.0.0.1:5557",
    *,
    timeout: Optional[float] = None,
    context: Optional[zmq.Context] = None,
    keys: Optional[Keys] = None,
) -> "Subscription[Metrics]":
    """Iterates over Metrics messages, one a second; `timeout` and `keys` as in decisions."""
    return Subscription(Metrics, endpoint, "metrics", "sub", timeout, 100, context, keys)


def runs(
    endpoint: str = "tcp://127.0.0.1:5556",
    *,
    pattern: str = "sub",
    timeout: Optional[float] = None,
    context: Optional[zmq.Context] = None,
    keys: Optional[Keys] = None,
) -> "Subscription[RunRecord]":
    """Iterates over RunRecord messages, which stand among the decisions: kind is
    RunRecord.BEGIN, CHANGE or END; `timeout` and `keys` as in decisions."""
    return Subscription(RunRecord, endpoint, "run.", pattern, timeout, 1000, context, keys)


def values(m: Metrics) -> Dict[Tuple[str, ...], float]:
    """A Metrics message as a dictionary.

    The key is the name followed by the values of the labels, in the message's
    order: values(m)["sparsed_events_total", "accepted"]; a metric without
    labels: values(m)["sparsed_ready",].
    """
    return {
        (family.name + sample.suffix, *(label.value for label in sample.labels)): sample.value
        for family in m.families
        for sample in family.samples
    }
