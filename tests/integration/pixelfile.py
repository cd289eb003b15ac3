"""A pixel file without physics: tracks of straight lines, with a bright star where a
neutrino is. Small, quick to learn, and of every column that the contract names."""
from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

PREPROCESSING = {
    "time_rebin": 6, "bin_floor": 10.0, "bin_clip": 100.0, "pool_time": 4, "pool_wires": 8,
    "pixel_threshold": 700.0, "window_time_bins": 256, "window_wires": 512, "image_height": 63,
    "image_width": 63, "pixel_scale": 3200.0}
TICKS, WIRES = 6400, (2400, 2400, 3456)
ROWS = 266


def _event(random: np.random.Generator, neutrino: bool) -> tuple[list, dict]:
    """Pixels (plane, row, col, value, neutrino) of one event, and its truth."""
    pixels, label, wire = [], [0, 0, 0], [-1, -1, -1]
    row = int(random.integers(10, ROWS - 10))
    for plane, wires in enumerate(WIRES):
        cols = wires // 8
        image, labelled = np.zeros((ROWS, cols), np.float32), np.zeros((ROWS, cols), np.uint8)
        for _ in range(12):
            at, slope = random.integers(0, (ROWS, cols)), random.normal(0, 1, 2)
            steps = np.arange(random.integers(5, 60))[:, None] * slope / np.abs(slope).max()
            place = np.rint(at + steps).astype(int)
            place = place[((place >= 0) & (place < (ROWS, cols))).all(1)]
            image[place[:, 0], place[:, 1]] = random.integers(9600, 30000, len(place)) / 16
        image[random.random(image.shape) < 0.4] = 0
        if neutrino:
            col = int(random.integers(10, cols - 10))
            wire[plane] = col * 8 + 3
            star = np.rint(random.normal((row, col), 2.5, (40, 2))).astype(int)
            star = star[((star >= 0) & (star < (ROWS, cols))).all(1)]
            image[star[:, 0], star[:, 1]] = random.integers(6000, 51200, len(star)) / 16
            labelled[star[:, 0], star[:, 1]] = 20
            label[plane] = int(labelled.sum(dtype=int))
        for r, c in np.argwhere((image >= 700) | (labelled > 0)):
            pixels.append((plane, r, c, image[r, c], labelled[r, c]))
    x = ((row * 4 + 2) * 6 + 1 - 800) * 0.0548965
    return pixels, {"nu_pdg": 14 if neutrino else 0, "label_bins": label,
                    "nu_vtx_wire_pos": wire, "nu_vtx_corr": (x, 0.0, 0.0)}


def write(path: Path, events: int, seed: int = 1, neutrinos: float = 0.8,
          preprocessing: dict | None = None) -> None:
    """Writes `events` events, a share of them with a neutrino."""
    random = np.random.default_rng(seed)
    made = [_event(random, random.random() < neutrinos) for _ in range(events)]
    ids = np.array([(1, 0, i) for i in range(events)], np.int32)
    with h5py.File(path, "w") as file:
        file.create_group("preprocessing").attrs.update(preprocessing or PREPROCESSING)
        file.create_group("detector").attrs.update(
            {"ticks": TICKS, "plane_wires": np.array(WIRES, np.int32), "scale": 1 / 16,
             "seed": seed, "version": "test", "command": b"pixelfile.py"})
        table = file.create_group("event_table")
        table["event_id"] = ids
        for name, kind in (("nu_pdg", "i4"), ("label_bins", "i4"), ("nu_vtx_wire_pos", "i4"),
                           ("nu_vtx_corr", "f4")):
            column = np.array([truth[name] for _, truth in made], kind)
            table[name] = column.reshape(events, -1)
        table["event_id.seq_cnt"] = np.array([(i, 1) for i in range(events)], np.int64)
        table = file.create_group("pixel_table")
        counts = [len(pixels) for pixels, _ in made]
        rows = np.array([p for pixels, _ in made for p in pixels], np.float64).reshape(-1, 5)
        table["event_id"] = np.repeat(ids, counts, axis=0)
        table["event_id.seq_cnt"] = np.array([(i, n) for i, n in enumerate(counts) if n], np.int64)
        for i, (name, kind) in enumerate((("local_plane", "u1"), ("row", "u2"), ("col", "u2"),
                                          ("value", "f4"), ("neutrino", "u1"))):
            table[name] = rows[:, i:i + 1].astype(kind)
