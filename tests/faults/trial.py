"""What the tests of faults share: a daemon with a small network, its numbers, its ledger, and
the rows of the table in docs/reliability.md (SPARSED_FAULTS_JSON: a file that each test adds a
JSON line to; tests/faults/table.py makes the table of it)."""
from __future__ import annotations

import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from conftest import *  # noqa: E402,F401,F403  the fixtures of the black-box tests
from fpga_kernel import small_model  # noqa: E402
from readout import TICKS, WIRES, Readout  # noqa: E402
from test_sparsed import Daemon  # noqa: E402

LONG = os.environ.get("SPARSED_FAULTS_LONG") == "1"
# Time and room enough for what a busy machine does to four sources that are well.
PATIENT = ("readout.event_timeout=1 s", "readout.event_slots=256")
ACCEPT_ALL, ACCEPT_NONE = "trigger.rule[0].threshold=-1", "trigger.rule[0].threshold=2"
SAMPLE = re.compile(r'^sparsed_(\w+?)(?:\{(.*)\})? (\S+)$')


def long(test: Callable) -> Callable:
    """A story that takes more than a few seconds: it runs in the label `long` alone."""
    return pytest.mark.skipif(not LONG, reason="one of the long ones (SPARSED_FAULTS_LONG=1)")(
        test)


class Numbers:
    """The daemon's metrics at one moment."""

    def __init__(self, page: str) -> None:
        self.sample = []
        for line in page.splitlines():
            if found := SAMPLE.match(line):
                labels = dict(re.findall(r'(\w+)="([^"]*)"', found[2] or ""))
                self.sample.append((found[1], labels, float(found[3])))

    def __call__(self, name: str, **labels: object) -> float:
        """Sum over the samples of sparsed_NAME that have all the labels."""
        return sum(v for n, have, v in self.sample if n == name and all(
            have.get(k) == str(w) for k, w in labels.items()))

    def by(self, name: str, label: str, **labels: object) -> dict[str, int]:
        """Sums by one label, those above 0."""
        sums: dict[str, float] = {}
        for n, have, v in self.sample:
            if n == name and all(have.get(k) == str(w) for k, w in labels.items()):
                sums[have[label]] = sums.get(have[label], 0) + v
        return {k: int(v) for k, v in sums.items() if v > 0}


class Trial:
    """A daemon, the readouts that send to it, and what came of it."""

    def __init__(self, run: Callable, free_port: Callable, folder: pathlib.Path,
                 name: str) -> None:
        self._run, self._free_port, self._folder, self._name = run, free_port, folder, name
        self.model = small_model(folder / "small.model.h5")
        self.daemon: Daemon | None = None
        self.readouts: list[Readout] = []

    def start(self, *settings: str, timeout: str = "200 ms", again: bool = False,
              wires: int = WIRES, environment: dict[str, str] | None = None,
              alive: str = "readyz") -> Daemon:
        """Starts sparsed and waits until its page `alive` answers; `again`: with the ports of
        the one before."""
        def run(*command: object, **more: object) -> subprocess.Popen:
            return self._run(*command, env={**os.environ, **(environment or {})}, **more)
        self.daemon = Daemon(run, self._free_port, self._folder, self.model, "neutrino",
                             timeout=timeout, detector={"ticks": TICKS, "wires": wires},
                             overrides=settings, replaces=self.daemon if again else None,
                             alive=alive)
        return self.daemon

    def readout(self, endpoint: str | None = None, begin: bool = True, **more: object) -> Readout:
        """A readout, running if `begin`."""
        r = Readout(endpoint or self.daemon.address("readout"), **more)
        self.readouts.append(r)
        if begin:
            r.start()
        return r

    def numbers(self) -> Numbers:
        return Numbers(self.daemon.page("metrics") or "")

    def wait(self, condition: Callable[[Numbers], bool], seconds: float = 30) -> float:
        """Until it is true of the numbers; how long that took."""
        began = time.monotonic()
        self.daemon.wait(lambda: condition(self.numbers()), seconds)
        return time.monotonic() - began

    def wait_decided(self, more: int, seconds: float = 30) -> float:
        """Until so many more events are decided whole; how long that took."""
        def whole(n: Numbers) -> float:
            return n("decisions_published_total") - n("events_incomplete_total")
        before = whole(self.numbers())
        return self.wait(lambda n: whole(n) >= before + more, seconds)

    def settle(self) -> Numbers:
        """The readouts end; until nothing is in flight and each message has its fate."""
        for r in self.readouts:
            r.pause()
        last = [None]

        def still(n: Numbers) -> bool:
            received = n("fragments_received_total")
            rests = (n("events_in_flight") == 0 and received == n("fragments_total")
                     and received == last[0])
            last[0] = received
            time.sleep(0.1)
            return rests
        self.wait(still)
        return self.numbers()

    def close(self) -> Numbers:
        """Ends the run; the books agree. The last numbers before the end."""
        n = self.settle()
        check_books(n)
        self.daemon.stop()
        return n

    def row(self, fault: str, lost: str, recovered_s: float | None = None) -> None:
        """One row of the table: what was done; what it cost, and where that is counted; how
        long until the first whole event after it was over."""
        line = {"test": self._name, "fault": fault, "lost": lost,
                "recovered_s": None if recovered_s is None else round(recovered_s, 2)}
        print("\n" + json.dumps(line))
        if path := os.environ.get("SPARSED_FAULTS_JSON"):
            with open(path, "a") as f:
                f.write(json.dumps(line) + "\n")

    def end(self) -> None:
        for r in self.readouts:
            r.close()


def check_books(n: Numbers) -> None:
    """What must be true whatever happened."""
    assert n("invariant_broken_total") == 0, n.by("invariant_broken_total", "invariant")
    assert n("events_in_total") == n("events_total") + n("events_in_flight")
    timed = (n("live_seconds_total") + n("paused_seconds_total") + n("draining_seconds_total")
             + n("dead_seconds_total"))
    assert timed == pytest.approx(n("run_seconds_total"), abs=0.3)  # read while it grows


@pytest.fixture
def trial(run, free_port, tmp_path, request) -> Iterator[Trial]:
    """A Trial; its readouts end with the test."""
    t = Trial(run, free_port, tmp_path, request.node.name)
    yield t
    t.end()


@pytest.fixture(scope="session")
def preload_library(tmp_path_factory) -> pathlib.Path:
    """tests/faults/preload.c, built."""
    library = tmp_path_factory.mktemp("preload") / "preload.so"
    source = pathlib.Path(__file__).with_name("preload.c")
    subprocess.run([os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra",
                    "-shared", "-fPIC", str(source), "-o", str(library), "-ldl"], check=True)
    return library


@pytest.fixture
def preload(preload_library, tmp_path) -> tuple[Callable[..., None], dict[str, str]]:
    """(tell, environment): a daemon started with `environment` has the clock and the disk that
    tell(wall_ns=..., write_ns=...) says."""
    orders = tmp_path / "orders"

    def tell(wall_ns: int = 0, write_ns: int = 0) -> None:
        with orders.open("r+b" if orders.exists() else "wb") as f:
            f.write(struct.pack("=qq", wall_ns, write_ns))
    tell()
    return tell, {"LD_PRELOAD": str(preload_library), "SPARSED_TEST_PRELOAD": str(orders)}
