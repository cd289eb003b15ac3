"""The figures of the page, each as SVG text. One function a figure; colours follow the
network, never the figure."""
from __future__ import annotations

import io

import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from . import judge
from .curves import curve, threshold_at
from .scores import INTERACTIONS, Scores

COUNT = "count of active pixels"
plt.rcParams.update({
    "figure.figsize": (5.6, 4.0), "font.size": 10, "axes.grid": True, "grid.alpha": 0.3,
    "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
    "legend.fontsize": 8, "svg.fonttype": "path", "svg.hashsalt": "sparsed",
    "axes.axisbelow": True,
})


def _svg(figure) -> str:
    figure.tight_layout()
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    plt.close(figure)
    text = buffer.getvalue()
    return text[text.index("<svg"):]


def colours(names: list[str]) -> dict[str, tuple]:
    """A colour for each network: sparse ones along a scale by their order, the standard CNN
    black, counting grey."""
    sparse = [n for n in names if n != COUNT and "standard" not in n]
    scale = plt.get_cmap("viridis")(np.linspace(0.05, 0.85, max(len(sparse), 1)))
    out = dict(zip(sparse, scale))
    out.update({n: (0, 0, 0, 1) for n in names if "standard" in n})
    out[COUNT] = (0.6, 0.6, 0.6, 1)
    return out


def _efficiency_axes(axes, x: str, y: str) -> None:
    axes.set_xscale("log")
    axes.set_xlim(right=1.0)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def window_curves(networks: dict[str, Scores], palette: dict) -> str:
    figure, axes = plt.subplots()
    for name, scores in networks.items():
        signal, background = judge.windows(scores)
        x, y = curve(scores.score[signal], scores.score[background])
        axes.plot(x, y, color=palette[name], label=name, ls="--" if name == COUNT else "-")
    _efficiency_axes(axes, "share of background windows kept", "share of vertex windows kept")
    axes.legend(loc="upper left")
    return _svg(figure)


def event_curves(networks: dict[str, Scores], cosmics: dict[str, Scores], palette: dict,
                 rules: dict[str, judge.Rule]) -> str:
    figure, axes = plt.subplots()
    for name, scores in networks.items():
        x, y = curve(*judge.event_values(scores, cosmics[name], rules[name]))
        axes.plot(x, y, color=palette[name], label=f"{name}, {rules[name].name}",
                  ls="--" if name == COUNT else "-")
    _efficiency_axes(axes, "accept rate of cosmic-only events", "neutrino events kept")
    axes.legend(loc="upper left")
    return _svg(figure)


def rule_curves(scores: Scores, cosmic: Scores) -> str:
    figure, axes = plt.subplots()
    for rule, style in zip(judge.RULES, ("-", "--", "-.", ":")):
        axes.plot(*curve(*judge.event_values(scores, cosmic, rule)), style, label=rule.name)
    _efficiency_axes(axes, "accept rate of cosmic-only events", "neutrino events kept")
    axes.legend(loc="upper left")
    return _svg(figure)


def tiling_curves(tilings: dict[str, tuple[Scores, Scores]]) -> str:
    """One line a tiling, under the rule that is best for it."""
    figure, axes = plt.subplots()
    for (tiling, (scores, cosmic)), style in zip(tilings.items(), ("-", "--")):
        rule = judge.best_rule(scores, cosmic)
        axes.plot(*curve(*judge.event_values(scores, cosmic, rule)), style,
                  label=f"{tiling}, {rule.name}")
    _efficiency_axes(axes, "accept rate of cosmic-only events", "neutrino events kept")
    axes.legend(loc="upper left")
    return _svg(figure)


def by_energy(networks: dict[str, Scores], cosmics: dict[str, Scores], palette: dict,
              rules: dict[str, judge.Rule], rate: float) -> str:
    edges = np.array([0.2, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 4.0])
    middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    figure, axes = plt.subplots()
    for i, (name, scores) in enumerate(networks.items()):
        neutrinos, cosmic = judge.event_values(scores, cosmics[name], rules[name])
        kept = neutrinos > threshold_at(cosmic, rate)
        found = judge.binned(kept, scores.energy[judge.visible(scores)], edges)
        shift = (i - len(networks) / 2) * 0.01
        axes.errorbar(middle + shift, [m.value for m in found], [m.error for m in found], half,
                      fmt="o", ms=3, lw=1, color=palette[name], label=name)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("neutrino energy (GeV)")
    axes.set_ylabel(f"neutrino events kept at {rate:.0%} of cosmics")
    axes.legend(loc="upper left")
    return _svg(figure)


def by_interaction(networks: dict[str, Scores], cosmics: dict[str, Scores], palette: dict,
                   rules: dict[str, judge.Rule], rate: float) -> str:
    figure, axes = plt.subplots()
    width = 0.8 / len(networks)
    for i, (name, scores) in enumerate(networks.items()):
        neutrinos, cosmic = judge.event_values(scores, cosmics[name], rules[name])
        kept = neutrinos > threshold_at(cosmic, rate)
        kind = scores.interaction[judge.visible(scores)]
        found = judge.binned(kept, kind, np.arange(len(INTERACTIONS) + 1))
        x = np.arange(len(INTERACTIONS)) + (i - (len(networks) - 1) / 2) * width
        axes.bar(x, [m.value for m in found], width, yerr=[m.error for m in found],
                 color=palette[name], label=name, error_kw={"lw": 0.8})
    axes.set_xticks(range(len(INTERACTIONS)), INTERACTIONS)
    axes.set_ylim(bottom=0)
    axes.set_ylabel(f"neutrino events kept at {rate:.0%} of cosmics")
    axes.legend(loc="upper right")
    return _svg(figure)


def active_pixels(scores: Scores, limits: list[int]) -> str:
    figure, axes = plt.subplots()
    signal, background = judge.windows(scores)
    edges = np.arange(0, 161, 4)
    for mask, label, style in ((signal, "with the vertex", "-"), (background, "background", "--")):
        axes.hist(np.minimum(scores.n_active[mask], edges[-1]), edges, histtype="step", density=True,
                  label=label, ls=style, lw=1.4)
    for n in limits:
        axes.axvline(n, color="0.5", lw=0.7, ls=":")
    axes.set_yscale("log")
    axes.set_xlabel(f"active pixels of a window (dotted: N = {', '.join(map(str, limits))})")
    axes.set_ylabel("share of windows, per pixel")
    axes.legend()
    return _svg(figure)


def truncation(scores: Scores) -> str:
    """Share of windows cut, and of pixels lost, against the limit N."""
    figure, axes = plt.subplots()
    limits = np.arange(4, 129)
    signal, background = judge.windows(scores)
    for mask, label, colour in ((signal, "with the vertex", "C0"), (background, "background", "C1")):
        n = scores.n_active[mask]
        axes.plot(limits, [(n > limit).mean() for limit in limits], color=colour,
                  label=f"windows cut, {label}")
        axes.plot(limits, [1 - np.minimum(n, limit).sum() / max(n.sum(), 1) for limit in limits],
                  color=colour, ls="--", label=f"pixels lost, {label}")
    axes.set_ylim(0, 1)
    axes.set_xlabel("limit N of active pixels")
    axes.set_ylabel("share")
    axes.legend()
    return _svg(figure)


def areas(rows: list[dict], key: str, label: str) -> str:
    """Area under the curve against N, one point a seed. rows: n, bits, area, error, recipe."""
    figure, axes = plt.subplots()
    for recipe, marker in (("tiles", "o"), ("published", "s")):
        for bits, shift in (("16", -0.2), ("8", 0.2), ("learned", 0.0)):
            here = [r for r in rows if r["recipe"] == recipe and r["bits"] == bits and r[key]]
            if here:
                axes.errorbar([r[key] + shift for r in here], [r["auc"] for r in here],
                              [r["auc_error"] for r in here], fmt=marker, ms=4, lw=0.8,
                              alpha=0.8, label=f"{recipe}, {bits} bits")
    for recipe, style in (("tiles", "-"), ("published", "--")):
        for kind, colour in (("standard", "k"), ("count", "0.6")):
            here = [r["auc"] for r in rows if r["recipe"] == recipe and r["network"] == kind]
            if here:
                axes.axhline(np.mean(here), color=colour, ls=style, lw=1,
                             label=f"{recipe}, {kind if kind == 'standard' else 'counting'}")
    axes.set_xlabel(label)
    axes.set_ylabel("area under the curve")
    axes.legend(ncol=2)
    return _svg(figure)
