#!/usr/bin/env python3
"""The way of one window through the kernel in SystemVerilog, cycle by cycle, from a trace.

    timing.py --library libkernel_rtl_trace.so --compiler sparse-rtl \\
        neutrino-sparse_l-16b.model.h5 -o docs/figures/fpga-timing.png

The first window of the model's vectors is sent alone to a kernel that has its network; Verilator
writes what every signal is in each cycle, and the picture shows when each stage hands on. The
library is the target kernel_rtl_trace.
"""
from __future__ import annotations

import argparse
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

from card import Card, compile_model, facts_of, pack_images, pack_lists, read_vectors  # noqa: E402


@dataclass(frozen=True)
class Lane:
    """A row of the picture: what happens in cycles in which all of these signals are 1."""

    label: str
    signals: tuple[str, ...]


LANES = (
    Lane("beats taken from memory", ("m_axi_rvalid_i", "m_axi_rready_o")),
    Lane("window_input: slots are filled", ("u_core.start",)),
    Lane("conv_gather: a slot's sums", ("a_valid",)),
    Lane("pool_between: passes slots on", ("m_valid",)),
    Lane("conv_scatter: all sums", ("b_valid",)),
    Lane("pool: a place", ("p_valid",)),
    Lane("dense_first: a pass", ("d1_valid",)),
    Lane("dense_second: an output", ("d2_valid",)),
    Lane("score_table: a score", ("score_valid_o",)),
    Lane("words written to memory", ("m_axi_wvalid_o", "m_axi_wready_i")),
)
BEFORE, AFTER = 12, 8  # cycles shown before the last beat and after the last word


def read_trace(path: Path, names: set[str]) -> dict[str, np.ndarray]:
    """Of each signal of one bit the cycles in which it is 1. A name is that nearest to the top,
    or, as instance.name, one in that instance."""
    codes: dict[str, str] = {}
    scopes, changes, time = [], {}, 0
    depth: dict[str, int] = {}
    with path.open() as trace:
        for line in trace:
            line = line.strip()
            if line.startswith("$scope"):
                scopes.append(line.split()[2])
            elif line.startswith("$upscope"):
                scopes.pop()
            elif found := re.match(r"\$var wire\s+1 (\S+) (\w+)", line):
                for name in {found[2], f"{scopes[-1]}.{found[2]}"} & names:
                    if len(scopes) < depth.get(name, 99):
                        codes[name], depth[name] = found[1], len(scopes)
            elif line.startswith("#"):
                time = int(line[1:])
            elif line[:1] in "01" and line[1:] in codes.values():
                changes.setdefault(line[1:], []).append((time, int(line[0])))
    if missing := names - codes.keys():
        sys.exit(f"{path}: no signals {', '.join(sorted(missing))}")
    high = {}
    for name, code in codes.items():
        steps = changes.get(code, []) + [(time + 1, 0)]
        ones = [np.arange(t, after) for (t, v), (after, _) in zip(steps, steps[1:]) if v]
        high[name] = np.concatenate(ones) if ones else np.array([], int)
    return high


def lanes_of(high: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Cycles of each row."""
    rows = []
    for lane in LANES:
        cycles = high[lane.signals[0]]
        for signal in lane.signals[1:]:
            cycles = np.intersect1d(cycles, high[signal])
        rows.append(cycles)
    return rows


def draw(rows: list[np.ndarray], latency: int, title: str, path: Path) -> None:
    """The picture: cycle 0 is that in which the window's last beat is taken."""
    last_beat = rows[0][-1]
    figure, axes = plt.subplots(figsize=(10, 3.9))
    for i, cycles in enumerate(rows):
        shown = cycles[cycles >= last_beat - BEFORE] - last_beat
        axes.broken_barh([(c, 1) for c in shown], (i - 0.35, 0.7),
                         color="#9a7b2f" if i in (0, len(rows) - 1) else "#2b6ca3")
        if len(shown):
            axes.text(shown[-1] + 1.8, i, str(shown[-1]), va="center", fontsize=8)
    axes.axvline(0.5, color="#888888", linewidth=0.8, linestyle=":")
    axes.axvline(latency + 0.5, color="#888888", linewidth=0.8, linestyle=":")
    axes.annotate("", (latency + 0.5, len(rows) - 0.3), (0.5, len(rows) - 0.3),
                  arrowprops={"arrowstyle": "<->", "color": "#555555"})
    axes.text(latency / 2, len(rows) - 0.1, f"{latency} cycles", ha="center", va="top", fontsize=9)
    axes.set_yticks(range(len(rows)), [lane.label for lane in LANES], fontsize=8)
    axes.set_ylim(len(rows) + 0.3, -0.7)
    axes.set_xlim(-BEFORE, latency + AFTER)
    axes.set_xlabel("cycles after the last beat of the window; a mark is a cycle in which the "
                    "stage hands on", fontsize=8)
    axes.set_title(title, fontsize=9)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="NAME.model.h5, with its vectors beside it")
    parser.add_argument("--library", type=Path, required=True, help="libkernel_rtl_trace.so")
    parser.add_argument("--compiler", type=Path, required=True, help="sparse-rtl")
    parser.add_argument("--form", choices=("image", "list"), default="image")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the picture, PNG")
    args = parser.parse_args()
    card, vectors = Card(args.library), read_vectors(args.model)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        image = compile_model(args.compiler, args.model, folder / "image", "--form", args.form)
        facts = facts_of(image)
        one = vectors.raw[:1]
        windows = (pack_images(facts, one) if args.form == "image"
                   else pack_lists(facts, one, vectors.threshold))
        card.run(facts, windows, image=image)
        run = card.run(facts, windows, trace=folder / "trace.vcd")
        if run.error or (run.raw != vectors.expected[:1]).any():
            sys.exit(f"{args.model}: error code {run.error}, or not the vectors' scores")
        names = {signal for lane in LANES for signal in lane.signals}
        rows = lanes_of(read_trace(folder / "trace.vcd", names))
    card.close()
    latency = int(run.last_score[0]) - int(run.last_beat[0])
    name = args.model.name.removesuffix(".model.h5")
    draw(rows, latency, f"{name}, one {args.form}, {facts.n_slots} slots: {latency} cycles from "
         "the last beat in to the score out", args.output)
    print(f"{args.output}: {latency} cycles")


if __name__ == "__main__":
    main()
