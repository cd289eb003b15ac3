"""One run of the command line: data, training, export, check, card."""
from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from ..export import ExportError, check_model, export_model
from ..windows import DataError, PixelFile
from . import card, standins
from .fit import History, Plan, TrainingError, log, train
from .networks import ARCHITECTURES, SIZES, Architecture
from .recipes import Windows, brightest_first, select, split

VALIDATION, TEST = 0.1, 0.2
"""Shares of the events for choosing the best epoch, and for the figures."""
QUICK_EVENTS, QUICK_WINDOWS, QUICK_EPOCHS, QUICK_BATCH = 600, 4000, 8, 32


class SessionError(Exception):
    """A sentence for the user."""


@dataclass
class _Data:
    """Windows for each use, and what made them."""
    train: Windows
    val: Windows
    test: Windows
    preprocessing: dict | None
    source: list[dict]


def run(options: argparse.Namespace, arguments: list[str], scratch: Path) -> int:
    """Trains, exports, checks; the exit status. SessionError: a sentence for the user."""
    try:
        return _run(options, arguments, scratch)
    except (DataError, ExportError, TrainingError, OSError) as error:
        raise SessionError(str(error)) from None


def _run(options: argparse.Namespace, arguments: list[str], scratch: Path) -> int:
    arch = ARCHITECTURES[options.architecture]
    n_pixels = _pixels(options)
    name = options.name or _name(arch, n_pixels, options.bits)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.programs:
        os.environ["SPARSED_BIN"] = str(options.programs)
    data = _data(options, arch, scratch)
    plan = Plan(arch.name, n_pixels, options.bits, options.threshold, options.learn_n,
                options.learn_threshold, options.seed,
                QUICK_EPOCHS if options.quick else options.epochs,
                QUICK_BATCH if options.quick else options.batch,
                options.learning_rate,
                options.augment if arch.name == "neutrino" else "none", options.beta)
    if options.brightest:
        data = replace(data, **{part: _brightest(getattr(data, part), n_pixels)
                                for part in ("train", "val", "test")})
    log(f"{name}: {len(data.train):,} windows to train on, {len(data.val):,} to choose by, "
        f"{len(data.test):,} to judge by")
    model, history = train(arch, plan, data.train, data.val,
                           checkpoint=options.out / f"{name}.checkpoint.npz",
                           show=lambda text: log(f"{name}  {text}"))
    kept = model.get_layer("reduce").n_max_pixels if n_pixels is not None else None
    score = model.predict(data.test.images, batch_size=512, verbose=0)
    content = _card(name, arch, plan, history, data, kept, score, options, arguments)
    status = 0
    if not options.brightest:
        status = _export(model, arch, name, data, options, content)
    card.write(options.out / f"{name}.card.json", content)
    _report(name, content)
    return status


def _pixels(options: argparse.Namespace) -> int | None:
    if options.standard:
        return None
    if options.size:
        return SIZES[options.size]
    return options.pixels or 20


def _name(arch: Architecture, n_pixels: int | None, bits: str) -> str:
    letters = {n: letter for letter, n in SIZES.items()}
    size = "standard" if n_pixels is None else letters.get(n_pixels, f"n{n_pixels}")
    return f"{arch.name}-{size}-" + (bits if bits == "learned" else f"{bits}b")


# ---- data -------------------------------------------------------------------

def _data(options: argparse.Namespace, arch: Architecture, scratch: Path) -> _Data:
    if arch.name != "neutrino":
        count = QUICK_WINDOWS if options.quick else options.windows
        make = standins.jets if arch.name == "jet" else standins.digits
        windows = make(count, options.seed)
        parts = split(windows, (1 - VALIDATION - TEST, VALIDATION, TEST), options.seed)
        source = [{"simulated": f"sparsed.training.standins.{make.__name__}",
                   "windows": count, "seed": options.seed}]
        return _Data(*parts, None, source)
    paths = options.data
    if options.quick:
        paths = [_simulate(options, scratch)]
    files = [_open(path) for path in paths]
    _matches(files[0], arch)
    found = _select(files, options)
    if options.test:
        tests = [_open(path) for path in options.test]
        _matches(tests[0], arch)
        parts = split(found, (1 - VALIDATION, VALIDATION), options.seed)
        parts.append(_select(tests, options))
    else:
        tests = []
        parts = split(found, (1 - VALIDATION - TEST, VALIDATION, TEST), options.seed)
    for part, use in zip(parts, ("training", "validation", "test")):
        for value, kind in ((1, "signal"), (0, "background")):
            if not (part.label == value).any():
                raise SessionError(f"{', '.join(str(f.path) for f in files + tests)}: no {kind} "
                                   f"window is left for {use}: more events are needed")
    source = [{"use": use, **card.data_file(file.path, file.command, len(file))}
              for use, of in (("training", files), ("test", tests)) for file in of]
    return _Data(*parts, files[0].preprocessing.attributes(), source)


def _open(path: Path) -> PixelFile:
    begin = time.monotonic()
    file = PixelFile(path)
    log(f"{path}: {len(file):,} events, read in {time.monotonic() - begin:.1f} s")
    return file


def _matches(file: PixelFile, arch: Architecture) -> None:
    pre = file.preprocessing
    if (pre.image_height, pre.image_width) != arch.image[:2]:
        raise SessionError(f"{file.path}: /preprocessing gives images of {pre.image_height} x "
                           f"{pre.image_width}, the {arch.name} network takes "
                           f"{arch.image[0]} x {arch.image[1]}")


def _select(files: list[PixelFile], options: argparse.Namespace) -> Windows:
    shown = [0.0]

    def progress(share: float) -> None:
        if sys.stderr.isatty() and share - shown[0] >= 0.01:
            shown[0] = share
            print(f"\rcutting windows {share:4.0%} ", end="", file=sys.stderr, flush=True)

    windows = select(files, options.recipe, seed=options.seed, min_label=options.min_label,
                     progress=progress)
    if shown[0]:
        print(file=sys.stderr)
    return windows


def _simulate(options: argparse.Namespace, scratch: Path) -> Path:
    folder = options.programs
    program = shutil.which(str(Path(folder) / "sparse-simulate") if folder else "sparse-simulate")
    if program is None:
        raise SessionError("sparse-simulate is not found: put it on the PATH, set SPARSED_BIN to "
                           "its folder, or give --programs")
    path = scratch / "quick.h5"
    command = [program, "--windows", str(path), "--events", str(QUICK_EVENTS), "--seed",
               str(options.seed)]
    log(f"simulating {QUICK_EVENTS} events")
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode != 0:
        raise SessionError(f"sparse-simulate: {done.stderr.strip()}")
    return path


def _brightest(windows: Windows, n_pixels: int) -> Windows:
    return replace(windows, images=brightest_first(windows.images, n_pixels))


# ---- results ----------------------------------------------------------------

def _card(name: str, arch: Architecture, plan: Plan, history: History, data: _Data,
          kept: int | None, score: np.ndarray, options: argparse.Namespace,
          arguments: list[str]) -> dict:
    content = {
        "name": name, "labels": list(arch.labels), "n_pixels": kept, "plan": asdict(plan),
        "recipe": options.recipe if arch.name == "neutrino" else "stand-in",
        "brightest_pixels": options.brightest, "min_label": options.min_label,
        "command": card.command(arguments), "commit": card.commit(),
        "versions": card.versions(), "data": data.source,
        "seed": history.seed, "dead_seeds": history.dead_seeds,
        "epochs": history.epochs, "seconds": round(history.seconds, 1),
        "trained_on": "slots" if history.on_slots else "images",
        "windows": {"training": len(data.train), "validation": len(data.val),
                    "test": len(data.test)},
        "figures": card.figures(score, data.test, arch.labels),
        "active_pixels": card.active_pixels(data.test, kept)}
    if len(arch.labels) == 1:
        content["counting"] = card.counting(data.test)
    return content


def _export(model, arch: Architecture, name: str, data: _Data, options: argparse.Namespace,
            content: dict) -> int:
    """Writes model, vectors and weights; adds the check to the card. 1: a decision differs."""
    images = np.concatenate([data.test.images, data.val.images, data.train.images])
    images = images[:options.check]
    path = options.out / f"{name}.model.h5"
    by = f"sparsed.training, commit {content['commit']}" if content["commit"] else \
        "sparsed.training"
    exported = export_model(model, path, name=name, labels=list(arch.labels),
                            preprocessing=data.preprocessing, windows=images, created_by=by)
    model.save_weights(options.out / f"{name}.weights.h5")
    for note in exported.notes:
        log(f"{name}  {note}")
    found = check_model(model, path, images)
    content["input_type"] = str(exported.input_type)
    content["check"] = found.as_dict()
    content["check"]["model"] = name
    log(str(found))
    return 1 if found.differing_decisions else 0


def _report(name: str, content: dict) -> None:
    figures = content["figures"]
    if "auc" in figures:
        kept = ", ".join(
            f"{figures[f'efficiency_at_{rate:g}']:.3f} at {rate:.1%}" for rate in card.RATES
            if figures[f"efficiency_at_{rate:g}"] is not None)
        log(f"{name}  AUC {figures['auc']:.4f} +- {figures['auc_error']:.4f} (counting pixels "
            f"{content['counting']['auc']:.4f})  efficiency {kept} of the background")
    else:
        log(f"{name}  accuracy {figures['accuracy']:.4f} +- {figures['accuracy_error']:.4f}")
