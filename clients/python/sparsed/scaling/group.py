"""The coordinator of a consumer group, as Kafka's brokers and librdkafka 2.0 do it (JoinGroup,
SyncGroup, Heartbeat; the assignment is sticky).

    stable --a member comes, goes, or is not heard of--> preparing --all have joined--> stable

While it is preparing, members hear of it with their next heartbeat and join again: eagerly,
after giving all partitions up; cooperatively, while they work on. Who died is waited for until
its session is over. Cooperatively, a partition that changes hands is given up first, and
assigned by a second rebalance.

A broker answers the requests of a connection in their order, and JoinGroup when all have joined:
a LeaveGroup behind it waits for that. Then the next rebalance begins before the shares of this one
are asked for (SyncGroup): all have joined in vain, and join again. Who died after it had joined is
waited for from then on, a whole session.
"""
from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import simpy


@dataclass(frozen=True)
class Protocol:
    """Settings of librdkafka and of the broker; its defaults."""
    session_s: float = 45.0      # session.timeout.ms
    heartbeat_s: float = 3.0     # heartbeat.interval.ms
    first_delay_s: float = 3.0   # group.initial.rebalance.delay.ms
    round_trip_s: float = 0.002  # one request and its answer
    cooperative: bool = True     # partition.assignment.strategy: cooperative-sticky, or sticky
    # Of librdkafka, no settings:
    look_s: float = 1.0          # its main thread looks what is due, when nothing wakes it
    rejoin_s: float = 1.0        # from one JoinGroup to the next, unless partitions were given up
    leave_s: float = 5.0         # it waits for LeaveGroup's answer


class Coordinator:
    """Knows who is in the group and what is whose."""

    def __init__(self, env: simpy.Environment, protocol: Protocol, partitions: int):
        self.env, self.protocol, self.partitions = env, protocol, partitions
        self.heard_s: dict = {}       # member: when it was heard of last
        self.joined: dict = {}        # member: what it holds, of those that have joined
        self.leaving: set = set()     # of those that have joined: they leave once it is answered
        self.assigned: dict = {}      # partition: member
        self.preparing = False
        self.rebalances = 0
        env.process(self._expire())

    def heartbeat(self, member) -> bool:
        """False: the member is not in the group (any more)."""
        if member in self.heard_s:
            self.heard_s[member] = self.env.now
        return member in self.heard_s

    def join(self, member, held: set[int]) -> None:
        """The answer is member.assign, once everybody has joined."""
        first = not self.heard_s
        self.heard_s[member] = self.env.now
        self.joined[member] = set(held)
        self._prepare(self.protocol.first_delay_s if first else 0.0)

    def leave(self, member) -> None:
        if member in self.joined:
            self.leaving.add(member)
        else:
            self._remove(member)

    def may_commit(self, member, partition: int) -> bool:
        return member in self.heard_s and self.assigned.get(partition) is member

    def _remove(self, member) -> None:
        if self.heard_s.pop(member, None) is None:
            return
        self.joined.pop(member, None)
        for partition in [p for p, owner in self.assigned.items() if owner is member]:
            del self.assigned[partition]
        self._prepare(0.0)

    def _prepare(self, delay_s: float) -> None:
        if not self.preparing:
            self.preparing, self.not_before_s = True, self.env.now + delay_s
        self.env.process(self._complete_after(max(0.0, self.not_before_s - self.env.now)))

    def _complete_after(self, delay_s: float):
        yield self.env.timeout(delay_s)
        if self.preparing and len(self.joined) == len(self.heard_s) and \
                self.env.now >= self.not_before_s:
            self._complete()

    def _complete(self) -> None:
        """JoinGroup is answered."""
        self.preparing = False
        self.rebalances += 1
        self.stable_since_s = self.env.now
        held, self.joined = self.joined, {}
        for member in held:
            self.heard_s[member] = self.env.now
        leaving, self.leaving = self.leaving, set()
        for member in leaving:
            self._remove(member)
        self.env.process(self._share(held))

    def _share(self, held: dict):
        """SyncGroup is answered. `held`: what each member has."""
        yield self.env.timeout(2 * self.protocol.round_trip_s)
        if self.preparing:
            for member in held:
                member.join_again()
            return
        target = share(held, self.partitions)
        holder = {p: member for member, partitions in held.items() for p in partitions}
        self.assigned = {}
        for member, partitions in target.items():
            free = {p for p in partitions if holder.get(p, member) is member}
            self.assigned.update({p: member for p in free})
            # What it still holds and another shall have stays its own until it gives it up.
            self.assigned.update({p: member for p in held[member] - partitions})
        for member, partitions in target.items():
            free = {p for p in partitions if holder.get(p, member) is member}
            member.assign(free, held[member] - partitions)

    def _expire(self):
        """Those that are not heard of for a session are removed; who waits for an answer is
        not asked to be heard."""
        while True:
            yield self.env.timeout(self.protocol.heartbeat_s / 50)
            silent = [m for m, heard in self.heard_s.items() if m not in self.joined
                      and self.env.now - heard >= self.protocol.session_s]
            for member in silent:
                self._remove(member)


def share(held: dict, partitions: int) -> dict:
    """{member: partitions}: as even as can be, with as few moves as can be. `held` says what
    each member has."""
    if not held:
        return {}
    least, more = divmod(partitions, len(held))
    taken: set[int] = set()
    target: dict = defaultdict(set)
    # Those that hold most may keep one more than the others.
    for place, member in enumerate(sorted(held, key=lambda m: -len(held[m]))):
        quota = least + (1 if place < more else 0)
        target[member] = set(sorted(held[member] - taken)[:quota])
        taken |= target[member]
    free = [p for p in range(partitions) if p not in taken]
    for place, member in enumerate(sorted(held, key=lambda m: -len(held[m]))):
        quota = least + (1 if place < more else 0)
        while len(target[member]) < quota:
            target[member].add(free.pop())
    return dict(target)
