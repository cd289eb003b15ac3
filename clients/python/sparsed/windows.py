"""From a pixel file to windows, bit for bit as the daemon cuts them.

    wires --reduce--> pixels of a plane --/ pixel_scale--> image of a plane --cut--> windows

A pixel file is what `sparse-simulate --windows` writes: for every event the pooled pixels
of each plane that reach the threshold, and the truth. The numbers of each step are the
file's group /preprocessing (docs/model.md). A plane is tiled as the daemon tiles it: starts
at 0, stride, 2 strides, ... and a last one flush with the end; a window's image is its first
image_height x image_width pixels.

    with PixelFile("train.h5") as file:
        corners = file.tiles(plane=2)                  # (35, 2): row, col of each corner
        image = file.image(event=0, plane=2)
        windows = cut(image.pixels, corners, file.preprocessing)   # (35, 63, 63) float32
"""
from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path

import h5py
import numpy as np

TICK_CM = 0.0548965
"""Drift of a tick, cm (MicroBooNE, uboone/OpenSamples microboone_utils.py)."""
TICK_ZERO = 800
"""Tick of a deposit at x = 0 that came with the beam (same source)."""


class DataError(ValueError):
    """A file that cannot be used; the sentence names file, table and column."""


@dataclass(frozen=True)
class Preprocessing:
    """How samples become windows: the attributes of /preprocessing (docs/model.md)."""
    time_rebin: int
    bin_floor: float
    bin_clip: float
    pool_time: int
    pool_wires: int
    pixel_threshold: float
    window_time_bins: int
    window_wires: int
    image_height: int
    image_width: int
    pixel_scale: float

    @classmethod
    def read(cls, group: h5py.Group | None, path: Path | str) -> "Preprocessing":
        """The attributes of `group`; DataError names one that is missing or not above 0."""
        if group is None:
            raise DataError(f"{path}: no group /preprocessing: not a pixel file")
        values = {}
        for field in fields(cls):
            if field.name not in group.attrs:
                raise DataError(f"{path}: /preprocessing has no attribute {field.name}")
            value = float(group.attrs[field.name])
            if not math.isfinite(value) or value < 0 or (field.type == "int" and value < 1):
                raise DataError(f"{path}: /preprocessing/{field.name} = {value:g} is no "
                                "possible value")
            values[field.name] = int(value) if field.type == "int" else value
        if values["pixel_scale"] == 0:
            raise DataError(f"{path}: /preprocessing/pixel_scale = 0: pixels are divided by it")
        return cls(**values)

    def attributes(self) -> dict[str, int | float]:
        """The same, as a dictionary."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def window(self) -> tuple[int, int]:
        """A window's height and width in pixels."""
        return self.window_time_bins // self.pool_time, self.window_wires // self.pool_wires

    def plane_shape(self, ticks: int, wires: int) -> tuple[int, int]:
        """Rows (time) and columns (wires) of a plane's pixels; a rest is dropped."""
        return ticks // self.time_rebin // self.pool_time, wires // self.pool_wires


NEUTRINO = Preprocessing(6, 10.0, 100.0, 4, 8, 700.0, 256, 512, 63, 63, 3200.0)
"""The neutrino models' preprocessing (SparsePixels, arXiv 2512.06208)."""


def _in_pairs(x: np.ndarray) -> np.ndarray:
    """Sum over the last axis, pairwise in index order: ((0+1)+(2+3))+(4+5)."""
    while x.shape[-1] > 1:
        whole = x.shape[-1] // 2 * 2
        pairs = x[..., 0:whole:2] + x[..., 1:whole:2]
        x = np.concatenate([pairs, x[..., whole:]], axis=-1)
    return x[..., 0]


def reduce(samples: np.ndarray, pre: Preprocessing) -> np.ndarray:
    """Samples of a plane to its pixel sums, in the daemon's order of float32 sums.

    samples (wires, ticks) float32, units -> (rows, cols) float32, units; pixels below
    pixel_threshold are 0. A bin whose sum is not finite counts as 0.
    """
    wires, ticks = samples.shape
    rows, cols = pre.plane_shape(ticks, wires)
    used = samples[:cols * pre.pool_wires, :rows * pre.pool_time * pre.time_rebin]
    bins = _in_pairs(used.astype(np.float32).reshape(len(used), -1, pre.time_rebin))
    bins = np.where(np.isfinite(bins), bins, np.float32(0))
    bins = np.where(bins < np.float32(pre.bin_floor), np.float32(0),
                    np.minimum(bins, np.float32(pre.bin_clip)))
    bins = _in_pairs(bins.reshape(len(used), rows, pre.pool_time))
    pixels = np.zeros((cols, rows), np.float32)
    for wire in range(pre.pool_wires):
        pixels += bins[wire::pre.pool_wires]
    pixels[pixels < np.float32(pre.pixel_threshold)] = 0
    return pixels.T


def starts(length: int, window: int, stride: int) -> np.ndarray:
    """Where tiles of `window` start along `length` pixels: 0, stride, ..., flush with the end."""
    first = np.arange(0, length - window + 1, stride)
    return first if first[-1] + window == length else np.append(first, length - window)


def cut(pixels: np.ndarray, corners: np.ndarray, pre: Preprocessing) -> np.ndarray:
    """The images whose corners are `corners`.

    pixels (rows, cols), corners (n, 2) row and col -> (n, image_height, image_width).
    """
    all_images = np.lib.stride_tricks.sliding_window_view(
        pixels, (pre.image_height, pre.image_width))
    return all_images[corners[:, 0], corners[:, 1]]


@dataclass(frozen=True)
class PlaneImage:
    """One plane of one event.

    pixels    (rows, cols) float32: what the daemon has before it casts to the model's type
    neutrino  (rows, cols) int32: neutrino-labelled bins in each pixel
    """
    pixels: np.ndarray
    neutrino: np.ndarray


class PixelFile:
    """A pixel file, read whole into memory (about 10 bytes a pixel).

    path           its name
    preprocessing  how its pixels were made
    ticks          ticks of the readout
    plane_wires    wires of each plane
    event_table    its columns, by name; scalars (events,), vectors (events, k)
    command        how it was simulated: the attribute of /detector, if it has one
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        try:
            file = h5py.File(self.path, "r")
        except FileNotFoundError:
            raise DataError(f"{path}: no such file") from None
        except OSError:
            raise DataError(f"{path}: not a whole HDF5 file, or not to be read") from None
        with file:
            self.preprocessing = Preprocessing.read(file.get("preprocessing"), path)
            self._read_detector(file)
            for table in ("pixel_table", "event_table"):
                if table not in file:
                    raise DataError(f"{path}: no {table}: "
                                    + ("not a pixel file (sparse-simulate --windows writes one)"
                                       if table == "pixel_table" else "a file without truth"))
            self.event_table = {name: _column(data) for name, data in file["event_table"].items()
                                if isinstance(data, h5py.Dataset)
                                and not name.endswith(".seq_cnt")}
            self._read_pixels(file["pixel_table"])

    def __enter__(self) -> "PixelFile":
        return self

    def __exit__(self, *_) -> None:
        pass

    def __len__(self) -> int:
        return len(self._first) - 1

    def _read_detector(self, file: h5py.File) -> None:
        if "detector" not in file:
            raise DataError(f"{self.path}: no group /detector: not a pixel file")
        attributes = file["detector"].attrs
        for name in ("ticks", "plane_wires"):
            if name not in attributes:
                raise DataError(f"{self.path}: /detector has no attribute {name}")
        self.ticks = int(attributes["ticks"])
        self.plane_wires = [int(wires) for wires in np.atleast_1d(attributes["plane_wires"])]
        self.detector = {name: attributes[name] for name in attributes}
        command = self.detector.get("command", b"")
        self.command = command.decode() if isinstance(command, bytes) else str(command)
        window = self.preprocessing.window
        for plane in range(len(self.plane_wires)):
            shape = self.plane_shape(plane)
            if shape[0] < window[0] or shape[1] < window[1]:
                raise DataError(f"{self.path}: plane {plane} is {shape[0]} x {shape[1]} pixels, "
                                f"smaller than a window of {window[0]} x {window[1]}")

    def _read_pixels(self, table: h5py.Group) -> None:
        types = {"local_plane": np.uint8, "row": np.uint16, "col": np.uint16,
                 "value": np.float32, "neutrino": np.uint8}
        for name in (*types, "event_id.seq_cnt"):
            if name not in table:
                raise DataError(f"{self.path}: pixel_table has no column {name}"
                                + (": a file without truth" if name == "neutrino" else ""))
        self._pixels = {name: _column(table[name]).astype(kind) for name, kind in types.items()}
        if not np.isfinite(self._pixels["value"]).all():
            raise DataError(f"{self.path}: pixel_table/value: not every value is finite")
        counts = np.zeros(self._n_events(), np.int64)
        of_event = table["event_id.seq_cnt"][()].reshape(-1, 2)
        if len(of_event):
            if of_event[:, 0].min() < 0 or of_event[:, 0].max() >= len(counts):
                raise DataError(f"{self.path}: pixel_table/event_id.seq_cnt names event "
                                f"{of_event[:, 0].max()} of {len(counts)}")
            counts[of_event[:, 0]] = of_event[:, 1]
        self._first = np.concatenate([[0], np.cumsum(counts)])
        if self._first[-1] != len(self._pixels["value"]):
            raise DataError(f"{self.path}: pixel_table/event_id.seq_cnt counts {self._first[-1]} "
                            f"rows, the table has {len(self._pixels['value'])}")
        self._check_places()

    def _check_places(self) -> None:
        plane = self._pixels["local_plane"]
        if len(plane) and plane.max() >= len(self.plane_wires):
            raise DataError(f"{self.path}: pixel_table/local_plane = {plane.max()}: the detector "
                            f"has {len(self.plane_wires)} planes")
        shapes = np.array([self.plane_shape(p) for p in range(len(self.plane_wires))])
        for name, limit in (("row", shapes[plane, 0]), ("col", shapes[plane, 1])):
            outside = np.flatnonzero(self._pixels[name] >= limit)
            if len(outside):
                i = outside[0]
                raise DataError(f"{self.path}: pixel_table/{name} = {self._pixels[name][i]} of "
                                f"row {i}: plane {plane[i]} has {limit[i]}")

    def _n_events(self) -> int:
        if not self.event_table:
            raise DataError(f"{self.path}: event_table has no columns: a file without truth")
        return len(next(iter(self.event_table.values())))

    def truth(self, name: str) -> np.ndarray:
        """A column of event_table; DataError if the file has no such truth."""
        if name not in self.event_table:
            raise DataError(f"{self.path}: event_table has no column {name}: "
                            "a file without truth")
        return self.event_table[name]

    def plane_shape(self, plane: int) -> tuple[int, int]:
        """Rows and columns of a plane's pixels."""
        return self.preprocessing.plane_shape(self.ticks, self.plane_wires[plane])

    def tiles(self, plane: int) -> np.ndarray:
        """The corners of a plane's windows, (n, 2) row and col, in the daemon's order."""
        shape, window = self.plane_shape(plane), self.preprocessing.window
        rows, cols = (starts(shape[i], window[i], window[i]) for i in (0, 1))
        return np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1).reshape(-1, 2)

    def image(self, event: int, plane: int) -> PlaneImage:
        """One plane of one event, by its place in the file."""
        rows = slice(self._first[event], self._first[event + 1])
        of_plane = self._pixels["local_plane"][rows] == plane
        row, col, value, labelled = (self._pixels[name][rows][of_plane]
                                     for name in ("row", "col", "value", "neutrino"))
        pixels = np.zeros(self.plane_shape(plane), np.float32)
        neutrino = np.zeros(pixels.shape, np.int32)
        pre = self.preprocessing
        active = value >= np.float32(pre.pixel_threshold)
        pixels[row[active], col[active]] = value[active] / np.float32(pre.pixel_scale)
        neutrino[row, col] = labelled
        return PlaneImage(pixels, neutrino)

    def vertex(self, event: int, plane: int) -> tuple[int, int] | None:
        """Row and column of the pixel that holds the neutrino vertex; None without one."""
        wire = int(self.truth("nu_vtx_wire_pos")[event, plane])
        if wire < 0 or self.truth("nu_pdg")[event] == 0:
            return None
        tick = math.floor(self.truth("nu_vtx_corr")[event, 0] / TICK_CM + TICK_ZERO)
        pre = self.preprocessing
        row = tick // pre.time_rebin // pre.pool_time
        col = wire // pre.pool_wires
        rows, cols = self.plane_shape(plane)
        return (row, col) if 0 <= row < rows and 0 <= col < cols else None


def _column(data: h5py.Dataset) -> np.ndarray:
    """A column; (rows, 1) becomes (rows,)."""
    values = data[()]
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def holds(corners: np.ndarray, place: tuple[int, int] | None, pre: Preprocessing) -> np.ndarray:
    """Which images hold the pixel `place`: (n, 2) corners -> (n,) bool."""
    if place is None:
        return np.zeros(len(corners), bool)
    down, right = place[0] - corners[:, 0], place[1] - corners[:, 1]
    return ((down >= 0) & (down < pre.image_height)
            & (right >= 0) & (right < pre.image_width))


def sums(values: np.ndarray, corners: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Sum of `values` (rows, cols) over the rectangle of `shape` at each corner: (n,) int64."""
    table = np.zeros((values.shape[0] + 1, values.shape[1] + 1), np.int64)
    table[1:, 1:] = values.cumsum(0, dtype=np.int64).cumsum(1)
    top, left = corners[:, 0], corners[:, 1]
    bottom, right = top + shape[0], left + shape[1]
    return table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
