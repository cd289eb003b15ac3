"""A readout for the tests of faults: a few sources that send at a rate, and can be told to do
what readouts do in bad nights. It runs in a thread of its own; what it is told happens between
two events, so that a test knows what was sent."""
from __future__ import annotations

import ctypes
import queue
import threading
import time
from dataclasses import dataclass, field
from typing import Callable

import zmq

from sparsed import readout_pb2 as pb

TICKS, WIRES, PLANE = 1536, 512, 2


def packed(wires: int, ticks: int = TICKS) -> bytes:
    """A zstd frame of `wires` silent wires: small on the wire, its full size of work behind it."""
    return zstd_frame(bytes(2 * wires * ticks))


def zstd_frame(samples: bytes) -> bytes:
    """By the library that the daemon is linked with: Python's own has no zstd."""
    zstd = ctypes.CDLL("libzstd.so.1")
    zstd.ZSTD_compressBound.restype = zstd.ZSTD_compress.restype = ctypes.c_size_t
    room = zstd.ZSTD_compressBound(ctypes.c_size_t(len(samples)))
    frame = ctypes.create_string_buffer(room)
    used = zstd.ZSTD_compress(frame, ctypes.c_size_t(room), samples,
                              ctypes.c_size_t(len(samples)), 1)
    return frame.raw[:used]


@dataclass
class Source:
    """One source: its wires, its sequence, its socket. Used by the readout's thread alone."""
    id: int
    first_wire: int
    wires: int
    endpoint: str
    pattern: str = "push"
    payload: bytes = b""  # zstd; empty: its wires are declared empty
    high_water: int = 1000
    sequence: int = 0
    refused: int = 0      # messages that the socket had no room for
    send_buffer: int = 0  # bytes of the kernel; 0: the system's choice
    context: zmq.Context | None = None
    _socket: zmq.Socket | None = field(default=None, repr=False)

    def socket(self) -> zmq.Socket:
        if self._socket is None:
            kind = zmq.PUSH if self.pattern == "push" else zmq.PUB
            self._socket = (self.context or zmq.Context.instance()).socket(kind)
            self._socket.sndhwm = self.high_water
            self._socket.linger = 0
            if self.send_buffer:
                self._socket.sndbuf = self.send_buffer
            if self.endpoint.startswith("@"):
                bind_when_free(self._socket, self.endpoint[1:])
            else:
                self._socket.connect(self.endpoint)
        return self._socket

    def parts(self, event: int, sequence: int, spoil: bool = False) -> list[bytes]:
        header = pb.FragmentHeader(
            schema_version=1, run=1, subrun=0, event=event, source_id=self.id, sequence=sequence,
            kind=pb.WIRES, plane=PLANE, first_wire=self.first_wire, wires=self.wires, ticks=TICKS,
            sample_type=pb.INT16, event_time_ns=1_700_000_000_000_000_000 + event * 1_000_000,
            encoding=pb.ZSTD if self.payload else pb.EMPTY, payload_bytes=len(self.payload))
        body = self.payload
        if spoil:
            header.encoding, header.payload_bytes, body = pb.ZSTD, 9, b"no frame."
        return [b"fragment", header.SerializeToString(), body]

    def send(self, event: int, wait: Callable[[], bool] | None = None, **more: object) -> bool:
        """False: there was no room, and `wait` did not want to wait (any longer)."""
        message = self.parts(event, self.sequence, **more)
        self.sequence += 1
        while True:
            try:
                self.socket().send_multipart(message, zmq.DONTWAIT)
                return True
            except zmq.Again:
                if wait is None or not wait():
                    self.refused += 1
                    return False
                self.socket().poll(20, zmq.POLLOUT)

    def close(self) -> None:
        """As when its process is killed: what is queued is gone."""
        if self._socket is not None:
            self._socket.close(0)
            self._socket = None


def bind_when_free(socket: zmq.Socket, endpoint: str) -> None:
    """A closed socket's port is free only when libzmq's own thread has let go of it."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return socket.bind(endpoint)
        except zmq.ZMQError:
            assert time.monotonic() < deadline, f"{endpoint} is never free"
            time.sleep(0.02)


class Readout(threading.Thread):
    """`n` sources that share the plane's wires. Each event goes out once all of them, but the
    muted ones, have sent their part; `rate` events a second, 0: as fast as they are taken."""

    def __init__(self, endpoint: str, n: int = 4, rate: float = 200, block: bool = True,
                 payload: bool = False, enter: Callable[[], zmq.Context] | None = None,
                 mute: set[int] | None = None, event: int = 0, wires: int = WIRES,
                 **source: object) -> None:
        super().__init__(daemon=True)
        self._enter = enter  # the thread calls it first: another network, another context
        own = wires // n
        body = packed(own) if payload else b""
        self.source = [Source(10 + i, i * own, own, endpoint, payload=body, **source)
                       for i in range(n)]
        self.rate, self.block = rate, block
        self.mute = mute or set()        # sources (indices) that do not send
        self.event = event               # the next one
        self.each: Callable[[int], None] | None = None  # before each event, in this thread
        self._orders: queue.Queue = queue.Queue()
        self._end = threading.Event()

    def do(self, what: Callable[[], object]) -> object:
        """Does it between two events; gives its result."""
        answer: queue.Queue = queue.Queue()
        self._orders.put((what, answer))
        result = answer.get(timeout=60)
        if isinstance(result, BaseException):
            raise result
        return result

    def _obey(self) -> None:
        while not self._orders.empty():
            what, answer = self._orders.get()
            try:
                answer.put(what())
            except BaseException as e:  # the test's thread is to fail, not this one
                answer.put(e)

    def _may_wait(self) -> bool:
        return self.block and not self._end.is_set()

    def run(self) -> None:
        if self._enter:
            context = self._enter()
            for source in self.source:
                source.context = context
        due = time.monotonic()
        while not self._end.is_set():
            self._obey()
            if self.rate > 0:
                due = max(due + 1 / self.rate, time.monotonic() - 0.5)
                time.sleep(max(0.0, due - time.monotonic()))
            if self.each:
                self.each(self.event)
            for i, source in enumerate(self.source):
                if i not in self.mute:
                    source.send(self.event, self._may_wait)
            self.event += 1
        self._obey()

    def pause(self) -> int:
        """Ends the thread; the events that were sent."""
        self._end.set()
        self.join(60)
        return self.event

    def close(self) -> None:
        self.pause()
        for source in self.source:
            source.close()
