"""What `sparse-score` wrote, as arrays: windows with their scores and the truth."""
from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np

INTERACTIONS = ("nue CC", "numu CC", "NC")


class NoTruth(Exception):
    """A score file without the truth that a judgement needs."""


@dataclass
class Scores:
    """One network over one file. Window arrays are [windows], event arrays [events]."""
    path: Path
    event: np.ndarray          # of each window: index into the event arrays
    plane: np.ndarray
    n_active: np.ndarray
    truncated: np.ndarray
    score: np.ndarray          # of the first output
    vertex: np.ndarray         # bool: the window holds the true vertex
    neutrino_bins: np.ndarray  # labelled bins in the window
    neutrino: np.ndarray       # bool, of each event
    energy: np.ndarray         # GeV
    interaction: np.ndarray    # index into INTERACTIONS, -1 for none
    label_bins: np.ndarray     # [events][planes]

    @property
    def events(self) -> int:
        return len(self.neutrino)

    def by_count(self) -> "Scores":
        """The same windows, scored by nothing but their number of active pixels."""
        return replace(self, score=self.n_active.astype(float))

    def best(self) -> np.ndarray:
        """The highest score of each event and plane: [events][planes], -inf where no window."""
        best = np.full((self.events, int(self.plane.max(initial=0)) + 1), -np.inf)
        np.maximum.at(best, (self.event, self.plane), self.score)
        return best


def _column(file: h5py.File, name: str, path: Path) -> np.ndarray:
    if name not in file:
        raise NoTruth(f"{path}: no {name}: it was scored without truth")
    values = file[name][:]
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def load(path: Path) -> Scores:
    """Reads a score file. NoTruth: one sentence that names the table that is missing."""
    with h5py.File(path) as file:
        def column(name: str) -> np.ndarray:
            return _column(file, name, path)

        identity = column("event_table/event_id").astype(np.int64)
        of_window = column("window_table/event_id").astype(np.int64)
        # Identities as one number each, so that a window finds its event by bisection.
        both = np.concatenate([identity, of_window])
        _, number = np.unique(both, axis=0, return_inverse=True)
        number = number.reshape(-1)
        place = np.empty(number.max() + 1, np.int64)
        place[number[:len(identity)]] = np.arange(len(identity))
        score = file["window_table/score"][:]
        pdg = np.abs(column("event_table/nu_pdg"))
        charged = column("event_table/is_cc") > 0
        interaction = np.select([pdg == 0, ~charged, pdg == 12], [-1, 2, 0], 1)
        return Scores(
            path=path, event=place[number[len(identity):]],
            plane=column("window_table/plane").astype(np.int64),
            n_active=column("window_table/n_active").astype(np.int64),
            truncated=column("window_table/truncated").astype(bool),
            score=score.reshape(len(of_window), -1)[:, 0],
            vertex=column("window_table/vertex").astype(bool),
            neutrino_bins=column("window_table/neutrino_bins").astype(np.int64),
            neutrino=pdg != 0, energy=column("event_table/nu_energy"),
            interaction=interaction, label_bins=column("event_table/label_bins"))
