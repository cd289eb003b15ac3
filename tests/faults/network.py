"""A network between two ends of this machine that can be slow, lossy or cut: two TUN devices,
one of them in a network namespace of its own, and a thread that carries packets from one to the
other, or does not. What the kernel's netem does, where there is no netem. Needs root.

    daemon  10.x.y.1 [tun]--- this thread: delay, loss, cut ---[tun] 10.x.y.2  readout
"""
from __future__ import annotations

import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time

import zmq

TUNSETIFF, IFF_TUN, IFF_NO_PI, CLONE_NEWNET = 0x400454CA, 0x0001, 0x1000, 0x40000000


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise PermissionError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def _tun(name: str) -> int:
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


class Network(threading.Thread):
    """Attributes may be set at any time: delay_s each way, loss (0 .. 1) of packets, cut."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        pid = os.getpid()
        self.delay_s, self.loss, self.cut = 0.0, 0.0, False
        self.carried = self.dropped = 0
        self.namespace, near, far = f"spd{pid}", f"spa{pid % 100000}", f"spb{pid % 100000}"
        subnet = f"10.{64 + pid // 256 % 128}.{pid % 256}"
        self.near, self.far = f"{subnet}.1", f"{subnet}.2"
        self._random = random.Random(1)
        self._end = threading.Event()
        self._fds: list[int] = []
        try:
            _ip("netns", "add", self.namespace)
            self._fds = [_tun(near), _tun(far)]
            _ip("link", "set", far, "netns", self.namespace)
            _ip("addr", "add", f"{self.near}/24", "dev", near)
            _ip("link", "set", near, "up")
            inside = ("-n", self.namespace)
            _ip(*inside, "addr", "add", f"{self.far}/24", "dev", far)
            _ip(*inside, "link", "set", far, "up")
            _ip(*inside, "link", "set", "lo", "up")
        except OSError:
            self.close()
            raise

    def enter(self) -> zmq.Context:
        """Moves the calling thread to the far end; a context whose threads live there too."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/var/run/netns/{self.namespace}") as f:
            if libc.setns(f.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        return zmq.Context()

    def run(self) -> None:
        waiting: list[tuple[float, int, int, bytes]] = []  # due, number, to, packet
        while not self._end.is_set():
            wait = min(0.05, max(0.0, waiting[0][0] - time.monotonic())) if waiting else 0.05
            ready, _, _ = select.select(self._fds, [], [], wait)
            for fd in ready:
                packet = os.read(fd, 70000)
                if self.cut or self._random.random() < self.loss:
                    self.dropped += 1
                    continue
                self.carried += 1
                to = self._fds[1 - self._fds.index(fd)]
                heapq.heappush(waiting, (time.monotonic() + self.delay_s, self.carried, to, packet))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, to, packet = heapq.heappop(waiting)
                try:
                    os.write(to, packet)
                except OSError:  # its queue is full, as a router's may be
                    self.dropped += 1

    def close(self) -> None:
        self._end.set()
        if self.is_alive():
            self.join(10)
        for fd in self._fds:
            os.close(fd)
        subprocess.run(["ip", "netns", "del", self.namespace], capture_output=True)
