"""random_models.py: networks as well as inputs drawn at random, through Keras and the engine.

    python random_models.py --models 8 --verify build/release/bin/sparse-verify

One JSON object a network: its seed, what it is made of, how many different outputs it has,
how many values were compared, how many differ, or why it was refused. The exporter is right
if none differ and none is refused. Needs the training environment.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "clients" / "python"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import keras
import numpy as np
from hgq.layers import QConv2D, QDense
from hgq.quantizer import QuantizerConfig
from sparsepixels.layers import (AveragePooling2DSparse, InputReduce, MaxPooling2DSparse,
                                 QConv2DSparse)

from sparsed.export import ExportError, check_model, export_model

ROUND = ("RND", "RND_CONV", "TRN", "TRN_ZERO", "RND_ZERO", "RND_INF", "RND_MIN_INF")


class Draw:
    """A network from a seed; `made` lists its parts."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        keras.utils.set_random_seed(seed)
        self.made = []

    def pick(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def activation_quantizer(self, rank, first=False):
        """Per pixel, channel or tensor; kif or kbi; every mode; ranges too small for the values."""
        k, i, f = (int(self.rng.integers(*ends)) for ends in ((0, 2), (0, 4), (2, 8)))
        axes = {1: [(0,), (0, 1)], 3: [(0,), (0, 1, 2), (0, 1, 2, 3)]}[rank]
        axis = axes[self.rng.integers(len(axes))]
        # only these two need no windows to be proven for coarse pixels
        mode = self.pick("RND", "TRN") if first else self.pick(*ROUND)
        overflow = self.pick("WRAP", "SAT", "SAT_SYM")
        kind = self.pick("kif", "kbi")
        self.made.append(f"{kind}({k},{i},{f}) {mode} {overflow} {axis}")
        width = {"f0": f} if kind == "kif" else {"b0": i + f}
        return QuantizerConfig(kind, "datalane", k0=k, i0=i, round_mode=mode,
                               overflow_mode=overflow, homogeneous_axis=axis, **width)

    def weight_quantizer(self):
        return QuantizerConfig("kbi", "weight", k0=1, b0=int(self.rng.integers(3, 8)),
                               i0=int(self.rng.integers(0, 2)), round_mode="RND",
                               overflow_mode="SAT_SYM")

    def conf(self, rank, first=False):
        return {"iq_conf": self.activation_quantizer(rank, first),
                "kq_conf": self.weight_quantizer(), "bq_conf": self.weight_quantizer()}

    def sparse(self, x):
        x, mask = InputReduce(n=int(self.rng.integers(4, 30)), threshold=0.11,
                              learn_n=bool(self.rng.integers(2)),
                              learn_threshold=bool(self.rng.integers(2)), name="reduce")(x)
        for n in range(self.rng.integers(1, 4)):
            size, active = self.pick(1, 3, 5, 7), self.pick("relu", None)
            x = QConv2DSparse(int(self.rng.integers(1, 4)), (size, self.pick(size, 3)),
                              padding="same", activation=active, name=f"conv{n}",
                              **self.conf(3, n == 0))((x, mask))
            self.made.append(f"conv {size} {active}")
            pool = self.pool(x)
            if pool and self.rng.integers(3):
                maximum = active == "relu" and self.rng.integers(2)
                layer = MaxPooling2DSparse if maximum else AveragePooling2DSparse
                x, mask = layer(pool, name=f"pool{n}")((x, mask))
                self.made.append(f"{'max' if maximum else 'mean'} {pool}")
        return x

    def pool(self, x):
        """A size that leaves at least one place; 7 x 7 now and then."""
        size = self.pick((7, 7), (int(self.rng.integers(1, 5)), int(self.rng.integers(1, 5))))
        return size if size[0] <= x.shape[1] and size[1] <= x.shape[2] else None

    def standard(self, x):
        for n in range(self.rng.integers(1, 3)):
            size, active = self.pick(1, 3, 5), self.pick("relu", None)
            padding = self.pick("same", "same", "valid") if min(x.shape[1:3]) > 8 else "same"
            x = QConv2D(int(self.rng.integers(1, 4)), size, padding=padding, activation=active,
                        name=f"conv{n}", **self.conf(3, n == 0))(x)
            self.made.append(f"dense conv {size} {active}")
            pool = self.pool(x)
            if pool and self.rng.integers(3):
                x = keras.layers.AveragePooling2D(pool, name=f"pool{n}")(x)
                self.made.append(f"mean {pool}")
        return x

    def quantizer_widths(self, model):
        """Every element its own widths, some of them 0; a few weights pruned; biases set."""
        for layer in model.layers:
            for w in layer.weights:
                values = np.array(keras.ops.convert_to_numpy(w))
                tail = w.path.rsplit("/", 1)[-1]
                if tail in ("f", "b", "i") and values.size > 1:
                    w.assign(values + self.rng.integers(-2, 2, values.shape))
                elif tail == "n_frac":
                    w.assign(self.rng.uniform(0.5, 1.5))
                elif "kernel" in tail:
                    # spread over the quantizers' range, more often positive: a network that
                    # is dead, or rounds everything to 0, proves nothing
                    values += 0.3 * np.abs(values).mean()
                    values *= self.rng.random(values.shape) > 0.2
                    w.assign(values * 0.5 / max(float(values.std()), 1e-3))
                elif "bias" in tail:
                    w.assign(self.rng.normal(0, 0.5, values.shape))

    def model(self):
        shape = (int(self.rng.integers(9, 22)), int(self.rng.integers(9, 22)),
                 int(self.rng.integers(1, 4)))
        x = inputs = keras.Input(shape, name="image")
        x = self.sparse(x) if self.rng.integers(3) else self.standard(x)
        x = keras.layers.Flatten(name="flatten")(x)
        if self.rng.integers(2):
            x = QDense(int(self.rng.integers(2, 8)), activation="relu", name="dense0",
                       **self.conf(1))(x)
        outputs = int(self.rng.integers(1, 4))
        last = self.pick(None, "sigmoid" if outputs == 1 else "softmax")
        x = QDense(outputs, activation=last, name="dense1", **self.conf(1))(x)
        model = keras.Model(inputs, x)
        self.quantizer_widths(model)
        return model

    def windows(self, n, shape):
        """Sparse pixels of both signs in all but the first channel, some far out of range."""
        x = self.rng.normal(0, 2, (n, *shape)) * (self.rng.random((n, *shape)) < 0.15)
        x[..., 0] = np.abs(x[..., 0]) * 3
        return np.round(x * 64).astype(np.float32) / np.float32(64)


def run(seed, n, verify, folder):
    draw = Draw(seed)
    model = draw.model()
    windows = draw.windows(n, model.input_shape[1:])
    path = pathlib.Path(folder) / f"random-{seed}.model.h5"
    found = {"seed": seed, "made": draw.made, "parameters": model.count_params()}
    labels = [f"label{i}" for i in range(model.output_shape[-1])]
    try:
        exported = export_model(model, path, name=f"random-{seed}", labels=labels, windows=windows)
    except ExportError as error:
        return {**found, "refused": str(error)}
    done = subprocess.run([verify, "--json", str(path)], capture_output=True, text=True)
    if not done.stdout:
        return {**found, "refused": "by sparse-verify: " + done.stderr.strip()}
    vectors = json.loads(done.stdout)
    with h5py.File(exported.vectors, "r") as file:
        expected = file["expected"]
        distinct = len(np.unique(expected[sorted(expected)[-1]]["out"][()], axis=0))
    check = check_model(model, path, windows, verify)
    return {**found, "input_type": str(exported.input_type), "notes": exported.notes,
            "distinct": distinct,
            "compared": vectors["compared"], "mismatches": vectors["mismatches"],
            "check": check.as_dict()}


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--models", type=int, default=8, help="networks to draw (default 8)")
    p.add_argument("--first", type=int, default=1, help="seed of the first (default 1)")
    p.add_argument("--windows", type=int, default=120, help="windows a network (default 120)")
    p.add_argument("--verify", required=True, help="the program sparse-verify")
    p.add_argument("--keep", help="folder for the files (default: a temporary one)")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(a.first, a.first + a.models):
            print(json.dumps(run(seed, a.windows, a.verify, a.keep or folder)), flush=True)


if __name__ == "__main__":
    main()
