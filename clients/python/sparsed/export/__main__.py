"""The command line: python -m sparsed.export export | check."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from pathlib import Path

import h5py
import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

DESCRIPTION = """\
From a Keras model to a model file, and back: does the engine decide as Keras does?

  python -m sparsed.export export track.model.h5 --network mynets:small \\
      --weights track.weights.h5 --windows pixels.h5 --label neutrino --like old.model.h5
  python -m sparsed.export check track.model.h5 --network mynets:small \\
      --weights track.weights.h5 --windows pixels.h5

A network is a function of a Python module, MODULE:FUNCTION, that builds the Keras model;
its weights are what model.save_weights wrote. (.keras files are not read: sparsepixels
0.3.2 writes such that it cannot load.) Windows are the data set `images`, float32
[event, height, width, channel], of an HDF5 file.
docs/export.md says which layers are taken and why nothing is lost."""


def parser() -> argparse.ArgumentParser:
    """All options of both commands."""
    p = argparse.ArgumentParser(prog="python -m sparsed.export", description=DESCRIPTION,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = p.add_subparsers(dest="command", required=True, metavar="COMMAND")
    export = commands.add_parser("export", help="write MODEL and its vectors")
    check = commands.add_parser("check", help="compare MODEL with Keras over all windows")
    for one in (export, check):
        one.add_argument("model", type=Path, metavar="MODEL", help="NAME.model.h5")
        one.add_argument("--network", required=True, metavar="MODULE:FUNCTION",
                         help="builds the Keras model; the current folder is on the path")
        one.add_argument("--weights", type=Path, metavar="FILE",
                         help="NAME.weights.h5 (default: the weights that FUNCTION sets)")
        one.add_argument("--windows", type=Path, metavar="FILE", required=one is check,
                         help="HDF5 file with the data set images")
    export.add_argument("--label", action="append", required=True, metavar="TEXT",
                        help="of an output; once for each, in their order")
    export.add_argument("--name", help="of the model (default: NAME)")
    export.add_argument("--like", type=Path, metavar="FILE",
                        help="take the group preprocessing from this model or pixel file; "
                             "without it the model takes ready-made images")
    export.add_argument("--input-type", default="auto", metavar="TYPE",
                        help="as ap_ufixed<8,1,AP_TRN,AP_SAT>; default auto: as narrow as stays "
                             "exact, 8 to 16 bits")
    check.add_argument("--sparse-verify", metavar="PROGRAM",
                       help="default: in $SPARSED_BIN, then on the PATH")
    check.add_argument("--engine", default="auto", help="of sparse-verify (default auto)")
    check.add_argument("--json", action="store_true", help="one JSON object")
    return p


def build(network: str, weights: Path | None) -> object:
    """The live Keras model of MODULE:FUNCTION."""
    from .error import ExportError
    module, _, function = network.partition(":")
    sys.path.insert(0, os.getcwd())
    try:
        model = getattr(importlib.import_module(module), function)()
    except (ImportError, AttributeError, ValueError) as error:
        raise ExportError(f"--network {network}: {error}") from None
    if weights is not None:
        try:
            model.load_weights(weights)
        except (OSError, ValueError, KeyError) as error:
            raise ExportError(f"{weights}: not the weights of {network}: "
                              f"{str(error).splitlines()[0]}") from None
    return model


def read_windows(path: Path | None) -> np.ndarray | None:
    """The data set images."""
    from .error import ExportError
    if path is None:
        return None
    try:
        with h5py.File(path, "r") as file:
            return file["images"][()]
    except (OSError, KeyError) as error:
        raise ExportError(f"{path}: data set images cannot be read: {error}") from None


def read_preprocessing(path: Path | None) -> dict[str, float] | None:
    """The attributes of the group preprocessing."""
    from .error import ExportError
    if path is None:
        return None
    try:
        with h5py.File(path, "r") as file:
            return {key: value.item() for key, value in file["preprocessing"].attrs.items()}
    except (OSError, KeyError, AttributeError) as error:
        raise ExportError(f"{path}: group preprocessing cannot be read: {error}") from None


def main() -> int:
    """Exit status: 0 done and no decision differs, 1 a difference or an error."""
    a = parser().parse_args()
    from . import ExportError, check_model, export_model  # Keras takes seconds to load
    try:
        model = build(a.network, a.weights)
        windows = read_windows(a.windows)
        if a.command == "check":
            check = check_model(model, a.model, windows, a.sparse_verify, a.engine)
            print(json.dumps(check.as_dict()) if a.json else check)
            return int(check.differing_values > 0)
        done = export_model(model, a.model, name=a.name or a.model.name.removesuffix(".model.h5"),
                            labels=a.label, preprocessing=read_preprocessing(a.like),
                            input_type=a.input_type, windows=windows)
        print(f"{done.path}  {done.layers} layers  input {done.input_type}")
        print(done.vectors or "no vectors: no windows were given")
        for note in done.notes:
            print(f"note: {note}")
    except ExportError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
