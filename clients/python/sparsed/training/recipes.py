"""Which windows a network is trained on: two recipes for neutrino windows.

Both take planes with at least `min_label` neutrino-labelled bins, keep signal and background
balanced and split by EVENT: windows of one readout are alike, and would be on both sides.

    tiles      (default) what a trigger sees. Windows of the daemon's tiling. Signal: the
               window's image holds the neutrino vertex, wherever in it. Background: a tile
               of the same planes without a labelled bin; many hold no active pixel.
    published  as the source work cut them (SparsePixels, train_neutrino.ipynb), to compare.
               Signal: the first place, in scan order, where a window holds most labelled
               bins; all planes. Background: 5 windows an event at random places of the last
               plane, without a labelled bin, no overlap with the signal window.

In `published` plane and position betray the class; a trigger has neither, which is why
networks trained on it lose much on tiles.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import numpy as np

from ..windows import DataError, PixelFile, PlaneImage, cut, holds, sums

MIN_LABEL = 500
"""Labelled bins below which a plane is not used (SparsePixels)."""


@dataclass
class Windows:
    """Windows with their truth; all arrays have one row a window.

    images  (n, height, width, 1) float32, as the network takes them
    label   (n,) int: 0 background, 1 signal; or the class
    event   (n,) int64: which event, counted over all files
    plane   (n,) int
    corner  (n, 2) int: row and col of the corner in the plane's pixels
    """
    images: np.ndarray
    label: np.ndarray
    event: np.ndarray
    plane: np.ndarray
    corner: np.ndarray

    def __len__(self) -> int:
        return len(self.label)

    def take(self, index: np.ndarray) -> "Windows":
        """The windows of these indices."""
        return Windows(*(getattr(self, field.name)[index] for field in fields(self)))

    @property
    def active(self) -> np.ndarray:
        """Active pixels of each window, (n,)."""
        return np.count_nonzero(self.images, axis=(1, 2, 3))


@dataclass
class _Candidates:
    """Corners of one plane of one event, by class."""
    image: PlaneImage
    signal: np.ndarray
    background: np.ndarray


def _tiles(file: PixelFile, event: int, plane: int, _: np.random.Generator) -> _Candidates:
    image = file.image(event, plane)
    corners = file.tiles(plane)
    pre = file.preprocessing
    labelled = sums(image.neutrino, corners, pre.window)
    return _Candidates(image, corners[holds(corners, file.vertex(event, plane), pre)],
                       corners[labelled == 0])


BACKGROUND_AN_EVENT = 5
"""Background windows of an event in the published recipe."""


def _published(file: PixelFile, event: int, plane: int,
               random: np.random.Generator) -> _Candidates:
    image = file.image(event, plane)
    rows, cols = image.pixels.shape
    height, width = file.preprocessing.window
    corners = np.indices((rows - height + 1, cols - width + 1)).reshape(2, -1).T
    labelled = sums(image.neutrino, corners, (height, width))
    best = corners[labelled.argmax()]
    background = corners[:0]
    if plane == len(file.plane_wires) - 1:
        apart = (np.abs(corners - best) >= (height, width)).any(axis=1)
        possible = corners[apart & (labelled == 0)]
        wanted = min(BACKGROUND_AN_EVENT, len(possible))
        background = possible[np.sort(random.choice(len(possible), wanted, replace=False))]
    return _Candidates(image, best[None], background)


RECIPES: dict[str, Callable[..., _Candidates]] = {"tiles": _tiles, "published": _published}


def _planes(files: list[PixelFile], min_label: int) -> Iterator[tuple[PixelFile, int, int, int]]:
    """(file, event in the file, event over all files, plane) of all planes that are used."""
    before = 0
    for file in files:
        label_bins, pdg = file.truth("label_bins"), file.truth("nu_pdg")
        for event in range(len(file)):
            if pdg[event] != 0:
                for plane in np.flatnonzero(label_bins[event] >= min_label):
                    yield file, event, before + event, int(plane)
        before += len(file)


def select(files: list[PixelFile], recipe: str, *, seed: int, min_label: int = MIN_LABEL,
           progress: Callable[[float], None] = lambda _: None) -> Windows:
    """The windows of a recipe, balanced, in the files' order.

    DataError if the files differ in preprocessing, or hold no window of a class.
    """
    for file in files[1:]:
        for name, value in file.preprocessing.attributes().items():
            first = files[0].preprocessing.attributes()[name]
            if value != first:
                raise DataError(f"{file.path}: /preprocessing/{name} = {value}, "
                                f"{files[0].path} has {first}")
    random = np.random.default_rng(seed)
    candidates = RECIPES[recipe]
    total = sum(len(file) for file in files)
    parts: list[tuple[np.ndarray, np.ndarray, int, int, np.ndarray]] = []
    for file, event, number, plane in _planes(files, min_label):
        found = candidates(file, event, plane, random)
        # As many of background as of signal, and one where there is none: what is too many
        # is drawn away at the end.
        spare, wanted = found.background, max(1, len(found.signal))
        if recipe == "tiles" and len(spare) > wanted:
            spare = spare[np.sort(random.choice(len(spare), wanted, replace=False))]
        corners = np.concatenate([found.signal, spare])
        label = np.repeat([1, 0], [len(found.signal), len(spare)])
        parts.append((cut(found.image.pixels, corners, file.preprocessing), label, number,
                      plane, corners))
        progress((number + 1) / total)
    names = ", ".join(str(file.path) for file in files)
    if not parts:
        raise DataError(f"{names}: no signal: no plane of {total} events has {min_label} "
                        "neutrino-labelled bins (--min-label)")
    windows = _join(parts)
    for value, name in ((1, "signal"), (0, "background")):
        if not (windows.label == value).any():
            raise DataError(f"{names}: no {name} window in {total} events")
    return _balance(windows, random)


def _join(parts: list[tuple[np.ndarray, np.ndarray, int, int, np.ndarray]]) -> Windows:
    sizes = [len(label) for _, label, *_ in parts]
    return Windows(np.concatenate([images for images, *_ in parts])[..., None],
                   np.concatenate([label for _, label, *_ in parts]),
                   np.repeat([number for _, _, number, *_ in parts], sizes),
                   np.repeat([plane for *_, plane, _ in parts], sizes),
                   np.concatenate([corners for *_, corners in parts]))


def _balance(windows: Windows, random: np.random.Generator) -> Windows:
    """As many windows of one class as of the other, drawn at random."""
    classes = [np.flatnonzero(windows.label == value) for value in (0, 1)]
    size = min(map(len, classes))
    kept = [random.choice(index, size, replace=False) for index in classes]
    return windows.take(np.sort(np.concatenate(kept)))


def split(windows: Windows, shares: tuple[float, ...], seed: int) -> list[Windows]:
    """Splits by event: shares (0.9, 0.1) of the events. No event is on two sides."""
    events = np.unique(windows.event)
    np.random.default_rng(seed).shuffle(events)
    ends = np.round(np.cumsum(shares) * len(events)).astype(int)
    sides = np.split(events, ends[:-1])
    return [windows.take(np.flatnonzero(np.isin(windows.event, side))) for side in sides]


def brightest_first(images: np.ndarray, n: int) -> np.ndarray:
    """Images with all but their n brightest pixels (in scan order where equal) set to 0: what
    an input reduction that sorts would keep. For studies: the daemon cuts in scan order."""
    flat = images.reshape(len(images), -1)
    order = np.argsort(-flat, axis=1, kind="stable")[:, :n]
    kept = np.zeros_like(flat)
    np.put_along_axis(kept, order, np.take_along_axis(flat, order, 1), 1)
    return kept.reshape(images.shape)


MIRRORS = {"none": (), "time": (1,), "wires": (2,), "both": (1, 2)}
"""Axes of the images along which windows may be mirrored in training. Drift has no preferred
direction; the beam has one along the wires of the last plane."""


def mirror(images: np.ndarray, axes: tuple[int, ...], random: np.random.Generator) -> None:
    """Mirrors each window along each of the axes, or does not: as chance has it. In place."""
    for axis in axes:
        turned = np.flatnonzero(random.random(len(images)) < 0.5)
        images[turned] = np.flip(images[turned], axis)
