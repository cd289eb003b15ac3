"""The check: does an engine decide as Keras does, window by window?

Keras' last sums, times 2^F, are whole numbers. They are written as a vectors file that
holds the input and the last layer only, and `sparse-verify` compares them with what an
engine makes of the same pixels.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import keras
import numpy as np
from keras import ops

from ..modelfile import FixedType, ModelFileError
from .error import ExportError
from .graph import walk
from .layers import make_steps
from .pixels import check_windows
from .vectors import BATCH, keras_outputs


@dataclass(frozen=True)
class Check:
    """What came of it. Differences are of the last layer's sums, in its own units."""

    model: str
    engine: str
    windows: int
    values: int
    differing_values: int
    differing_decisions: int
    largest_difference: float
    largest_score_difference: float  # after sigmoid or softmax: Keras' is float32, ours double

    def as_dict(self) -> dict:
        """For a card."""
        return asdict(self)

    def __str__(self) -> str:
        return (f"{self.model}  engine {self.engine}  {self.windows} windows  "
                f"{self.differing_decisions} decisions differ  {self.differing_values} of "
                f"{self.values} outputs differ, largest {self.largest_difference:g}  "
                f"scores within {self.largest_score_difference:.2g}")


def find_verify(sparse_verify: str | Path | None) -> str:
    """The program: as given, or of SPARSED_BIN, or of the PATH."""
    places = [sparse_verify] if sparse_verify is not None else [
        Path(os.environ["SPARSED_BIN"]) / "sparse-verify" if "SPARSED_BIN" in os.environ else "",
        "sparse-verify"]
    for place in places:
        found = shutil.which(str(place)) if str(place) else None
        if found:
            return found
    raise ExportError("sparse-verify is not found: put it on the PATH, set SPARSED_BIN to its "
                      "folder, or name it")


def last_sums(model: keras.Model, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What Keras gives before sigmoid or softmax, float32 [n, outputs], and its scores.

    x: float32 [n, h, w, c]."""
    links = walk(model)
    steps = make_steps(links)
    final = [s for s in steps if s.kind not in ("sigmoid", "softmax")][-1]
    if final.ends >= 0:
        sums, scores = keras_outputs(model, links, x, [final.ends, len(links) - 1])
        return sums[0], scores[0]
    # the activation is inside the last layer: its own pieces, from what it is given
    inside = next(s for s in steps[steps.index(final):] if s.ends >= 0).ends
    inner = [s for s in steps[:steps.index(final) + 1]
             if s.layer == links[inside].layer.name]
    before, scores = keras_outputs(model, links, x, [inside - 1, len(links) - 1])
    parts = []
    for first in range(0, len(x), BATCH):
        tensor = ops.convert_to_tensor(before[0][first:first + BATCH])
        for step in inner:
            tensor, _ = step.apply(tensor, None)
        parts.append(np.asarray(ops.convert_to_numpy(tensor)))
    return np.concatenate(parts), scores[0]


def _ends(path: str | Path, shape: tuple[int, ...]) -> tuple[str, FixedType, FixedType]:
    """Group of the model file's last sums, types of its pixels and of those sums."""
    try:
        with h5py.File(path, "r") as file:
            layers = file["layers"]
            names = [n for n in sorted(layers) if "out_t" in layers[n].attrs]
            pixels, out = (FixedType.parse(layers[n].attrs["out_t"]) for n in (names[0], names[-1]))
            size = tuple(int(layers[names[0]].attrs[k]) for k in ("height", "width", "channels"))
    except (OSError, KeyError, IndexError, ModelFileError) as error:
        raise ExportError(f"{path}: not a model file: {error}") from None
    if size != shape:
        raise ExportError(f"{path}: takes images of {size}, the network of {shape}: not exported "
                          f"from it")
    return names[-1], pixels, out


def check_model(model: keras.Model, path: str | Path, windows: np.ndarray,
                sparse_verify: str | Path | None = None, engine: str = "auto") -> Check:
    """Compares `engine` with Keras over `windows`, float32 [n, h, w, c].

    path: the model file that was exported from `model`. ExportError where something is not
    as needed; differences are no error but counted."""
    program = find_verify(sparse_verify)
    shape = tuple(model.inputs[0].shape[1:])
    group, pixels, out = _ends(path, shape)
    windows = check_windows(windows, shape)
    sums, scores = last_sums(model, windows)
    exact = np.ldexp(sums.astype(np.float64), out.fraction)
    raw = np.rint(exact)
    if not (raw == exact).all():
        raise ExportError(f"{path}: layer {group}: Keras' sums are not whole in steps of "
                          f"2^-{out.fraction}: not exported from this model")
    with tempfile.TemporaryDirectory() as folder:
        vectors = Path(folder) / "check.vectors.h5"
        with h5py.File(vectors, "w") as file:
            file.create_dataset("input", data=pixels.cast_float(windows).astype(np.int32),
                                compression="gzip", compression_opts=1, shuffle=True)
            data = file.create_dataset(f"expected/{group}/out", data=raw.astype(np.int64))
            data.attrs["type"] = str(out)
            file.create_dataset("training/predictions", data=scores.astype(np.float32))
        done = subprocess.run([program, "--json", "--engine", engine, str(path), str(vectors)],
                              capture_output=True, text=True, check=False)
    if not done.stdout:
        raise ExportError(f"{path}: sparse-verify says: {done.stderr.strip()}")
    found = json.loads(done.stdout)["models"][0]
    return Check(found["model"], found["engine"], found["windows"], found["compared"],
                 found["mismatches"], found["decisions_differ"],
                 found["last_largest_difference"], found["training_largest_difference"])
