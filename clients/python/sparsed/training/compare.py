"""python -m sparsed.training.compare: do trained models still decide as Keras does?

    python -m sparsed.training.compare config/models --data test.h5

Builds each network again from NAME.card.json and NAME.weights.h5, lets it and sparsed's
engine look at the same windows, and prints a row a model. What is compared is every sum
before the last activation; docs/export.md says why none may differ.
"""
from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    p = argparse.ArgumentParser(
        "python -m sparsed.training.compare", formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__.split("\n", 2)[2],
        epilog="exit status  0 no decision differs; 1 one does, or an error; 2 wrong use")
    p.add_argument("models", nargs="+", type=Path, metavar="MODEL",
                   help="NAME.model.h5, or a folder of them")
    p.add_argument("--data", nargs="+", type=Path, default=[], metavar="FILE",
                   help="pixel files (sparse-simulate --windows) for the neutrino networks")
    p.add_argument("--windows", type=int, default=10000, metavar="N", help="default 10000")
    p.add_argument("--engine", default="auto", help="of sparse-verify (default auto)")
    p.add_argument("--programs", type=Path, metavar="FOLDER",
                   default=os.environ.get("SPARSED_BIN"),
                   help="where sparse-verify is (default: SPARSED_BIN, else PATH)")
    options = p.parse_args(arguments)
    if options.windows < 1:
        p.error(f"--windows {options.windows}: must be at least 1")
    return options


def _find(models: list[Path]) -> list[Path]:
    found = [path for model in models
             for path in (sorted(model.glob("*.model.h5")) if model.is_dir() else [model])]
    if not found:
        raise ValueError(f"{', '.join(map(str, models))}: no *.model.h5")
    return found


def _beside(path: Path, suffix: str) -> Path:
    beside = path.with_name(path.name.removesuffix(".model.h5") + suffix)
    if not beside.exists():
        raise ValueError(f"{beside}: no such file; {path.name} was made with it")
    return beside


def rebuild(path: Path) -> "keras.Model":
    """The Keras network of NAME.model.h5, from its card and its weights."""
    from . import networks
    plan = json.loads(_beside(path, ".card.json").read_text())["plan"]
    arch = networks.ARCHITECTURES[plan["architecture"]]
    # Where the points lie is kept with the weights, also for 8 bits.
    grids = None if plan["bits"] == "learned" else networks.grids_16(arch)
    model = networks.build(arch, plan["n_pixels"], grids, seed=plan["seed"],
                           threshold=plan["threshold"], learn_n=plan["learn_n"],
                           learn_threshold=plan["learn_threshold"])
    model.load_weights(_beside(path, ".weights.h5"))
    return model


def _tiles(paths: list[Path], count: int) -> np.ndarray:
    """The first `count` windows of the tiling that hold a pixel, from all events and planes."""
    from ..windows import PixelFile, cut
    parts, found = [], 0
    for file in map(PixelFile, paths):
        for event in range(len(file)):
            for plane in range(len(file.plane_wires)):
                images = cut(file.image(event, plane).pixels, file.tiles(plane),
                             file.preprocessing)
                parts.append(images[images.any(axis=(1, 2))])
                found += len(parts[-1])
            if found >= count:
                return np.concatenate(parts)[:count, ..., None]
    return np.concatenate(parts)[..., None] if parts else np.zeros((0, 1, 1, 1), np.float32)


def _windows(architecture: str, options: argparse.Namespace) -> np.ndarray:
    from . import standins
    if architecture == "jet":
        return standins.jets(options.windows, seed=1000).images
    if architecture == "digit":
        return standins.digits(options.windows, seed=1000).images
    if not options.data:
        raise ValueError("--data is needed for neutrino networks: a pixel file from "
                         "sparse-simulate --windows")
    return _tiles(options.data, options.windows)


def run(options: argparse.Namespace) -> int:
    """Prints the table; the exit status."""
    from ..export import check_model
    windows: dict[str, np.ndarray] = {}
    differing = 0
    print(f"{'model':28s}{'engine':16s}{'windows':>8s}{'decisions differ':>18s}"
          f"{'sums differ':>13s}{'largest':>9s}{'scores within':>15s}")
    for path in _find(options.models):
        model = rebuild(path)
        if model.name not in windows:
            windows[model.name] = _windows(model.name, options)
        found = check_model(model, path, windows[model.name],
                            options.programs and Path(options.programs) / "sparse-verify",
                            options.engine)
        differing += found.differing_decisions
        print(f"{path.name.removesuffix('.model.h5'):28s}{found.engine:16s}{found.windows:8,d}"
              f"{found.differing_decisions:18,d}{found.differing_values:13,d}"
              f"{found.largest_difference:9g}{found.largest_score_difference:15.2g}", flush=True)
    return 1 if differing else 0


def main(arguments: list[str]) -> int:
    """Runs the command line; the exit status."""
    options = parse(arguments)
    from .__main__ import prepare
    with prepare(0):
        from ..export import ExportError
        from ..windows import DataError
    try:
        return run(options)
    except (ExportError, DataError, ValueError, OSError) as error:
        print(f"compare: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
