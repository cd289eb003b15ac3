"""A calibration of sparse-calibrate, and a picture of it.

    python3 -m sparsed.calibration calibration.h5 -o calibration.png

One row a plane: pedestal and noise against the wire, dead and hot wires marked. The layout of
the file is in docs/calibration.md.
"""
from __future__ import annotations

import argparse
import dataclasses
import hashlib
import pathlib
import sys

import h5py
import numpy as np

GOOD, DEAD, HOT = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class PlaneCalibration:
    """One plane; every array is [wires]. Pedestal and noise are in counts (int16 samples) or
    units (float32), status is GOOD, DEAD or HOT."""
    plane: int
    pedestal: np.ndarray
    noise: np.ndarray
    status: np.ndarray
    samples: np.ndarray

    @property
    def wires(self) -> int:
        """How many wires the plane has."""
        return len(self.status)

    def masked(self) -> np.ndarray:
        """Numbers of the wires that the daemon leaves out."""
        return np.flatnonzero(self.status != GOOD)


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What is in a file, and its SHA-256, by which decisions name it."""
    planes: tuple[PlaneCalibration, ...]
    attributes: dict[str, object]
    sha256: str


def _value(value: object) -> object:
    return value.decode() if isinstance(value, bytes) else value


def read_calibration(path: str | pathlib.Path) -> Calibration:
    """Reads a file of sparse-calibrate. ValueError: it is none."""
    path = pathlib.Path(path)
    with h5py.File(path) as f:
        attributes = {name: _value(value) for name, value in f.attrs.items()}
        if attributes.get("format") != "sparsed-calibration":
            raise ValueError(f"{path}: attribute format = {attributes.get('format')!r}: "
                             "must be sparsed-calibration")
        groups = sorted((g for name, g in f.items() if name.startswith("plane_")),
                        key=lambda g: int(g.attrs["plane"]))
        planes = tuple(PlaneCalibration(int(g.attrs["plane"]), *(
            g[name][:] for name in ("pedestal", "noise", "status", "samples"))) for g in groups)
    return Calibration(planes, attributes, hashlib.sha256(path.read_bytes()).hexdigest())


def plot(calibration: Calibration, output: str | pathlib.Path) -> None:
    """Writes the picture; the ending of `output` chooses the format (png, svg, pdf)."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    unit = "counts" if calibration.attributes["sample_type"] == "int16" else "units"
    figure, axes = plt.subplots(len(calibration.planes), 2, squeeze=False,
                                figsize=(11, 2.6 * len(calibration.planes) + 0.6))
    marks = ((DEAD, "v", "tab:blue", "dead"), (HOT, "^", "tab:red", "hot"))
    for row, p in zip(axes, calibration.planes):
        wire = np.arange(p.wires)
        good = p.status == GOOD
        # good wires fill the picture; what is far above them stands at its upper edge
        top = 2 * max(p.noise[good].max(initial=0), 1e-9)
        for axis, values, name in zip(row, (p.pedestal, np.minimum(p.noise, top)),
                                      ("pedestal", "noise")):
            axis.plot(wire[good], values[good], ".", markersize=2, color="0.3")
            for status, marker, colour, label in marks:
                at = p.status == status
                axis.plot(wire[at], values[at], marker, markersize=4, color=colour,
                          label=f"{at.sum()} {label}", clip_on=False)
            axis.set_ylabel(f"{name} / {unit}")
            axis.set_title(f"plane {p.plane}", fontsize=9, loc="left")
            axis.grid(alpha=0.3)
            axis.set_xlim(-1, p.wires)
        row[1].set_ylim(0, top)
        row[1].legend(fontsize=8, loc="lower right", bbox_to_anchor=(1, 1), ncol=2, frameon=False)
    for axis in axes[-1]:
        axis.set_xlabel("wire")
    figure.suptitle(f"{calibration.attributes['source']}, {calibration.attributes['events']} "
                    f"events, {calibration.attributes['created']}, "
                    f"sha256 {calibration.sha256[:8]}", fontsize=9)
    figure.tight_layout()
    figure.savefig(output, dpi=120)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python3 -m sparsed.calibration",
        description="Draws pedestal and noise of every wire of a calibration made by "
                    "sparse-calibrate, one row a plane; dead and hot wires are marked.")
    parser.add_argument("file", help="the calibration, HDF5")
    parser.add_argument("-o", "--output", required=True, metavar="PICTURE",
                        help="what is written; its ending chooses the format: png, svg, pdf")
    options = parser.parse_args(arguments)
    try:
        calibration = read_calibration(options.file)
    except (OSError, KeyError, ValueError) as error:
        print(f"{parser.prog}: {options.file}: {error}", file=sys.stderr)
        return 1
    plot(calibration, options.output)
    for p in calibration.planes:
        print(f"plane {p.plane}: {p.wires} wires, noise {np.median(p.noise):.3g} (median), "
              f"{(p.status == DEAD).sum()} dead, {(p.status == HOT).sum()} hot")
    return 0


if __name__ == "__main__":
    sys.exit(main())
