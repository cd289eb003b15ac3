"""python -m sparsed.report: how good the networks are, as one page with plots.

    python -m sparsed.report config/models/neutrino-*.model.h5 \\
        --neutrino test.h5 --cosmic cosmic.h5 -o report.html

scores every model over both files with sparse-score (what the daemon would decide), judges
the scores with the truth, and writes the page. Files are made by sparse-simulate --windows;
they must not be those that the networks were trained on.
"""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np

from . import judge, page, plots
from .curves import Measured
from .scores import NoTruth, Scores, load


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sparsed.report", description=__doc__.split("\n\n", 1)[1],
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL.model.h5")
    parser.add_argument("--neutrino", type=Path, required=True, metavar="FILE.h5",
                        help="simulated events, with and without a neutrino")
    parser.add_argument("--cosmic", type=Path, required=True, metavar="FILE.h5",
                        help="simulated events of cosmics alone: 10,000 for an accept rate of 0.1 %%")
    parser.add_argument("-o", "--output", type=Path, default=Path("report.html"))
    parser.add_argument("--cards", nargs="+", type=Path, default=[], metavar="NAME.card.json",
                        help="cards of trainings, of several seeds and recipes: a table and a plot "
                             "of area against N")
    parser.add_argument("--overlap", action="store_true",
                        help="the best sparse network also over windows that overlap by half, in "
                             "wires and in time: three times the windows, and the scoring")
    parser.add_argument("--work", type=Path, default=Path("scores"), metavar="FOLDER",
                        help="where score files are kept; one that is newer than its model and "
                             "events is used again (default: scores)")
    parser.add_argument("--sparse-score", default="sparse-score", metavar="PROGRAM")
    return parser.parse_args()


def scored(model: Path, events: Path, args: argparse.Namespace, overlap: bool = False) -> Scores:
    """Scores of one model over one file, by sparse-score unless they are there."""
    tiling = ".overlap" if overlap else ""
    out = args.work / f"{model.name.removesuffix('.model.h5')}.{events.stem}{tiling}.h5"
    if not out.exists() or out.stat().st_mtime < max(model.stat().st_mtime, events.stat().st_mtime):
        args.work.mkdir(parents=True, exist_ok=True)
        print(f"scoring {events} by {model}", flush=True)
        command = [args.sparse_score, str(model), str(events), "-o", str(out),
                   *(half_strides(model) if overlap else [])]
        if subprocess.run(command, stdout=subprocess.DEVNULL).returncode != 0:
            out.unlink(missing_ok=True)
            sys.exit(f"{' '.join(command)}: failed")
    return load(out)


def limit_of(model: Path) -> int | None:
    """N of a model file; None for a network without an input reduction."""
    with h5py.File(model) as file:
        for layer in file["layers"].values():
            if "n_max_pixels" in layer.attrs:
                return int(layer.attrs["n_max_pixels"])
    return None


def half_strides(model: Path) -> list[str]:
    """Arguments of sparse-score: from one window to the next, half of it."""
    with h5py.File(model) as file:
        size = file["preprocessing"].attrs
        return [part for which in ("time_bins", "wires") for part in
                ("--set", f"engine.window_stride_{which}={int(size[f'window_{which}']) // 2}")]


def by_window(networks: dict[str, Scores]) -> list[list[object]]:
    return [[name, judge.window_area(s), *judge.window_efficiencies(s)]
            for name, s in networks.items()]


def short(figures: list[Measured]) -> list[str]:
    return ["too few" if np.isnan(m.value) else str(m) for m in figures]


def tiling_section(tilings: dict[str, tuple[Scores, Scores]], name: str) -> list[str]:
    """Windows side by side against windows that overlap: every coincidence rule, by event."""
    rows = []
    for tiling, (neutrino, cosmic) in tilings.items():
        count = len(neutrino.event) / neutrino.events
        rows += [[tiling, f"{count:.0f}", rule.name,
                  *short(judge.event_efficiencies(neutrino, cosmic, rule))] for rule in judge.RULES]
    return [page.heading("Windows that overlap"),
            page.paragraph(f"{name}, whole events. Windows that overlap by half cut fewer vertices "
                           "at their edges, and give cosmics more chances."),
            page.table(["windows", "an event", "rule", *(f"kept at {r:.1%}" for r in judge.RATES)],
                       rows),
            page.figure(plots.tiling_curves(tilings),
                        "Neutrino events kept against the accept rate of cosmic-only events, each "
                        "tiling under its best rule.")]


def training_rows(cards: list[Path]) -> list[dict]:
    """What the cards say, one row a training, and counting once a recipe. Cards of networks of
    several classes have no area, and are left out."""
    rows = []
    for path in cards:
        card = json.loads(path.read_text())
        if "auc" not in card["figures"]:
            continue
        n = card["n_pixels"]
        rows.append({"recipe": card["recipe"], "network": "sparse" if n else "standard", "n": n,
                     "bits": card["plan"]["bits"], "seed": card["seed"],
                     "auc": card["figures"]["auc"], "auc_error": card["figures"]["auc_error"]})
        if not any(r["network"] == "count" and r["recipe"] == card["recipe"] for r in rows):
            rows.append({"recipe": card["recipe"], "network": "count", "n": None, "bits": "",
                         "seed": "", "auc": card["counting"]["auc"],
                         "auc_error": card["counting"]["auc_error"]})
    return sorted(rows, key=lambda r: (r["recipe"], r["network"], r["bits"], r["n"] or 0))


def training_section(rows: list[dict]) -> list[str]:
    """Networks over seeds: mean and spread of the area, the lowest and the highest seed."""
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        groups.setdefault((row["recipe"], row["network"], row["n"], row["bits"]), []).append(row)
    out = []
    for (recipe, network, n, bits), found in groups.items():
        auc = np.array([r["auc"] for r in found])
        spread = f"{auc.std(ddof=1):.4f}" if len(auc) > 1 else ""
        out.append([network, recipe, n if n else "", bits, len(auc), f"{auc.mean():.4f}", spread,
                    f"{auc.min():.4f}", f"{auc.max():.4f}",
                    f"{np.mean([r['auc_error'] for r in found]):.4f}"])
    return [page.heading("Seeds and recipes"),
            page.paragraph("Windows of events that were not trained on, signal and background in "
                           "equal parts. published: windows cut as the source work cut them; "
                           "tiles: what a trigger sees."),
            page.figure(plots.areas(rows, "n", "limit N of active pixels"),
                        "Area under the curve against the limit N, one point a trained network."),
            page.table(["network", "recipe", "N", "bits", "seeds", "area, mean", "spread", "lowest",
                        "highest", "error of one"], out)]


def main() -> None:
    args = arguments()
    try:
        networks, cosmics, limits = {}, {}, []
        for model in args.models:
            name = model.name.removesuffix(".model.h5")
            networks[name], cosmics[name] = (scored(model, f, args) for f in (args.neutrino, args.cosmic))
            limits += [limit] if (limit := limit_of(model)) else []
    except (NoTruth, OSError) as error:
        sys.exit(f"report: {error}")
    first = next(iter(networks))
    networks[plots.COUNT], cosmics[plots.COUNT] = networks[first].by_count(), cosmics[first].by_count()
    palette = plots.colours(list(networks))
    rules = {name: judge.best_rule(networks[name], cosmics[name]) for name in networks}
    areas = {name: judge.window_area(s).value for name, s in networks.items()}
    best = max((n for n in networks if n != plots.COUNT and "standard" not in n), key=areas.get,
               default=first)
    tilings = {"side by side": (networks[best], cosmics[best])}
    if args.overlap:
        model = next(m for m in args.models if m.name.removesuffix(".model.h5") == best)
        tilings["overlapping by half"] = tuple(scored(model, f, args, overlap=True)
                                               for f in (args.neutrino, args.cosmic))
    standard = max((n for n in networks if "standard" in n), key=areas.get, default=best)
    few = {n: networks[n] for n in dict.fromkeys((best, standard, plots.COUNT))}
    rate = 0.01
    kinds = {i: "best" if n == best else "muted" if n == plots.COUNT else ""
             for i, n in enumerate(networks)}
    event = networks[first]
    head = ["network", *(f"kept at {r:.1%}" for r in judge.RATES)]
    windows = [[n, str(a), *short(e)] for n, a, *e in by_window(networks)]
    body = [
        page.heading("By event"),
        page.paragraph(f"{judge.visible(event).sum():,} neutrino events with at least "
                       f"{judge.MIN_LABEL} labelled bins in a plane, of {event.neutrino.sum():,}; "
                       f"{(~cosmics[first].neutrino).sum():,} events of cosmics alone. A network's "
                       "rule is the one that keeps most neutrinos at 1 % of cosmics."),
        page.table(["network", "rule", *head[1:]],
                   [[n, rules[n].name, *short(judge.event_efficiencies(s, cosmics[n], rules[n]))]
                    for n, s in networks.items()], kinds),
        page.figure(plots.event_curves(networks, cosmics, palette, rules),
                    "Neutrino events kept against the accept rate of cosmic-only events."),
        page.figure(plots.rule_curves(networks[best], cosmics[best]),
                    f"Coincidence rules compared, {best}."),
        page.figure(plots.by_energy(few, cosmics, palette, rules, rate),
                    "By neutrino energy, at 1 % of cosmic-only events."),
        page.figure(plots.by_interaction(few, cosmics, palette, rules, rate),
                    "By interaction, at 1 % of cosmic-only events."),
        *(tiling_section(tilings, best) if args.overlap else []),
        page.heading("By window"),
        page.paragraph("Signal: windows of the tiling that hold the true vertex. Background: windows "
                       "of the same planes without a bin of the neutrino. Errors have the event as "
                       "their unit."),
        page.table(["network", "area under the curve", *head[1:]], windows, kinds),
        page.figure(plots.window_curves(networks, palette), "Windows kept, over all thresholds."),
        page.heading("Active pixels"),
        page.figure(plots.active_pixels(event, sorted(set(limits))), "Active pixels of a window."),
        page.figure(plots.truncation(event), "What a limit N cuts off, in scan order."),
        *(training_section(rows) if (rows := training_rows(args.cards)) else []),
    ]
    args.output.write_text(page.document(
        "Trigger networks, judged",
        f"{len(args.models)} networks and the plain count of active pixels, over {event.events:,} "
        f"simulated events ({args.neutrino.name}) and {cosmics[first].events:,} of cosmics alone "
        f"({args.cosmic.name}). Scores are the daemon's own, by sparse-score. Simulated data: no "
        "figure here is a detector's.", body))
    print(f"{args.output}: {best} is the best sparse network, area {areas[best]:.3f}, "
          f"counting {areas[plots.COUNT]:.3f}")


if __name__ == "__main__":
    main()
