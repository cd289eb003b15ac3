"""From a live Keras model to a model file, without any difference.

    from sparsed.export import check_model, export_model
    export_model(model, "track.model.h5", name="track", labels=["neutrino"],
                 preprocessing=numbers, windows=pixels)          # and track.vectors.h5
    print(check_model(model, "track.model.h5", pixels))          # 0 decisions differ

Takes functional models of sparsepixels, HGQ2 and plain Keras layers; docs/export.md says
which, and why nothing is lost. The command line is `python -m sparsed.export`. Needs Keras,
HGQ2, sparsepixels and h5py; nothing else of the package needs them through this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from ..modelfile import FixedType, ModelFile, ModelFileError, check_preprocessing, write_model
from .check import Check, check_model
from .error import ExportError
from .exact import place
from .graph import walk
from .layers import make_steps
from .pixels import check_windows, choose_type
from .vectors import write_vectors

__all__ = ["Check", "ExportError", "Exported", "check_model", "export_model", "vectors_path"]

VECTORS = 100  # windows of a vectors file


@dataclass(frozen=True)
class Exported:
    """What was written. `notes`: what should be known, a sentence each."""

    path: Path
    vectors: Path | None
    input_type: FixedType
    layers: int
    notes: list[str] = field(default_factory=list)


def vectors_path(path: str | Path) -> Path:
    """NAME.vectors.h5 beside NAME.model.h5."""
    path = Path(path)
    if not path.name.endswith(".model.h5"):
        raise ExportError(f"{path}: must be called NAME.model.h5")
    return path.with_name(path.name.removesuffix(".model.h5") + ".vectors.h5")


def export_model(model: keras.Model, path: str | Path, *, name: str, labels: list[str],
                 preprocessing: Mapping[str, int | float] | None = None,
                 input_type: str = "auto", windows: np.ndarray | None = None,
                 created_by: str = "sparsed.export") -> Exported:
    """Writes `model` to NAME.model.h5, and NAME.vectors.h5 of 100 of the windows.

    labels         one string an output
    preprocessing  the 11 numbers of docs/model.md, or None for ready-made images
    input_type     "auto", or a type such as "ap_ufixed<27,1,AP_TRN,AP_WRAP>"
    windows        float32 [n, h, w, c]; the more, the better the input type is held to them.
                   None: no vectors, and only an input type that needs no look at pixels
    ExportError, one sentence that names the layer: what cannot be exact; nothing is written."""
    vectors = vectors_path(path)
    links = walk(model)
    steps = make_steps(links)
    shape, outputs = steps[0].shape, steps[-1].shape[0]
    if len(labels) != outputs:
        raise ExportError(f"labels are {len(labels)}, the model has {outputs} outputs")
    try:
        if preprocessing is not None:
            check_preprocessing(preprocessing)
            crop = (int(preprocessing["image_height"]), int(preprocessing["image_width"]))
            if crop != shape[:2]:
                raise ExportError(f"preprocessing: image_height, image_width = {crop}, the model "
                                  f"takes {shape[:2]}")
        if windows is not None:
            windows = check_windows(windows, shape)
        kind = choose_type(steps, input_type, windows, preprocessing)
        network = place(steps, kind)
        file = ModelFile(name, list(labels), [p.layer for p in network.placed], preprocessing,
                         created_by)
        write_model(path, file)
    except ModelFileError as error:
        raise ExportError(str(error)) from None
    if windows is None:
        return Exported(Path(path), None, kind, len(file.layers), network.notes)
    picked = np.unique(np.linspace(0, len(windows) - 1, VECTORS).astype(int))
    groups = [file.group(i) for i in range(len(file.layers))]
    try:
        write_vectors(vectors, model, links, network, groups, windows[picked])
    except ExportError:
        Path(path).unlink()
        vectors.unlink(missing_ok=True)
        raise
    return Exported(Path(path), vectors, kind, len(file.layers), network.notes)
