"""What is there whether daemons live or die: a topic's partitions, brokers, and the ledger.

Times are seconds of the simulation, an event is one message (a fragment that is a whole image,
or an event's windows).
"""
from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Partition:
    """A log of events, and how far its readers are.

    An offset below `decided` has a decision at the broker; one below `committed` never comes
    again. Whoever takes the partition over begins at `committed`.
    """
    number: int
    arrivals: array = field(default_factory=lambda: array("d"))  # s, sorted
    committed: int = 0
    decided: int = 0
    again: int = 0  # decisions of events that had one
    holes: list[tuple[int, int]] = field(default_factory=list)  # passed over: [from, to)
    longest_wait_s: float = 0.0

    def produced(self, now: float) -> int:
        """Events in the log."""
        return bisect_right(self.arrivals, now)

    def decide(self, first: int, end: int, now: float) -> None:
        """Events first .. end - 1 are decided, and the broker has it."""
        if first > self.decided:
            self.holes.append((self.decided, first))
        self.again += max(0, min(end, self.decided) - first)
        if end > self.decided:
            wait = now - self.arrivals[max(first, self.decided)]
            self.longest_wait_s = max(self.longest_wait_s, wait)
            self.decided = end
        if self.holes:
            self.holes = [h for h in self.holes if not (first <= h[0] and h[1] <= end)]


class World:
    """A topic, and the brokers that lead its partitions in turn."""

    def __init__(self, partitions: int, brokers: int = 1):
        self.partitions = [Partition(n) for n in range(partitions)]
        self.brokers = brokers
        self.away_until = [0.0] * brokers

    def away(self, partition: int, now: float) -> bool:
        """Whether nobody leads the partition."""
        return now < self.away_until[partition % self.brokers]

    def stream(self, rate: float, start_s: float, seconds: float, rng: np.random.Generator) -> None:
        """Events at random times, `rate` a second, each to a partition by chance (its key)."""
        n = rng.poisson(rate * seconds)
        times = np.sort(rng.uniform(start_s, start_s + seconds, n))
        to = rng.integers(0, len(self.partitions), n)
        for partition in self.partitions:
            partition.arrivals.extend(times[to == partition.number])

    def put(self, times: np.ndarray, rng: np.random.Generator) -> None:
        """Events at given times, which are later than all before."""
        to = rng.integers(0, len(self.partitions), len(times))
        for partition in self.partitions:
            partition.arrivals.extend(times[to == partition.number])

    def lag(self, now: float) -> int:
        """Events that wait for their decision."""
        return sum(p.produced(now) - p.decided for p in self.partitions)

    def events(self) -> int:
        return sum(len(p.arrivals) for p in self.partitions)

    def again(self) -> int:
        return sum(p.again for p in self.partitions)

    def undecided(self) -> int:
        """Events without a decision: those that wait, and those that were passed over."""
        return sum(len(p.arrivals) - p.decided + sum(b - a for a, b in p.holes)
                   for p in self.partitions)
