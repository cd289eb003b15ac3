"""One daemon of the group.

It works in steps: takes what waits in its partitions, as much as one step's time allows;
decides it; the broker acknowledges the decisions `acknowledge_s` later; every
`commit_interval_s` it commits what is acknowledged. An end without warning loses what is not
acknowledged (it comes again) and makes again what is not committed.
"""
from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import simpy

from .group import Coordinator
from .world import World


@dataclass(frozen=True)
class Daemon:
    """What a daemon is like."""
    rate: float                    # events a second it can decide
    step_s: float = 0.01
    start_s: float = 1.0           # from its start to its wish to join
    acknowledge_s: float = 0.005   # from a decision to its acknowledgement
    commit_interval_s: float = 0.5  # readout.kafka.commit_interval
    in_flight: int = 4096          # readout.kafka.in_flight
    fetch_s: float = 0.01          # from an assignment to the first message
    end_s: float = 0.03            # from leaving the group to the end of the process
    commits_what: str = "acknowledged"  # "taken": the mistake that loses events


class Member:
    """Made, it starts; it lives until kill() or stop()."""

    def __init__(self, env: simpy.Environment, world: World, coordinator: Coordinator,
                 daemon: Daemon, rng: np.random.Generator, name: str = ""):
        self.env, self.world, self.coordinator, self.daemon = env, world, coordinator, daemon
        self.name = name
        self.alive, self.frozen, self.leaving = True, False, False
        self.own: set[int] = set()              # partitions, read or about to be
        self.next: dict[int, int] = {}          # partition: offset it takes next
        self.acknowledged: dict[int, int] = {}  # partition: offset behind the last one
        self.on_the_way: deque = deque()        # (time, partition, first, end)
        self.waiting_to_join = False            # it has joined and waits for the answer
        self.phase = rng.uniform(0, 1, 3)
        env.process(self._talk())
        env.process(self._work())
        env.process(self._commit_regularly())

    # ---- its fate ----

    def kill(self) -> None:
        """SIGKILL."""
        self._take_acknowledgements()
        self.alive = False

    def freeze(self) -> None:
        """SIGSTOP."""
        self._take_acknowledgements()
        self.frozen = True

    def stop(self) -> simpy.Process:
        """SIGTERM: it decides what it has, commits and leaves. Ends when it has ended."""
        self.leaving = True
        return self.env.process(self._drain())

    def _drain(self):
        """A consumer that has joined waits for the answer before it leaves, as librdkafka's
        does: by then whoever died has been waited for."""
        while self.alive and (self.on_the_way or self.waiting_to_join):
            yield self.env.timeout(self.daemon.acknowledge_s)
            self._take_acknowledgements()
        if self.alive:
            self._give_up(set(self.own))
            self.coordinator.leave(self)
            self.alive = False
            yield self.env.timeout(self.daemon.end_s)

    # ---- the group ----

    def _talk(self):
        protocol = self.coordinator.protocol
        yield self.env.timeout(self.daemon.start_s)
        self._join()
        yield self.env.timeout(self.phase[0] * protocol.heartbeat_s)
        while self.alive and not self.leaving:
            if not self.frozen and not self.waiting_to_join:
                if not self.coordinator.heartbeat(self):
                    self._give_up(set(self.own), lost=True)
                    self._join()
                elif self.coordinator.preparing:
                    self._join()
            yield self.env.timeout(protocol.heartbeat_s)

    def _join(self) -> None:
        if not self.alive or self.leaving:
            return
        if not self.coordinator.protocol.cooperative:
            self._give_up(set(self.own))
        self.waiting_to_join = True
        self.coordinator.join(self, set(self.own))

    def assign(self, partitions: set[int], given_up: set[int]) -> None:
        """The coordinator's answer: what is its own now, and what it has to give up."""
        self.waiting_to_join = False
        if not self.alive or self.leaving:
            return
        if self.frozen:  # it hears of it when it wakes
            return
        if given_up:
            self._give_up(given_up)
            self._join()
        for partition in partitions - self.own:
            self.env.process(self._begin(partition))
        self.own |= partitions

    def _begin(self, partition: int):
        start = self.world.partitions[partition].committed
        yield self.env.timeout(self.daemon.fetch_s)
        if self.alive and partition in self.own:
            self.next[partition] = self.acknowledged[partition] = start

    def _give_up(self, partitions: set[int], lost: bool = False) -> None:
        if not lost:
            self._take_acknowledgements()
            self._commit()
        self.own -= partitions
        for partition in partitions:
            self.next.pop(partition, None)
            self.acknowledged.pop(partition, None)
        self.on_the_way = deque(row for row in self.on_the_way if row[1] not in partitions)

    # ---- events ----

    def _work(self):
        """`left`: capacity that steps before have not used up, in events below 1."""
        left = 0.0
        yield self.env.timeout(self.phase[1] * self.daemon.step_s)
        while self.alive and not self.leaving:
            yield self.env.timeout(self.daemon.step_s)
            if self.frozen or not self.alive:
                continue
            self._take_acknowledgements()
            left = min(left, 1.0) + self.daemon.rate * self.daemon.step_s
            left -= self._take(int(left))

    def _take(self, capacity: int) -> int:
        now, taken = self.env.now, 0
        # All on the way are acknowledged within this time: what may be taken in a step.
        turns = max(1.0, self.daemon.acknowledge_s / self.daemon.step_s)
        capacity = min(capacity, int(self.daemon.in_flight / turns))
        for partition, offset in list(self.next.items()):
            if taken >= capacity:
                break
            if self.world.away(partition, now):
                continue
            log = self.world.partitions[partition]
            end = min(log.produced(now), offset + capacity - taken)
            if end > offset:
                taken += end - offset
                self.next[partition] = end
                self.on_the_way.append((now + self.daemon.acknowledge_s, partition, offset, end))
        if len(self.next) > 1 and taken >= capacity:  # next time others come first
            first = next(iter(self.next))
            self.next[first] = self.next.pop(first)
        return taken

    def _take_acknowledgements(self) -> None:
        while self.alive and self.on_the_way and self.on_the_way[0][0] <= self.env.now:
            at, partition, first, end = self.on_the_way.popleft()
            self.world.partitions[partition].decide(first, end, at)
            if partition in self.acknowledged:
                self.acknowledged[partition] = end

    # ---- offsets ----

    def _commit_regularly(self):
        yield self.env.timeout(self.phase[2] * self.daemon.commit_interval_s)
        while self.alive and not self.leaving:
            yield self.env.timeout(self.daemon.commit_interval_s)
            if not self.frozen and self.alive:
                self._take_acknowledgements()
                self._commit()

    def _commit(self) -> None:
        taken = self.daemon.commits_what == "taken"
        for partition, offset in (self.next if taken else self.acknowledged).items():
            log = self.world.partitions[partition]
            if offset > log.committed and self.coordinator.may_commit(self, partition):
                log.committed = offset
