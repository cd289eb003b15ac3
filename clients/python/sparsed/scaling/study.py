"""Stories with 10, 100 and 1,000 members, as tables; and the measured case against what was
measured."""
from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median
from typing import Iterator

import numpy as np

from .group import Protocol
from .member import Daemon
from .scaler import Rule
from .stories import Outcome, Plan, play, three

# What tests/kafka printed, run after run, on a quiet machine (docs/scaling.md): decisions made
# again, and seconds from the last message to the last decision, in tenths.
MEASURED = {
    3: ((11, 78, 86, 19, 38, 34, 10, 53, 106, 20, 35, 18, 40, 56, 19, 24),
        (6.6, 11.8, 6.4, 7.0, 6.7, 6.9, 7.0, 6.6, 6.2, 6.9, 6.9, 7.1, 6.6, 6.2, 7.0, 6.5)),
    10: ((103, 156, 179, 209, 302, 236), (6.1, 6.5, 6.1, 6.1, 6.0, 6.0)),
}

SLOW = Protocol()                                    # librdkafka's defaults
QUICK = Protocol(session_s=6.0, heartbeat_s=0.5)     # as the tests set them
DAEMON = Daemon(rate=50, step_s=0.2, start_s=5.0)    # events a second: one core, whole events

MANY = 1000  # from so many on, steps are longer, for the simulation's time


def daemon_of(members: int) -> Daemon:
    return replace(DAEMON, step_s=0.5) if members >= MANY else DAEMON


@dataclass(frozen=True)
class Comparison:
    """Simulated and measured runs of the three members, one figure."""
    what: str
    measured: tuple[float, ...]
    simulated: tuple[float, ...]

    def quantiles(self) -> list[tuple[float, float]]:
        """(measured, simulated) at 10, 50 and 90 %."""
        return [tuple(float(np.quantile(rows, q)) for rows in (self.measured, self.simulated))
                for q in (0.1, 0.5, 0.9)]

    def distance(self) -> float:
        """Kolmogorov and Smirnov's: the largest difference of the two distributions."""
        at = np.sort(np.concatenate([self.measured, self.simulated]))
        each = [np.searchsorted(np.sort(rows), at, side="right") / len(rows)
                for rows in (self.measured, self.simulated)]
        return float(np.max(np.abs(each[0] - each[1])))

    def bound(self) -> float:
        """What the distance stays below in 95 % of all cases where both are the same."""
        n, m = len(self.measured), len(self.simulated)
        return 1.36 * ((n + m) / (n * m)) ** 0.5


def compare(kills: int, runs: int, seed: int = 1) -> list[Comparison]:
    """The measured case, `runs` times. Raises where an event has no decision."""
    outcomes = [three(kills, seed + i) for i in range(runs)]
    lost = sum(o.undecided for o in outcomes)
    if lost:
        raise AssertionError(f"{lost} events of {runs} runs were never decided")
    again, recovery = MEASURED[kills]
    return [Comparison("decided again", again, tuple(o.again for o in outcomes)),
            Comparison("last decision, s", recovery, tuple(round(o.recovery_s, 1) for o in outcomes))]


@dataclass(frozen=True)
class Row:
    """One line of a table: a plan, and the medians of its runs."""
    study: str
    what: str
    plan: Plan
    protocol: Protocol
    daemon: Daemon
    outcomes: tuple[Outcome, ...] = ()

    def figure(self, name: str) -> float:
        return median(getattr(o, name) for o in self.outcomes)


def tenth(members: int) -> int:
    return max(1, members // 10)


def die(members: int) -> str:
    return f"{tenth(members)} die{'s' if tenth(members) == 1 else ''}"


def rows(sizes: tuple[int, ...] = (10, 100, 1000)) -> Iterator[Row]:
    """All that is asked, not yet played."""
    for members in sizes:
        plan = Plan(members, 4 * members)
        daemon = daemon_of(members)
        yield Row("blows", f"{members}: burst, 3 times the stream for 10 s",
                  replace(plan, burst=3.0, burst_s=10.0), SLOW, daemon)
        if tenth(members) > 1:
            yield Row("blows", f"{members}: 1 dies", replace(plan, kills=1), SLOW, daemon)
        many = replace(plan, kills=tenth(members))
        yield Row("blows", f"{members}: {die(members)}", many, SLOW, daemon)
        yield Row("blows", f"{members}: {die(members)}, session 6 s", many, QUICK, daemon)
        yield Row("blows", f"{members}: a third of the brokers away for 10 s",
                  replace(plan, brokers=3, broker_away_s=10.0), SLOW, daemon)
    for members in sizes:
        for cooperative in (True, False):
            protocol = replace(SLOW, cooperative=cooperative)
            name = "cooperative" if cooperative else "eager"
            plan = Plan(members, 4 * members, kills=tenth(members))
            yield Row("protocol", f"{members}: {die(members)}, {name}", plan, protocol,
                      daemon_of(members))
            rolling = Plan(members, 4 * members, rolling_s=200.0 / members, end_s=300.0)
            if members < MANY:
                yield Row("protocol", f"{members}: each renewed in turn, in 200 s, {name}",
                          rolling, protocol, DAEMON)
    middle = sizes[len(sizes) // 2]
    for each in (1, 2, 4, 8):
        yield Row("partitions", f"{middle}: {each} a member, {die(middle)} for good",
                  Plan(middle, each * middle, kills=tenth(middle), replace_after_s=1e6), SLOW,
                  DAEMON)
    for interval in (0.1, 0.5, 2.0, 10.0):
        yield Row("commits", f"{middle}: every {interval:g} s, {die(middle)}",
                  Plan(middle, 4 * middle, kills=tenth(middle)), SLOW,
                  replace(DAEMON, commit_interval_s=interval))
    least = sizes[0]
    for name, rule in (("a fixed number", None),
                       ("by lag, looked at every 15 s", Rule(DAEMON.rate * 5, least, 4 * least)),
                       ("by lag, every 60 s", Rule(DAEMON.rate * 5, least, 4 * least, 60.0))):
        yield Row("scaling by lag", f"{least}: 3 times the stream for 120 s, {name}",
                  Plan(least, 8 * least, burst=3.0, burst_s=120.0, end_s=600.0, scaler=rule),
                  QUICK, DAEMON)


def play_row(row: Row, seeds: int) -> Row:
    """Raises where an event was never decided though nothing kept it from it."""
    outcomes = tuple(play(row.plan, row.protocol, row.daemon, seed) for seed in range(seeds))
    lost = sum(o.undecided for o in outcomes)
    if lost:
        raise AssertionError(f"{row.study}, {row.what}: {lost} events were never decided")
    return replace(row, outcomes=outcomes)
