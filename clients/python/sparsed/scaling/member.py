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
    line_s: float = 10.0           # a stop waits so long for a commit behind JoinGroup
    end_s: float = 0.045           # from leaving the group to the end of the process
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
        self.joining = self.in_line = False     # it wants to join; JoinGroup is not answered
        self.joined_s = -np.inf                 # its last JoinGroup
        self.taken_s = -np.inf                  # when it took events last
        self.answered = env.event()             # JoinGroup, while it is in line
        self.settled = env.event()              # it has its share, while it wants to join
        self.phase = rng.uniform(0, 1, 4)
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
        """Its last commit waits in line behind JoinGroup, and the daemon for that; then it ends as
        if it were killed. LeaveGroup waits, too, and librdkafka for that not longer than leave_s:
        the group hears of it when JoinGroup is answered."""
        while self.alive and self.on_the_way:
            yield self.env.timeout(self.daemon.acknowledge_s)
            self._take_acknowledgements()
        if self.in_line and self.own:
            yield self.answered | self.env.timeout(self.daemon.line_s)
        if self.in_line and self.own:
            self.alive = False
        if self.alive:
            self._give_up(set(self.own))
            self.coordinator.leave(self)
            self.alive = False
            if self.in_line:
                yield self.answered | self.env.timeout(self.coordinator.protocol.leave_s)
            yield self.env.timeout(self.daemon.end_s)

    # ---- the group ----

    def _seen(self, due_s: float):
        """Waits until librdkafka's main thread sees that something is due. It is woken by its timer,
        by the daemon's measure of the lag, as often, and by commits, while there are any."""
        yield self.env.timeout(due_s - self.env.now)
        period, interval = self.coordinator.protocol.look_s, self.daemon.commit_interval_s
        waits = [(phase * period - due_s) % period for phase in self.phase[2:]]
        if self.taken_s > due_s - 2 * interval:
            waits.append((self.phase[1] * interval - due_s) % interval)
        yield self.env.timeout(min(waits))

    def _talk(self):
        """A heartbeat goes out with the share that it gets, and regularly after it; none while it
        wants to join."""
        protocol = self.coordinator.protocol
        yield self.env.timeout(self.daemon.start_s)
        self._join()
        while self.alive and not self.leaving:
            if self.joining:
                yield self.settled
            if self.alive and not self.frozen:
                self._beat(protocol.rejoin_s)
            yield from self._seen(self.env.now + protocol.heartbeat_s)

    def _beat(self, rejoin_s: float) -> None:
        if not self.coordinator.heartbeat(self):
            self._give_up(set(self.own), lost=True)
            self._join()
        elif self.coordinator.preparing:
            self._join(rejoin_s)

    def _join(self, after_s: float = 0.0) -> None:
        """Not sooner than `after_s` after it joined last."""
        if not self.joining:
            self.joining, self.settled = True, self.env.event()
        if self.env.now >= self.joined_s + after_s:
            self._stand_in_line()
        else:
            self.env.process(self._join_later(self.joined_s + after_s))

    def _join_later(self, due_s: float):
        yield from self._seen(due_s)
        self._stand_in_line()

    def _stand_in_line(self) -> None:
        self.in_line = self.alive and not self.leaving and not self.frozen
        if not self.in_line:
            self._settle()
            return
        if not self.coordinator.protocol.cooperative:
            self._give_up(set(self.own))
        self.joined_s, self.answered = self.env.now, self.env.event()
        self.coordinator.join(self, set(self.own))

    def _leave_line(self) -> bool:
        """JoinGroup is answered. False: nobody is there to read it."""
        self.in_line = False
        self.answered.succeed()
        if self.alive and not self.leaving and not self.frozen:
            return True
        self._settle()
        return False

    def _settle(self) -> None:
        self.joining = False
        self.settled.succeed()

    def join_again(self) -> None:
        """The coordinator's answer: the next rebalance has begun."""
        if self._leave_line():
            self._join(self.coordinator.protocol.rejoin_s)

    def assign(self, partitions: set[int], given_up: set[int]) -> None:
        """The coordinator's answer: what is its own now, and what it has to give up."""
        if not self._leave_line():
            return
        if given_up:
            self._give_up(given_up)
            self._join()
        else:
            self._settle()
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
        yield self.env.timeout(self.phase[0] * self.daemon.step_s)
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
                self.taken_s = now
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
        yield self.env.timeout(self.phase[1] * self.daemon.commit_interval_s)
        while self.alive and not self.leaving:
            yield self.env.timeout(self.daemon.commit_interval_s)
            if not self.frozen and self.alive and not self.in_line:  # else it waits behind JoinGroup
                self._take_acknowledgements()
                self._commit()

    def _commit(self) -> None:
        taken = self.daemon.commits_what == "taken"
        for partition, offset in (self.next if taken else self.acknowledged).items():
            log = self.world.partitions[partition]
            if offset > log.committed and self.coordinator.may_commit(self, partition):
                log.committed = offset
                self.coordinator.heartbeat(self)  # a commit is as good as one
