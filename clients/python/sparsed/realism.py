"""Do simulated windows look like real ones?

    python3 -m sparsed.realism sim.h5 real-windows.h5 [--plot realism.png]

Cuts windows out of a pixel file of `sparse-simulate --windows` as the published ones were
cut (train_neutrino.ipynb of the SparsePixels work), takes 100 published windows of real
events, and compares five distributions by their Kolmogorov-Smirnov distance.

    signal      each plane with at least 500 neutrino-labelled time bins: the window with the
                most of them, the first in scan order where several have
    background  five random windows of plane 2 an event, outside the signal window and
                without a labelled bin
    mix         half and half

100 windows cannot tell more than the limits below: 95 % of random choices of 100 simulated
windows lie within them.
"""
import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from sparsed.windows import NEUTRINO, PixelFile, Preprocessing, cut, reduce, sums

LABELLED_BINS = 500
BACKGROUND_PER_EVENT = 5
BACKGROUND_PLANE = 2
TRIES = 200


@dataclass(frozen=True)
class Quantity:
    """One thing that is compared: what it is, and how large its distance may be."""
    name: str
    unit: str
    limit: float


QUANTITIES = (Quantity("active pixels", "of a window", 0.119),
              Quantity("pixel value", "of 1024", 0.057),
              Quantity("rows spanned", "pixels of time", 0.142),
              Quantity("columns spanned", "pixels of wires", 0.146),
              Quantity("share with an active neighbour", "", 0.135))


def corners(shape: tuple[int, int], pre: Preprocessing) -> np.ndarray:
    """Every place of a window in a plane of `shape`, (n, 2) row and col, in scan order."""
    rows, cols = (np.arange(shape[i] - pre.window[i] + 1) for i in (0, 1))
    return np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1).reshape(-1, 2)


def background_corners(neutrino: np.ndarray, signal: np.ndarray | None, pre: Preprocessing,
                       random: np.random.Generator) -> np.ndarray:
    """Up to five random corners, (n, 2), clear of the signal window and of labelled bins.

    neutrino (rows, cols) labelled bins of each pixel of the plane; signal its corner, or None.
    """
    window, found = pre.window, []
    for _ in range(TRIES):
        if len(found) == BACKGROUND_PER_EVENT:
            break
        corner = [random.integers(neutrino.shape[i] - window[i] + 1) for i in (0, 1)]
        if signal is not None and all(abs(corner[i] - signal[i]) < window[i] for i in (0, 1)):
            continue
        if not neutrino[corner[0]:corner[0] + window[0], corner[1]:corner[1] + window[1]].any():
            found.append(corner)
    return np.array(found, int).reshape(-1, 2)


def simulated_windows(file: PixelFile, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Signal and background images, each (n, image_height, image_width) float32.

    The longer of the two is cut at random to the length of the other.
    """
    pre, random = file.preprocessing, np.random.default_rng(seed)
    labelled = file.truth("label_bins")
    signal, background = [], []
    for event in range(len(file)):
        best_of_plane = None
        for plane in range(len(file.plane_wires)):
            image = file.image(event, plane)
            best = None
            if labelled[event, plane] >= LABELLED_BINS:
                places = corners(image.neutrino.shape, pre)
                best = places[np.argmax(sums(image.neutrino, places, pre.window))]
                signal.append(cut(image.pixels, best[None], pre))
            if plane == BACKGROUND_PLANE:
                best_of_plane = best
                where = background_corners(image.neutrino, best_of_plane, pre, random)
                background.append(cut(image.pixels, where, pre))
    none = np.zeros((0, pre.image_height, pre.image_width), np.float32)
    signal, background = np.concatenate([none, *signal]), np.concatenate([none, *background])
    n = min(len(signal), len(background))
    return tuple(x[np.sort(random.permutation(len(x))[:n])] for x in (signal, background))


def real_windows(path: Path | str, pre: Preprocessing = NEUTRINO) -> np.ndarray:
    """The windows of real events, (n, image_height, image_width) float32.

    The file has the samples of each window's wires (wire_table), and where it is
    (window_table/plane_tick_wire: plane, time bin, wire).
    """
    images = []
    with h5py.File(path, "r") as file:
        wires, table = file["wire_table"], file["window_table/plane_tick_wire"][()]
        first = 0
        for (_, count), (_, time_bin, wire) in zip(wires["event_id.seq_cnt"][()], table):
            rows = slice(first, first + count)
            local = wires["local_wire"][rows, 0].astype(int) - wire
            samples = np.zeros((pre.window_wires, wires["adc"].shape[1]), np.float32)
            inside = (local >= 0) & (local < pre.window_wires)
            samples[local[inside]] = wires["adc"][rows][inside]
            pixels = reduce(samples, pre) / np.float32(pre.pixel_scale)
            images.append(cut(pixels, np.array([[time_bin // pre.pool_time, 0]]), pre))
            first += count
    return np.concatenate(images)


def neighbours(active: np.ndarray) -> np.ndarray:
    """How many of its eight neighbours are active: (n, h, w) bool -> (n, h, w) int."""
    padded = np.pad(active.astype(int), ((0, 0), (1, 1), (1, 1)))
    n, height, width = active.shape
    return sum(padded[:, down:down + height, right:right + width]
               for down in range(3) for right in range(3)) - active


def measure(images: np.ndarray) -> dict[str, np.ndarray]:
    """The five quantities of (n, h, w) images. Spans and neighbours: of windows not empty."""
    active = images > 0
    count = active.sum((1, 2))
    some = active[count > 0]
    spans = []
    for axis in (2, 1):
        line = some.any(axis)
        spans.append(line.shape[1] - line.argmax(1) - line[:, ::-1].argmax(1))
    beside = ((neighbours(some) > 0) & some).sum((1, 2)) / some.sum((1, 2))
    values = np.floor(images[active] * 1024)
    return dict(zip((q.name for q in QUANTITIES), (count, values, *spans, beside)))


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Kolmogorov-Smirnov: the largest difference of two cumulative distributions."""
    places = np.concatenate([a, b])
    return float(max(abs(np.searchsorted(np.sort(a), places, "right") / len(a)
                         - np.searchsorted(np.sort(b), places, "right") / len(b))))


def compare(simulated: np.ndarray, real: np.ndarray) -> list[tuple[Quantity, float]]:
    """Each quantity with its distance; images (n, h, w) of both kinds."""
    one, other = measure(simulated), measure(real)
    return [(q, distance(one[q.name], other[q.name])) for q in QUANTITIES]


def table(simulated: np.ndarray, real: np.ndarray) -> str:
    """The comparison as a Markdown table."""
    one, other = measure(simulated), measure(real)
    lines = ["| quantity | quantiles | real | simulated | distance | limit |",
             "|---|---|---|---|---|---|"]
    for quantity, ks in compare(simulated, real):
        at = (0.25, 0.5, 0.75)
        cells = [" / ".join(f"{x:.3g}" for x in np.quantile(m[quantity.name], at))
                 for m in (other, one)]
        lines.append(f"| {quantity.name} | 25 / 50 / 75 % | {cells[0]} | {cells[1]} "
                     f"| {ks:.3f} | {quantity.limit} |")
    for name, cell in (("mean active pixels", lambda n: f"{n.mean():.1f}"),
                       ("share above 20", lambda n: f"{(n > 20).mean():.2f}"),
                       ("share empty", lambda n: f"{(n == 0).mean():.2f}")):
        lines.append(f"| {name} | | {cell(other['active pixels'])} "
                     f"| {cell(one['active pixels'])} | | |")
    return "\n".join(lines)


def plot(simulated: np.ndarray, real: np.ndarray, path: Path) -> None:
    """The distributions side by side, real as points with their statistical error."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    one, other = measure(simulated), measure(real)
    figure, axes = pyplot.subplots(1, len(QUANTITIES), figsize=(18, 3.6),
                                   layout="constrained")
    for axis, (quantity, ks) in zip(axes, compare(simulated, real)):
        a, b = one[quantity.name], other[quantity.name]
        top = min(max(np.quantile(a, 0.995), np.quantile(b, 0.995)), 1024)
        low = min(a.min(), b.min()) if quantity.name == "pixel value" else 0
        edges = np.linspace(low, top * 1.001, 17)
        width, middle = edges[1] - edges[0], (edges[1:] + edges[:-1]) / 2
        share = np.histogram(a, edges)[0] / len(a)
        count = np.histogram(b, edges)[0]
        axis.stairs(share / width, edges, fill=True, color="#9ecae1",
                    label=f"simulated ({len(simulated):,} windows)")
        axis.errorbar(middle, count / len(b) / width, np.sqrt(count) / len(b) / width, fmt="o",
                      color="black", markersize=4, label=f"real ({len(real)} windows)")
        axis.set_title(f"{quantity.name}\nKS distance {ks:.3f} (limit {quantity.limit})",
                       fontsize=10)
        axis.set_xlabel(quantity.unit or "of a window's active pixels")
        axis.set_ylim(bottom=0)
    axes[0].set_ylabel("density")
    axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=110)


def main(arguments: list[str] | None = None) -> int:
    """0 where every distance is within its limit, 1 where one is not."""
    parser = argparse.ArgumentParser(
        prog="python3 -m sparsed.realism", formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__)
    parser.add_argument("simulated", type=Path, help="a file of sparse-simulate --windows")
    parser.add_argument("real", type=Path, help="real windows, with their wires' samples")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the distributions")
    parser.add_argument("--seed", type=int, default=1, help="of the background's places")
    options = parser.parse_args(arguments)
    signal, background = simulated_windows(PixelFile(options.simulated), options.seed)
    simulated, real = np.concatenate([signal, background]), real_windows(options.real)
    print(f"{len(signal)} signal and {len(background)} background windows, {len(real)} real")
    print(table(simulated, real))
    if options.plot:
        plot(simulated, real, options.plot)
    return 0 if all(ks <= q.limit for q, ks in compare(simulated, real)) else 1


if __name__ == "__main__":
    sys.exit(main())
