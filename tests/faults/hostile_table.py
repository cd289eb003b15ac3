#!/usr/bin/env python3
"""What slow and hostile clients cost: throughput and p99 of the event path under each attack of
hostile.py, as ratios to the same daemon left in peace, and how far peace itself moves.

    tests/faults/hostile_table.py --bin build/release/bin
    tests/faults/hostile_table.py --bin build/release/bin --seconds 20 --rounds 5 --tries 5

One daemon without keys, one with; in each of --rounds, peace and every attack in turn. Of each,
half of --seconds go to latency (200 events a second, as the daemon's decisions tell it), half to
throughput (at most 64 events on their way). One attack is on no door of the daemon's, but on
sockets of another process: what it costs is not the daemon's doing. The attackers run on the
same machine with the lowest priority. A measurement during which other programs took more than
8 % of the machine is made again, up to --tries times; what was not calm then is counted.

The last lines are the table: medians over the rounds; spread is the largest over the smallest
value of peace. Exit status 1 if an event was lost, a page was gone or the ledger did not close;
never because of a time."""
from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
RATE, ON_THEIR_WAY = 200, 64
MOST_OF_OTHERS = 0.08  # of all processors' time
KINDS = {"readout": "PUSH", "decisions": "SUB", "push": "PULL", "metrics": "SUB", "control": "REQ",
         "http": "HTTP"}
RIGHT = {"crate": "readout", "reader": "subscriber", "boss": "control"}
ATTACKS = {"": "nobody else", "silent": "connect and say nothing", "garbage": "garbage",
           "huge": "messages of 2^40 bytes, headers without end", "deaf": "ask and never read",
           "all": "all of these", "elsewhere": "say nothing, to another process"}


@dataclass
class Seen:
    """Of one attack, a number a round."""
    throughput: list[float] = field(default_factory=list)  # events/s
    p99_us: list[float] = field(default_factory=list)
    not_calm: int = 0


class Bench:
    """A daemon of ready-made images, a sender and a reader."""

    def __init__(self, bin_dir: Path, folder: Path, locked: bool) -> None:
        import doors
        from ports import find_port
        import sparsed
        self.bin, self.folder, self.locked = bin_dir, folder, locked
        if locked:
            for key in ("daemon", *RIGHT):
                assert self.run("sparse-keys", folder / key).returncode == 0
            doors.write_clients(folder, self.run, **RIGHT)
        self.daemon = doors.start(self.run, find_port, folder, locked, controlled=True)
        for words in (["configure"], ["start", 1]):
            assert self.ctl(*words).returncode == 0
        self.image = doors.IMAGE
        key = {name: self.daemon.keys(name) if locked else None for name in RIGHT}
        self.reader = sparsed.decisions(self.daemon.address["decisions"], keys=key["reader"])
        self.sender = sparsed.Sender(self.daemon.address["readout"], keys=key["crate"])
        self.sent = self.decided = 0
        self.latency_ns: list[int] = []
        self.elsewhere = subprocess.Popen([sys.executable, HERE / "elsewhere.py", str(len(KINDS))],
                                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports = [self.elsewhere.stdout.readline().strip() for _ in KINDS]
        self.daemon.wait(lambda: (self.send(), self.receive(0.2))[1])
        while self.receive(1):  # those of before it was heard, as far as they are
            pass
        self.decided = self.sent

    def run(self, program: str, *arguments: object, start: bool = False, timeout: float = 60,
            **more: object):
        command = [str(self.bin / program), *map(str, arguments)]
        if start:
            return subprocess.Popen(command, **more)
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, **more)

    def ctl(self, *words: object) -> subprocess.CompletedProcess:
        keys = ["--keys", self.folder / "boss.key_secret", "--server-key",
                self.folder / "daemon.key"] if self.locked else []
        return self.run("sparsectl", "-e", self.daemon.address["control"], *keys, *words)

    def send(self) -> None:
        self.sender.send_image(self.image, run=1, event=self.sent)
        self.sent += 1

    def receive(self, seconds: float) -> bool:
        d = self.reader.receive(seconds)
        if d is not None:
            self.decided += 1
            self.latency_ns.append(d.times.latency_ns)
        return d is not None

    def wait_for_all(self) -> None:
        end = time.monotonic() + 60
        while self.decided < self.sent:
            assert time.monotonic() < end, f"{self.sent - self.decided} events never came back"
            self.receive(1)

    def measure(self, seconds: float) -> tuple[float, float]:
        """events/s, p99 in us."""
        self.latency_ns.clear()
        begin, first = time.monotonic(), self.sent
        while (now := time.monotonic()) < begin + seconds / 2:
            self.send()
            while self.receive(0):
                pass
            time.sleep(max(0.0, begin + (self.sent - first) / RATE - now))
        self.wait_for_all()
        assert len(self.latency_ns) == self.sent - first, "a decision is missing"
        p99_us = sorted(self.latency_ns)[int(0.99 * (len(self.latency_ns) - 1))] / 1e3
        begin, first = time.monotonic(), self.sent
        while time.monotonic() < begin + seconds / 2:
            while self.sent - self.decided < ON_THEIR_WAY:
                self.send()
            self.receive(1)
        self.wait_for_all()
        return (self.sent - first) / (time.monotonic() - begin), p99_us

    def targets(self, deed: str) -> list[str]:
        """KIND:HOST:PORT of each."""
        if deed == "elsewhere":
            return [f"PUSH:127.0.0.1:{port}" for port in self.ports]
        found = []
        for door, kind in KINDS.items():
            address = self.daemon.address[door]
            host, port = ("127.0.0.1", address) if door == "http" else address[6:].split(":")
            found.append(f"{kind}:{host}:{port}")
        return found

    def attack(self, deed: str, seconds: float, connections: int) -> subprocess.Popen | None:
        if not deed:
            return None
        only = {"all": [], "elsewhere": ["--only", "silent"]}.get(deed, ["--only", deed])
        process = subprocess.Popen(
            [sys.executable, HERE / "hostile.py", "--connections", str(connections), "--seconds",
             str(seconds + 0.5), *only, *self.targets(deed)], stdout=subprocess.DEVNULL,
            preexec_fn=lambda: os.nice(19))
        time.sleep(0.5)
        return process

    def end(self) -> None:
        assert self.daemon.page("healthz") and self.ctl("status").returncode == 0
        self.daemon.process.send_signal(signal.SIGTERM)
        assert self.daemon.process.wait(60) == 0, self.daemon.log()
        assert "ledger closes" in self.daemon.log().splitlines()[-1]


def ticks_of(pid: int) -> int:
    """Processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


class Others:
    """What share of the machine was taken by none of `pids` since this was made."""

    def __init__(self, pids: list[int]) -> None:
        self.pids = pids
        self.begin = self.look()

    def look(self) -> tuple[int, int]:
        """Ticks of others, ticks in all."""
        user, nice, system, idle, wait, *more = (
            int(x) for x in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9])
        busy = user + nice + system + sum(more)
        return busy - sum(map(ticks_of, self.pids)), busy + idle + wait

    def share(self) -> float:
        (others, total), (others_then, total_then) = self.look(), self.begin
        return (others - others_then) / (total - total_then)


def measure_under(bench: Bench, deed: str,
                  arguments: argparse.Namespace) -> tuple[float, float, bool]:
    """events/s, p99 in us, whether nothing else ran."""
    attacker = bench.attack(deed, arguments.seconds, arguments.connections)
    others = Others([os.getpid(), bench.daemon.process.pid, bench.elsewhere.pid,
                     *([attacker.pid] if attacker else [])])
    throughput, p99_us = bench.measure(arguments.seconds)
    calm = others.share() <= MOST_OF_OTHERS
    if attacker:
        attacker.terminate()
        attacker.wait(60)
    return throughput, p99_us, calm


def rounds(bench: Bench, arguments: argparse.Namespace) -> dict[str, Seen]:
    seen = {deed: Seen() for deed in ATTACKS}
    bench.measure(1)  # warm
    for _ in range(arguments.rounds):
        for deed, of in seen.items():
            for _ in range(arguments.tries):
                throughput, p99_us, calm = measure_under(bench, deed, arguments)
                if calm:
                    break
            of.not_calm += not calm
            of.throughput.append(throughput)
            of.p99_us.append(p99_us)
    return seen


def spread(values: list[float]) -> float:
    return max(values) / min(values)


def rows(what: str, seen: dict[str, Seen]) -> list[str]:
    median = statistics.median
    peace, out = seen[""], []
    for deed, of in seen.items():
        out.append(
            f"| {what} | {ATTACKS[deed]} | {median(of.throughput):.0f} "
            f"| {median(of.throughput) / median(peace.throughput):.2f} "
            f"| {median(of.p99_us):.0f} | {median(of.p99_us) / median(peace.p99_us):.2f} "
            f"| {spread(peace.throughput):.2f}, {spread(peace.p99_us):.2f} | {of.not_calm} |")
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, required=True, help="folder of the programs")
    parser.add_argument("--python", type=Path, help="of the message classes (BIN/../python)")
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement (3)")
    parser.add_argument("--rounds", type=int, default=3, help="(3)")
    parser.add_argument("--tries", type=int, default=1, help="of a measurement, until calm (1)")
    parser.add_argument("--connections", type=int, default=1000,
                        help="silent ones at each of six doors (1000)")
    arguments = parser.parse_args()
    sys.path[:0] = [str(arguments.python or arguments.bin.resolve().parent / "python"),
                    str(HERE.parent / "integration")]
    table = []
    for locked in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(arguments.bin.resolve(), Path(folder), locked)
            try:
                seen = rounds(bench, arguments)
                bench.end()
            finally:
                bench.daemon.process.kill()
                bench.elsewhere.kill()
        table += rows("with keys" if locked else "plain", seen)
    print(f"{arguments.rounds} rounds of {arguments.seconds:g} s, {arguments.connections} silent "
          f"connections at each of {len(KINDS)} doors\n")
    print("| doors | attack | events/s | throughput, ratio | p99, us | p99, ratio "
          "| spread of peace: throughput, p99 | not calm |")
    print("|---|---|---|---|---|---|---|---|")
    print("\n".join(table), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
