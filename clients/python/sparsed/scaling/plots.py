"""Pictures of the simulation, for docs/scaling.md."""
from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np

from .study import Comparison, Row

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402  after the backend is chosen


def comparison(pairs: list[Comparison], path: Path) -> None:
    """Measured and simulated runs of the three members, as shares of runs up to a value."""
    figure, axes = plt.subplots(1, len(pairs), figsize=(9, 3.2))
    for axis, pair in zip(axes, pairs):
        for rows, name in ((pair.simulated, "simulated"), (pair.measured, "measured")):
            axis.step(np.sort(rows), np.arange(1, len(rows) + 1) / len(rows), where="post",
                      label=f"{name}, {len(rows)} runs")
        axis.set(xlabel=pair.what, ylabel="share of runs", ylim=(0, 1.02))
        axis.grid(alpha=0.3)
        axis.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def lags(rows: list[Row], path: Path) -> None:
    """Events that wait for a decision, over time; one line a row, a share of a second's stream."""
    figure, axis = plt.subplots(figsize=(9, 4))
    for row in rows:
        plan = row.plan
        rate = plan.load * plan.members * row.daemon.rate
        points = np.array(row.outcomes[0].lag)
        axis.plot(points[:, 0] - plan.blow_s, points[:, 1] / rate, label=row.what)
    axis.set(xlabel="s after the blow", ylabel="lag, s of the stream", xlim=(-10, 130))
    axis.grid(alpha=0.3)
    axis.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
