"""More or fewer members by lag, as KEDA's Kafka scaler and the autoscaler behind it do:
wanted = ceil(lag / threshold), between `least` and `most`; more at once, but at most twice as
many or four more in a period; fewer only after a time in which no more were wanted.
"""
from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Callable

import simpy

from .member import Member
from .world import World


@dataclass(frozen=True)
class Rule:
    threshold: float              # events of lag a member
    least: int
    most: int
    period_s: float = 15.0        # how often it looks
    fewer_after_s: float = 300.0  # stabilization before members go


def autoscale(env: simpy.Environment, world: World, members: list[Member], rule: Rule,
              start: Callable[[], Member]):
    """A process of the simulation: starts and stops members in `members`."""
    high_until = 0.0
    while True:
        yield env.timeout(rule.period_s)
        alive = [m for m in members if m.alive and not m.leaving]
        wanted = min(rule.most, max(rule.least, ceil(world.lag(env.now) / rule.threshold)))
        if wanted >= len(alive):
            high_until = env.now + rule.fewer_after_s
            most = max(2 * len(alive), len(alive) + 4)
            members.extend(start() for _ in range(min(wanted, most) - len(alive)))
        elif env.now >= high_until:
            for member in alive[wanted:]:
                member.stop()
