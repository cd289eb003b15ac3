"""The training loop: epochs, the best of them, dead seeds, checkpoints, fewer bits.

A sparse network is trained on its slots where it can be (slots.py), else on the image; the
weights are the same. An 8-bit network begins as a 16-bit one: that is trained, the ranges
of its numbers choose the 8-bit grids, and it is trained further on those.
"""
from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import keras
import numpy as np
from hgq.utils import trace_minmax

from . import networks, slots
from .networks import Architecture, Grid, Grids
from .recipes import MIRRORS, Windows, mirror

TRIES = 5
"""Seeds that are tried where a network is dead."""
DEAD_STEPS = 300
"""Steps after which a network that has learned nothing is given up, at an epoch's end."""


@dataclass(frozen=True)
class Plan:
    """What to train and how. The numbers that a card repeats."""
    architecture: str = "neutrino"
    n_pixels: int | None = 20
    bits: str = "16"
    threshold: float = 0.0
    learn_n: bool = False
    learn_threshold: bool = False
    seed: int = 1
    epochs: int = 15
    batch: int = 128
    learning_rate: float = 3e-3
    augment: str = "none"
    beta: float = 1e-7


@dataclass
class History:
    """What became of it: the seed that lived and the loss of each epoch."""
    seed: int = 0
    epochs: list[dict[str, float]] = field(default_factory=list)
    dead_seeds: list[int] = field(default_factory=list)
    seconds: float = 0.0
    on_slots: bool = False


class TrainingError(RuntimeError):
    """A training that came to nothing; one sentence."""


@dataclass
class _Best:
    """The weights of the lowest validation loss so far."""
    weights: list[np.ndarray]
    loss: float = math.inf


def log(text: str) -> None:
    """A line for people, to the standard error."""
    print(text, file=sys.stderr, flush=True)


def _loss(outputs: int) -> str:
    return "binary_crossentropy" if outputs == 1 else "sparse_categorical_crossentropy"


class _Checkpoint:
    """Everything that a stage needs to go on after its last whole epoch, in one file."""

    def __init__(self, path: Path | None, plan: Plan, stage: str):
        self.path, self.stage = path, stage
        self.key = f"{stage} {plan}"

    def save(self, model: keras.Model, best: _Best, history: History) -> None:
        if self.path is None:
            return
        arrays = {f"weight{i}": w for i, w in enumerate(model.get_weights())}
        arrays |= {f"best{i}": w for i, w in enumerate(best.weights)}
        arrays |= {f"optimizer{i}": keras.ops.convert_to_numpy(v)
                   for i, v in enumerate(model.optimizer.variables)}
        state = {"key": self.key, "best_loss": best.loss, "history": asdict(history)}
        partial = self.path.with_suffix(".part.npz")
        np.savez(partial, state=np.array(json.dumps(state)), **arrays)
        partial.replace(self.path)

    def load(self, model: keras.Model) -> tuple[_Best, History] | None:
        """Puts the model and its optimizer where they were; None: nothing to go on from."""
        if self.path is None or not self.path.exists():
            return None
        with np.load(self.path) as file:
            state = json.loads(str(file["state"]))
            if state["key"] != self.key:
                return None
            count = len(model.get_weights())
            model.set_weights([file[f"weight{i}"] for i in range(count)])
            model.optimizer.build(model.trainable_variables)
            for i, variable in enumerate(model.optimizer.variables):
                variable.assign(file[f"optimizer{i}"])
            best = _Best([file[f"best{i}"] for i in range(count)], state["best_loss"])
        return best, History(**state["history"])


class _Trainer:
    """One network over some epochs, on slots or on images."""

    def __init__(self, arch: Architecture, model: keras.Model, plan: Plan, train: Windows,
                 val: Windows):
        self.plan, self.train, self.val = plan, train, val
        self.on_slots = slots.usable(arch, model)
        self.net = slots.twin(arch, model) if self.on_slots else model
        self.inputs = self._inputs(model)
        self.axes = MIRRORS[plan.augment]
        self.x = None if self.axes else self.inputs(train.images)
        self.x_val = self.inputs(val.images)
        self.chance = math.log(max(2, len(arch.labels)))
        self.outputs = len(arch.labels)
        self.penalized = plan.learn_n or plan.learn_threshold

    def _labels(self, windows: Windows) -> np.ndarray:
        """As the loss takes them; a metric wants the outputs' axis too."""
        labels = windows.label.astype(np.float32)
        return labels[:, None] if self.penalized and self.outputs == 1 else labels

    def _inputs(self, model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
        if not self.on_slots:
            return lambda images: images
        reduce = model.get_layer("reduce")
        return lambda images: slots.slots(images, reduce.n_max_pixels, reduce.threshold)

    def run(self, epochs: int, learning_rate: float, history: History, checkpoint: _Checkpoint,
            show: Callable[[str], None]) -> None:
        """Trains for `epochs` and ends with the weights of the lowest validation loss.
        Stops early where the network is dead: see `learned`."""
        epoch_steps = math.ceil(len(self.train) / self.plan.batch)
        steps = epochs * epoch_steps
        schedule = keras.optimizers.schedules.CosineDecay(
            learning_rate / 10, steps, warmup_target=learning_rate, warmup_steps=steps // 20)
        # What a layer adds for a learned N or threshold is no sign of a dead network.
        loss = _loss(self.outputs)
        self.net.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), loss,
                         metrics=[loss] if self.penalized else None, jit_compile=self.on_slots)
        best = _Best(self.net.get_weights())
        resumed = checkpoint.load(self.net)
        if resumed is not None:
            best, saved = resumed
            history.__dict__.update(saved.__dict__)
            show(f"resumed after epoch {len(history.epochs)}")
        done = sum(e["stage"] == checkpoint.stage for e in history.epochs)
        least = best.loss
        for epoch in range(done, epochs):
            begin = time.monotonic()
            loss, val_loss, bare = self._epoch(epoch)
            least = min(least, bare)
            if not math.isfinite(loss):
                raise TrainingError(f"the loss of epoch {epoch + 1} is {loss}: try a lower "
                                    "--learning-rate")
            if val_loss < best.loss:
                best = _Best(self.net.get_weights(), val_loss)
            seconds = time.monotonic() - begin
            history.epochs.append({"stage": checkpoint.stage, "loss": round(loss, 5),
                                   "val_loss": round(val_loss, 5), "seconds": round(seconds, 2)})
            history.seconds += seconds
            show(f"epoch {epoch + 1:2d}/{epochs}  loss {loss:.4f}  validation {val_loss:.4f}"
                 f"{'  best' if val_loss == best.loss else ''}  {seconds:.1f} s")
            checkpoint.save(self.net, best, history)
            if (epoch + 1) * epoch_steps >= DEAD_STEPS and not self.learned(least):
                break
        self.net.set_weights(best.weights)

    def _epoch(self, epoch: int) -> tuple[float, float, float]:
        """One epoch; its loss in training, on the validation windows, and there without what
        layers add. Order and mirrors follow from seed and epoch alone, so that a resumed training takes the same way."""
        random = np.random.default_rng([self.plan.seed, epoch])
        y = self._labels(self.train)
        order = random.permutation(len(y))
        if self.x is not None:
            x = self.x[order]
        else:
            images = self.train.images[order]
            mirror(images, self.axes, random)
            x = self.inputs(images)
        fitted = self.net.fit(x, y[order], batch_size=self.plan.batch, shuffle=False, epochs=1,
                              verbose=0)
        judged = self.net.evaluate(self.x_val, self._labels(self.val), batch_size=1024, verbose=0)
        val_loss, *bare = judged if self.penalized else [judged]
        return float(fitted.history["loss"][0]), float(val_loss), float((bare or [val_loss])[0])

    def learned(self, loss: float) -> bool:
        """Whether a loss is below what guessing gives (0.693 for two classes)."""
        return loss < self.chance - 0.01


def _best_loss(history: History) -> float:
    return min((e["val_loss"] for e in history.epochs), default=math.inf)


def _build(arch: Architecture, plan: Plan, seed: int,
           grids: dict[str, Grids] | None) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return networks.build(arch, plan.n_pixels, grids, seed=seed, threshold=plan.threshold,
                          learn_n=plan.learn_n, learn_threshold=plan.learn_threshold,
                          beta=plan.beta)


def train(arch: Architecture, plan: Plan, windows: Windows, val: Windows, *,
          checkpoint: Path | None = None,
          show: Callable[[str], None] = log) -> tuple[keras.Model, History]:
    """The trained network, and what became of it.

    A seed whose loss stays at that of guessing is dead (one filter of the first convolution
    may begin where relu is always 0): it is given up, which the log says, and seed + 100 is
    tried. TrainingError after `TRIES`.
    """
    grids = None if plan.bits == "learned" else networks.grids_16(arch)
    history = History(seed=plan.seed)
    for attempt in range(TRIES):
        seed = plan.seed + 100 * attempt
        model = _build(arch, plan, seed, grids)
        trainer = _Trainer(arch, model, plan, windows, val)
        history.seed, history.epochs, history.on_slots = seed, [], trainer.on_slots
        trainer.run(plan.epochs, plan.learning_rate, history,
                    _Checkpoint(checkpoint, plan, f"first-{seed}"), show)
        if trainer.learned(_best_loss(history)):
            break
        show(f"seed {seed} is dead: the loss stays at {_best_loss(history):.3f}, which is "
             f"guessing; trying seed {seed + 100}")
        history.dead_seeds.append(seed)
    else:
        raise TrainingError(f"no seed of {history.dead_seeds} learned anything: are signal and "
                          "background different in these data?")
    if plan.bits == "8":
        model = _narrow(arch, plan, model, windows, val, history, checkpoint, show)
    if plan.bits == "learned":
        # The widths follow the data with a delay while they are learned: set them to what
        # the training windows need, else rare values wrap around.
        trace_minmax(model, windows.images, batch_size=1024)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return model, history


# ---- from 16 bits to 8 ------------------------------------------------------

ACTIVATION_BITS, WEIGHT_BITS = 8, 7
"""Bits without a sign in an 8-bit network; its weights have a sign besides."""


def _kernel(layer: keras.layers.Layer) -> keras.Variable:
    return layer.conv.kernel if hasattr(layer, "sparse_bias") else layer.kernel


def _bias(layer: keras.layers.Layer) -> keras.Variable:
    return layer.sparse_bias if hasattr(layer, "sparse_bias") else layer.bias


def calibrate(arch: Architecture, model: keras.Model, images: np.ndarray) -> dict[str, Grids]:
    """8-bit grids, by layer, that cover what flows in the trained network.

    The largest of a thousand values may be cut off: a finer step for the others is worth
    more. The first layer keeps 6 fraction bits, so that 8 bits a pixel suffice for the
    input (docs/export.md).
    """
    layers = [model.get_layer(name) for name in arch.layers]

    def first(tensors: object) -> object:
        return tensors[0] if isinstance(tensors, (list, tuple)) else tensors

    flowing = keras.Model(model.input, [[first(layer.input), first(layer.output)]
                                        for layer in layers])
    grids = {}
    for layer, (inputs, outputs) in zip(layers, flowing.predict(images, batch_size=512,
                                                                verbose=0)):
        weights, bias = (float(np.abs(keras.ops.convert_to_numpy(v)).max())
                         for v in (_kernel(layer), _bias(layer)))
        grids[layer.name] = Grids(Grid.covering(_largest(inputs), ACTIVATION_BITS),
                                  Grid.covering(weights, WEIGHT_BITS),
                                  Grid.covering(bias, WEIGHT_BITS),
                                  Grid.covering(_largest(outputs), ACTIVATION_BITS))
    grids["conv1"] = replace(grids["conv1"], inputs=Grid(1, 6))
    return grids


def _largest(values: np.ndarray) -> float:
    """What 999 of 1,000 positive values are below."""
    lit = values[values > 0]
    return float(np.quantile(lit, 0.999)) if lit.size else 1.0


def _narrow(arch: Architecture, plan: Plan, wide: keras.Model, windows: Windows, val: Windows,
            history: History, checkpoint: Path | None,
            show: Callable[[str], None]) -> keras.Model:
    grids = calibrate(arch, wide, windows.images[:4096])
    model = _build(arch, plan, history.seed, grids)
    for name in arch.layers:
        for part in (_kernel, _bias):
            part(model.get_layer(name)).assign(part(wide.get_layer(name)))
    show("8 bits: training on")
    trainer = _Trainer(arch, model, plan, windows, val)
    trainer.run(max(1, plan.epochs // 2), plan.learning_rate / 3, history,
                _Checkpoint(checkpoint, plan, f"narrow-{history.seed}"), show)
    return model
