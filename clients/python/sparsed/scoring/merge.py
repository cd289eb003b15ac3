"""Pieces of a score file, put together in order.

A score file (docs/scoring.md) is groups of tables, a data set a column, all of them with a row
an event or a window. So the whole is every data set one after the other; only the first column
of `event_id.seq_cnt`, which counts rows' events from 0, goes on counting.
"""
from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np

from .library import ScoreError

CHUNK_BYTES = 1 << 16
_OF_THE_PIECE = ("source",)  # attributes that may differ between pieces
_INDEX = "event_id.seq_cnt"


class Pieces:
    """What pieces of one result have in common: columns, attributes; and where they come from."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.columns: list[str] = []  # "table/column", of every piece
        self.attributes: dict = {}    # of every piece
        self.sources: list[str] = []

    def note(self, piece: h5py.File) -> None:
        """Looks at the next piece. ScoreError: it was made in another way than those before."""
        columns = [f"{table}/{name}" for table, group in piece.items() for name in group]
        if not self.columns:
            self.columns = columns
            self.attributes = {name: value for name, value in piece.attrs.items()
                               if name not in _OF_THE_PIECE}
        self._compare(piece, columns)
        source = piece.attrs["source"]
        source = source.decode() if isinstance(source, bytes) else str(source)
        if source not in self.sources:
            self.sources.append(source)

    def _compare(self, piece: h5py.File, columns: list[str]) -> None:
        if columns != self.columns:
            name = sorted(set(columns) ^ set(self.columns))[0]
            raise ScoreError(f"{self.path}: {name} is in some of the files and not in others", 1)
        for name, value in self.attributes.items():
            if not np.array_equal(piece.attrs.get(name), value):
                raise ScoreError(f"{self.path}: files differ in {name}: {value!r} and "
                                 f"{piece.attrs.get(name)!r}", 1)


class Merged(Pieces):
    """A score file that grows by pieces. It has its name when `close` was called."""

    def __init__(self, path: str | Path):
        super().__init__(path)
        self.part = self.path.with_name(self.path.name + ".part")
        self.file = h5py.File(self.part, "w")
        self.events = 0

    def append(self, piece: h5py.File) -> None:
        """Adds a piece's rows. ScoreError: it was made in another way than those before."""
        first = not self.columns
        self.note(piece)
        if first:
            self.file.attrs.update(self.attributes)
        for name in self.columns:
            self._extend(name, piece[name][:])
        self.events += len(piece["event_table/event_id"])

    def _extend(self, name: str, values: np.ndarray) -> None:
        if name.endswith(_INDEX):
            values[:, 0] += self.events
        if name not in self.file:
            row = int(np.prod(values.shape[1:])) * values.dtype.itemsize
            chunk = max(1, CHUNK_BYTES // max(row, 1))
            self.file.create_dataset(name, data=values, maxshape=(None, *values.shape[1:]),
                                     chunks=(chunk, *values.shape[1:]))
        elif len(values):
            whole = self.file[name]
            whole.resize(len(whole) + len(values), axis=0)
            whole[-len(values):] = values

    def close(self) -> None:
        """Writes where the events come from, and gives the file its name."""
        self.file.attrs["source"] = "\n".join(self.sources)
        self.file.close()
        os.replace(self.part, self.path)

    def abandon(self) -> None:
        """Takes away what was written."""
        self.file.close()
        self.part.unlink(missing_ok=True)
