"""What the page says, as numbers: by window and by event.

By window: signal holds the true vertex in a plane where the neutrino left at least
MIN_LABEL bins; background is any window of such planes without a labelled bin. Empty
windows are in: a trigger sees them too.

By event: a neutrino event counts if some plane has MIN_LABEL labelled bins; the accept rate
is that of events with cosmics alone. An event's value under a rule is the threshold below
which the rule would fire, so one pass gives every point of a curve.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .curves import Measured, area, efficiency_at
from .scores import Scores

MIN_LABEL = 500
RATES = (0.1, 0.01, 0.001)


@dataclass(frozen=True)
class Rule:
    """How an event's best scores by plane become one value: the `nth` highest."""
    name: str
    nth: int
    planes: tuple[int, ...] | None = None  # None: all

    def value(self, best: np.ndarray) -> np.ndarray:
        planes = best if self.planes is None else best[:, self.planes]
        return np.sort(planes, axis=1)[:, -self.nth]


RULES = (
    Rule("any plane", 1),
    Rule("two planes", 2),
    Rule("three planes", 3),
    Rule("plane 2 alone", 1, (2,)),
)


def visible(scores: Scores) -> np.ndarray:
    """Neutrino events with enough labelled bins in at least one plane: bool [events]."""
    return scores.neutrino & (scores.label_bins >= MIN_LABEL).any(axis=1)


def windows(scores: Scores) -> tuple[np.ndarray, np.ndarray]:
    """Masks of signal and background windows, see above."""
    kept = scores.label_bins[scores.event, scores.plane] >= MIN_LABEL
    return scores.vertex & kept, kept & (scores.neutrino_bins == 0)


def window_area(scores: Scores) -> Measured:
    signal, background = windows(scores)
    return area(scores.score[signal], scores.score[background], scores.event[signal],
                scores.event[background])


def window_efficiencies(scores: Scores) -> list[Measured]:
    signal, background = windows(scores)
    return [efficiency_at(scores.score[signal], scores.score[background], r) for r in RATES]


def event_values(scores: Scores, cosmic: Scores, rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """Values of the visible neutrino events, and of the cosmic-only events."""
    return rule.value(scores.best())[visible(scores)], rule.value(cosmic.best())[~cosmic.neutrino]


def event_efficiencies(scores: Scores, cosmic: Scores, rule: Rule) -> list[Measured]:
    neutrinos, cosmics = event_values(scores, cosmic, rule)
    return [efficiency_at(neutrinos, cosmics, rate) for rate in RATES]


def best_rule(scores: Scores, cosmic: Scores, rate: float = 0.01) -> Rule:
    """The rule that keeps most neutrinos at this accept rate of cosmic-only events."""
    at = RATES.index(rate)
    return max(RULES, key=lambda rule: np.nan_to_num(event_efficiencies(scores, cosmic, rule)[at].value))


def binned(kept: np.ndarray, by: np.ndarray, edges: np.ndarray) -> list[Measured]:
    """Share of `kept` (bool) in bins of `by`."""
    out = []
    for low, high in zip(edges[:-1], edges[1:]):
        here = kept[(by >= low) & (by < high)]
        p = float(here.mean()) if len(here) else float("nan")
        out.append(Measured(p, float(np.sqrt(max(p * (1 - p), 1e-12) / max(len(here), 1)))))
    return out
