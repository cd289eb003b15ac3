"""A model's card: from which data, with which command, and what it is worth.

NAME.card.json lies beside NAME.model.h5. Its figures are of the test windows, which the
training never saw; errors take the windows of one event as one (report/curves.py).
"""
from __future__ import annotations

import hashlib
import json
import shlex
import subprocess
from importlib import metadata
from pathlib import Path

import numpy as np

from ..report.curves import area, efficiency_at
from .recipes import Windows

RATES = (0.1, 0.01, 0.001)
"""Shares of the background at which efficiencies are given."""


def commit() -> str:
    """The last commit of this package, "-dirty" where it is changed; "" in no checkout."""
    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", *words, "--", "."], capture_output=True, text=True,
                                  cwd=Path(__file__).parents[1], timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    last = git("log", "-1", "--format=%h")
    return f"{last}-dirty" if last and git("status", "--porcelain") else last or ""


def versions() -> dict[str, str]:
    """Versions of what trains."""
    found = {}
    for name in ("keras", "tensorflow", "HGQ2", "sparsepixels", "numpy"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            pass
    return found


def data_file(path: Path, command: str, events: int) -> dict:
    """What identifies a file: its name, content and the command that made it."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return {"file": path.name, "command": command, "events": events,
            "sha256": digest.hexdigest()}


def active_pixels(windows: Windows, n_pixels: int | None) -> dict:
    """How many pixels are active, by class, and how often the network cuts some off."""
    def of(active: np.ndarray) -> dict:
        found = {"windows": len(active), "mean": round(float(active.mean()), 2),
                 "quantiles_10_25_50_75_90": np.percentile(
                     active, (10, 25, 50, 75, 90)).astype(int).tolist(),
                 "largest": int(active.max()), "empty": round(float((active == 0).mean()), 4)}
        if n_pixels is not None:
            found["cut"] = round(float((active > n_pixels).mean()), 4)
        return found
    return {str(label): of(windows.active[windows.label == label])
            for label in np.unique(windows.label).tolist()}


def binary(score: np.ndarray, windows: Windows) -> dict:
    """Area under the curve and efficiencies of `score` (windows,), signal is label 1."""
    signal, background = (score[windows.label == value] for value in (1, 0))
    event = [windows.event[windows.label == value] for value in (1, 0)]
    measured = area(signal, background, *event)
    figures = {"auc": round(measured.value, 4), "auc_error": round(measured.error, 4)}
    for rate in RATES:
        found = efficiency_at(signal, background, rate)
        # Too few background windows to tell: null.
        known = np.isfinite(found.value)
        figures[f"efficiency_at_{rate:g}"] = round(found.value, 4) if known else None
        figures[f"efficiency_at_{rate:g}_error"] = round(found.error, 4) if known else None
    return figures


def classes(score: np.ndarray, windows: Windows, labels: tuple[str, ...]) -> dict:
    """Accuracy and the areas of each class against the rest; score (windows, labels)."""
    right = score.argmax(axis=1) == windows.label
    figures = {"accuracy": round(float(right.mean()), 4),
               "accuracy_error": round(float(right.std() / len(right) ** 0.5), 4)}
    for i, label in enumerate(labels):
        is_it = windows.label == i
        measured = area(score[is_it, i], score[~is_it, i])
        figures[f"auc_{label}"] = round(measured.value, 4)
        figures[f"auc_{label}_error"] = round(measured.error, 4)
    return figures


def figures(score: np.ndarray, windows: Windows, labels: tuple[str, ...]) -> dict:
    """`binary` or `classes`, as the network has one output or several."""
    score = score.reshape(len(windows), -1)
    return binary(score[:, 0], windows) if len(labels) == 1 else classes(score, windows, labels)


def counting(windows: Windows) -> dict:
    """What counting active pixels is worth: no network should be worth less."""
    return binary(windows.active.astype(float), windows)


def command(arguments: list[str]) -> str:
    """The command line as somebody would type it, without folders of this machine."""
    words = [Path(word).name if word.startswith("/") else word for word in arguments]
    return "python -m sparsed.training " + shlex.join(words)


def write(path: Path, content: dict) -> None:
    """Writes a card."""
    path.write_text(json.dumps(content, indent=1) + "\n")
