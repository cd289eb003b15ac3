#!/usr/bin/env python3
"""Plots and tables out of `sparse-bench all --json`.

    build/release/bin/sparse-bench all --json > figures.jsonl
    tests/bench/plot.py figures.jsonl                 # docs/figures/bench-*.png
    tests/bench/plot.py figures.jsonl --tables        # the tables of docs/benchmarks.md

Needs Debian's python3-matplotlib for the plots, nothing for the tables.
"""
import argparse
import json
import pathlib
from collections import defaultdict
from typing import Any, Iterator

Row = dict[str, Any]
DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "figures"


class Figures:
    """The rows of a run: one JSON object a line, told apart by `table`."""

    def __init__(self, path: pathlib.Path) -> None:
        self.rows: dict[str, list[Row]] = defaultdict(list)
        for line in path.read_text().splitlines():
            row = json.loads(line)
            self.rows[row["table"]].append(row)

    def groups(self, table: str, *keys: str) -> Iterator[tuple[tuple, list[Row]]]:
        """Rows of a table that agree in `keys`, in the order they came."""
        found: dict[tuple, list[Row]] = {}
        for row in self.rows[table]:
            found.setdefault(tuple(row[key] for key in keys), []).append(row)
        yield from found.items()


# ---- tables ----


def number(x: float) -> str:
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.3g}"


def goals_table(figures: Figures) -> Iterator[str]:
    yield "| what | against | best | median | ratio | spread | goal | |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in figures.rows["goals"]:
        goal = ""
        if "goal" in row:
            goal = f"{'≤' if row['sense'] == 'at most' else '≥'} {number(row['goal'])}"
        if "why" in row:
            measured = [row["why"], "", "", ""]
        else:
            ratio = "none" if row["ratio"] is None else number(row["ratio"])
            measured = [f"{number(row['best'])} {row['unit']}", number(row["median"]), ratio,
                        f"{100 * row['spread']:.0f} %"]
        yield " | ".join(["| " + row["what"], row["against"], *measured, goal,
                          f"{row['verdict']} |"])


def server_table(figures: Figures) -> Iterator[str]:
    yield "| | of one core | cores | what limits |"
    yield "|---|---|---|---|"
    for row in figures.rows["server"]:
        yield f"| {row['what']} | {row['rate']} | {row['cores']:.2f} | {row['limit']} |"


def time_table(figures: Figures) -> Iterator[str]:
    """Processor time by thread, a column for each side."""
    yield "| ns a KiB of samples | total | threads |"
    yield "|---|---|---|"
    for (transport, name), rows in figures.groups("processor time", "transport", "name"):
        total = next(row for row in rows if "thread" not in row)
        threads = ", ".join(f"{row['thread']} {row['ns_per_kib']:.0f}" for row in rows
                            if "thread" in row and row["ns_per_kib"] >= 1)
        yield f"| {transport}: {name} | {total['ns_per_kib']:.0f} | {threads} |"


# ---- plots ----


def plot_roofline(figures: Figures, axes) -> None:
    """Left int16, right float32: GB/s of samples over the fragment's size."""
    for (sample_type, name), rows in figures.groups("roofline", "type", "name"):
        where = axes[0 if sample_type == "int16" else 1]
        style = {"color": "black", "linewidth": 2} if name == "read" else {"marker": "o"}
        where.loglog([row["bytes"] / 1e6 for row in rows], [row["best_per_ns"] for row in rows],
                     label="plain read: the roof" if name == "read" else name, **style)
        where.set(title=f"{sample_type}, one core", xlabel="fragment (MB)",
                  ylabel="samples to hits (GB/s)")
    for where in axes:
        where.grid(alpha=0.3, which="both")
        where.legend()


def plot_active(figures: Figures, axes) -> None:
    """ns a window over its active pixels."""
    for (what,), rows in figures.groups("active", "what"):
        axes.semilogy([row["pixels"] for row in rows], [row["best_ns"] for row in rows],
                      marker="o", label=f"{what} ({rows[0]['kernel']})")
    axes.axhline(665, color="grey", linestyle="--", label="the paper's FPGA, N = 20")
    axes.set(title="cost of a window, one core", xlabel="active pixels", ylabel="ns")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize="small")


def plot_latency(figures: Figures, axes) -> None:
    """The part of events whose latency is above x."""
    for (transport, where), rows in figures.groups("latency distribution", "transport", "where"):
        points = rows[-1]["ns"]
        above = [1 - i / (len(points) - 1) for i in range(len(points))]
        label = {"inside": "arrival to decision", "outside": "sent to decision received"}[where]
        axes.loglog([ns / 1000 for ns in points[:-1]], above[:-1], drawstyle="steps-post",
                    label=f"{transport}, {label}")
    axes.axvline(200, color="grey", linestyle="--", label="goal for the median")
    axes.set(title="last fragment to decision, whole MicroBooNE events", xlabel="us",
             ylabel="events above")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize="small")


def draw(figures: Figures, folder: pathlib.Path) -> None:
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    folder.mkdir(parents=True, exist_ok=True)
    for name, table, plot, columns in (
            ("roofline", "roofline", plot_roofline, 2), ("active", "active", plot_active, 1),
            ("latency", "latency distribution", plot_latency, 1)):
        if not figures.rows[table]:
            print(f"{name}: the run has no such rows")
            continue
        figure, axes = plt.subplots(1, columns, figsize=(5 + 4 * columns, 4.5),
                                    layout="constrained")
        plot(figures, axes)
        figure.savefig(folder / f"bench-{name}.png", dpi=100)
        plt.close(figure)
        print(folder / f"bench-{name}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path, help="what sparse-bench --json printed")
    parser.add_argument("--tables", action="store_true", help="print Markdown, draw nothing")
    parser.add_argument("--figures", type=pathlib.Path, default=DOCS, metavar="FOLDER",
                        help="where plots go (default: docs/figures)")
    args = parser.parse_args()
    figures = Figures(args.run)
    if args.tables:
        for table in (goals_table, server_table, time_table):
            print("\n".join(table(figures)), end="\n\n")
    else:
        draw(figures, args.figures)


if __name__ == "__main__":
    main()
