"""Areas and efficiencies with honest errors. numpy alone.

Windows of one event are not independent: they hold the same muons. Errors are therefore
computed with the event as the unit, not the window.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Measured:
    """A figure and its standard error."""
    value: float
    error: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ± {self.error:.3f}"


def placements(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
    """For each score the share of `others` below it, ties counted half. Shape of scores."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, scores, side="left")
    upto = np.searchsorted(ordered, scores, side="right")
    return (below + upto) / (2.0 * len(ordered))


def area(signal: np.ndarray, background: np.ndarray, signal_event: np.ndarray | None = None,
         background_event: np.ndarray | None = None) -> Measured:
    """Area under the ROC curve: the chance that a signal scores above a background.

    With the events that the entries belong to, the error is that of clustered data
    (Obuchowski, Biometrics 53 (1997) 567); without, each entry is its own event and it is
    DeLong's (Biometrics 44 (1988) 837).
    """
    if len(signal) == 0 or len(background) == 0:
        return Measured(float("nan"), float("nan"))
    if signal_event is None:
        signal_event = np.arange(len(signal))
    if background_event is None:
        background_event = np.arange(len(background)) + len(signal)
    of_signal = placements(signal, background)
    of_background = 1.0 - placements(background, signal)
    value = float(of_signal.mean())

    # What each event contributes to the two means; an event may hold both classes.
    events = np.unique(np.concatenate([signal_event, background_event]))
    s = np.bincount(np.searchsorted(events, signal_event), of_signal - value, len(events))
    b = np.bincount(np.searchsorted(events, background_event), of_background - value, len(events))
    whole = s / len(signal) + b / len(background)
    n = len(events)
    return Measured(value, float(np.sqrt(n / (n - 1) * (whole ** 2).sum())) if n > 1 else float("nan"))


def threshold_at(background: np.ndarray, rate: float) -> float:
    """The smallest threshold t with at most `rate` of the background above t (score > t)."""
    ordered = np.sort(background)[::-1]
    allowed = int(np.floor(rate * len(ordered) + 1e-9))
    return float(ordered[allowed]) if allowed < len(ordered) else float("-inf")


def share_above(scores: np.ndarray, threshold: float) -> Measured:
    """Share of scores > threshold, with its binomial error."""
    if len(scores) == 0:
        return Measured(float("nan"), float("nan"))
    p = float((scores > threshold).mean())
    return Measured(p, float(np.sqrt(max(p * (1 - p), 1 / len(scores) ** 2) / len(scores))))


def efficiency_at(signal: np.ndarray, background: np.ndarray, rate: float) -> Measured:
    """Share of the signal kept where at most `rate` of the background is. NaN where the
    background is too small to tell: fewer than 5 entries above the threshold."""
    if rate * len(background) < 5:
        return Measured(float("nan"), float("nan"))
    return share_above(signal, threshold_at(background, rate))


def curve(signal: np.ndarray, background: np.ndarray, points: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Background rate and signal efficiency over thresholds, rates falling on a log scale
    from 1 to a few entries of background. Two arrays [points]."""
    lowest = min(0.5, 3.0 / max(len(background), 1))
    rates = np.logspace(0, np.log10(lowest), points)
    thresholds = np.array([threshold_at(background, rate) for rate in rates])
    ordered_s, ordered_b = np.sort(signal), np.sort(background)
    above = lambda ordered: 1 - np.searchsorted(ordered, thresholds, side="right") / len(ordered)
    return above(ordered_b), above(ordered_s)
