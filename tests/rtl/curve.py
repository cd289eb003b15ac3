#!/usr/bin/env python3
"""The choice between kernels: latency and interval against LUTs and DSPs.

    curve.py measure --build BUILD --shared DIR --figures FILE 20:1 20:2 20:1:2
    curve.py show --figures FILE --plot PNG

`measure` builds the simulated kernel with N slots, S slots a cycle and R slots that share a lane
(N:S or N:S:R), runs the published neutrino networks of 16 and 8 bits with that N through it, from
lists and images, counts cycles, counts resources (fpga/rtl/measure.py) and adds a line to FILE. It
reconfigures BUILD, and takes minutes for each point. `show` draws the curve, and prints the tables of docs/fpga.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from card import Card, compile_model, facts_of, pack_images, pack_lists, read_vectors

HERE = Path(__file__).resolve().parent
MEASURE = HERE.parents[1] / "fpga" / "rtl" / "measure.py"
MODEL = {8: "t", 12: "s", 16: "m", 20: "l"}  # size of the published network with so many slots
WINDOWS = 20
PUBLISHED = {"lut": 1192e3, "interval": 84, "ns": 5}  # arXiv 2512.06208, sparse-l of 16 bits
CLOCK_NS = 5


@dataclass(frozen=True)
class Point:
    """A build: slots, slots a cycle, slots that share a lane; N:S or N:S:R."""

    slots: int
    at_once: int
    reuse: int = 1

    @classmethod
    def parse(cls, text: str) -> Point:
        """As an argument."""
        return cls(*(int(n) for n in text.split(":")))

    @property
    def filters(self) -> int:
        """Of the first convolution."""
        return 3 if self.at_once == 1 else 1

    def options(self) -> list[str]:
        """Of sparse-rtl and measure.py."""
        return ["--slots", str(self.slots), "--at-once", str(self.at_once), "--filters",
                str(self.filters), "--reuse", str(self.reuse)]

    def cmake(self) -> list[str]:
        """Of the simulated kernel."""
        return [f"-DSPARSED_RTL_{name}={value}" for name, value in (
            ("SLOTS", self.slots), ("AT_ONCE", self.at_once), ("FILTERS", self.filters),
            ("REUSE", self.reuse))]


def cycles(library: Path, compiler: Path, shared: Path, point: Point) -> dict[str, int]:
    """Latency and interval from lists and images of 16 and 8 bits; ends if a window differs."""
    found = {}
    card = Card(library)
    for bits in (16, 8):
        model = shared / "golden" / f"neutrino-sparse_{MODEL[point.slots]}-{bits}b.model.h5"
        v = read_vectors(model)
        for form in ("list", "image"):
            with tempfile.TemporaryDirectory() as folder:
                image = compile_model(compiler, model, Path(folder) / "image", "--form", form,
                                      *point.options())
            facts = facts_of(image)
            windows = (pack_images(facts, v.raw[:WINDOWS]) if form == "image" else
                       pack_lists(facts, v.raw[:WINDOWS], v.threshold))
            card.run(facts, windows, image=image)
            run = card.run(facts, windows)
            if run.error != 0 or (run.raw != v.expected[:WINDOWS]).any():
                sys.exit(f"{model.name} from {form}s: not what the golden vectors say")
            latency = run.last_score.astype(int) - run.last_beat.astype(int)
            found[f"latency_{form}{bits}"] = int(latency.max())
            found[f"interval_{form}{bits}"] = int(np.diff(run.last_score.astype(int)).max())
    card.close()
    return found


def measure(arguments: argparse.Namespace) -> None:
    """Adds a line for each point."""
    for point in arguments.points:
        if arguments.library is None:
            build = arguments.build
            subprocess.run(["cmake", "-B", build, *point.cmake()], check=True,
                           stdout=subprocess.DEVNULL)
            subprocess.run(["cmake", "--build", build, "--target", "kernel_rtl", "sparse-rtl"],
                           check=True, stdout=subprocess.DEVNULL)
        library = arguments.library or arguments.build / "fpga" / "rtl" / "libkernel_rtl.so"
        compiler = arguments.compiler or arguments.build / "bin" / "sparse-rtl"
        found = cycles(library, compiler, arguments.shared, point)
        counted = subprocess.run([sys.executable, MEASURE, *point.options(), "--json"],
                                 check=True, capture_output=True, text=True)
        figures = json.loads(counted.stdout) | found
        with arguments.figures.open("a") as file:
            file.write(json.dumps(figures) + "\n")


def read(figures: Path) -> list[dict]:
    """The last line of each point, in order."""
    points = {}
    for line in figures.read_text().splitlines():
        p = {"reuse": 1} | json.loads(line)
        points[-p["reuse"], p["at_once"], p["slots"]] = p
    return [points[k] for k in sorted(points)]


def tables(points: list[dict]) -> None:
    """The curve, and scores a second of the area of 100,000 LUTs."""
    print("| N | slots a cycle | reuse | LUT | DSP | latency list, image | "
          "interval list, image 16 b, 8 b |\n"
          "|---|---|---|---|---|---|---|")
    for p in points:
        print(f"| {p['slots']} | {p['at_once']} | {p['reuse']} | {p['lut'] / 1e3:.1f}k | "
              f"{p['DSP']} | {p['latency_list16']}, {p['latency_image16']} | "
              f"{p['interval_list16']}, {p['interval_image16']}, {p['interval_image8']} |")

    def rate(interval: float, lut: float, ns: float = CLOCK_NS) -> float:
        return 1e3 / (interval * ns) / (lut / 1e5)  # millions a second and 100k LUT

    before = rate(PUBLISHED["interval"], PUBLISHED["lut"], PUBLISHED["ns"])
    print(f"\npublished: {before:.2f} million scores a second and 100k LUT\n\n"
          "| N | slots a cycle | reuse | lists | images of 16 bits | of 8 bits |\n"
          "|---|---|---|---|---|---|")
    for p in points:
        cells = []
        for kind in ("list16", "image16", "image8"):
            here = rate(p[f"interval_{kind}"], p["lut"])
            cells.append(f"{here:.1f} ({here / before:.0f} times)")
        print(f"| {p['slots']} | {p['at_once']} | {p['reuse']} | {' | '.join(cells)} |")


def plot(points: list[dict], path: Path) -> None:
    """Latency and interval against LUTs and DSPs."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    kinds = (((4, 1), "#7a3e9d", "4 slots share a lane"),
             ((2, 1), "#2f7d4f", "2 slots share a lane"),
             ((1, 1), "#1f5fa8", "a lane for each slot"),
             ((1, 2), "#c2571a", "2 slots a cycle"))
    figure, axes = pyplot.subplots(1, 2, figsize=(9.5, 4.2), sharey=True, layout="constrained")
    for axis, key, scale, label in ((axes[0], "lut", 1e-3, "thousand LUT"),
                                    (axes[1], "DSP", 1, "DSP")):
        for build, colour, name in kinds:
            line = [p for p in points if (p["reuse"], p["at_once"]) == build]
            x = [p[key] * scale for p in line]
            for kind, style in (("latency_list16", "o-"), ("interval_list16", "s--")):
                axis.plot(x, [p[kind] for p in line], style, color=colour, markersize=5,
                          label=f"{kind.split('_', maxsplit=1)[0]}, {name}" if line else None)
            for p, at in zip(line, x):
                axis.annotate(f"N = {p['slots']}", (at, p["latency_list16"]), fontsize=7,
                              color=colour, textcoords="offset points", xytext=(5, -9))
        shared = sorted((p for p in points if p["slots"] == 20 and p["at_once"] == 1),
                        key=lambda p: p["reuse"])
        for kind in ("latency_list16", "interval_list16"):  # N = 20 over the reuse factor
            axis.plot([p[key] * scale for p in shared], [p[kind] for p in shared], ":",
                      color="#777777", linewidth=1, zorder=0)
        axis.set_xlabel(label)
        axis.set_xlim(0, 1.15 * scale * max(p[key] for p in points))
        axis.grid(alpha=0.3)
    axes[0].set_ylim(0, 1.1 * max(p["latency_list16"] for p in points))
    axes[0].set_ylabel("cycles, neutrino network from lists")
    axes[1].legend(fontsize=7, loc="upper right")
    figure.savefig(path, dpi=130)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("measure", help="measure points of the curve")
    one.add_argument("points", nargs="+", type=Point.parse,
                     help="N:S or N:S:R, slots, slots a cycle, slots that share a lane")
    one.add_argument("--build", type=Path, required=True, help="configured build folder")
    one.add_argument("--shared", type=Path, required=True, help="folder of the test data")
    one.add_argument("--library", type=Path, help="take this kernel, which has the one point")
    one.add_argument("--compiler", type=Path, help="take this sparse-rtl")
    one.add_argument("--figures", type=Path, required=True, help="lines of JSON, added to")
    two = commands.add_parser("show", help="draw the curve, print the tables")
    two.add_argument("--figures", type=Path, required=True, help="lines of JSON")
    two.add_argument("--plot", type=Path, help="PNG to write")
    arguments = parser.parse_args()
    if arguments.command == "measure":
        measure(arguments)
        return
    points = read(arguments.figures)
    tables(points)
    if arguments.plot is not None:
        plot(points, arguments.plot)


if __name__ == "__main__":
    main()
