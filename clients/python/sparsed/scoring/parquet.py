"""Pieces of a score file, put together as one Parquet file: a row an event.

    event_id     [3]                 of `event_table`, as every column of it and of
    event        {nu_energy, ...}    `decision_table`: structures
    decision     {fate, ...}
    windows      [{score, ...}]      rows of `window_table`: a list, empty where there are none

Names, types and values are those of the score file (docs/scoring.md); a column of width 1 is a
number, a wider one a list of that length. The file's attributes are the schema's metadata
`sparsed`, as JSON.
"""
from __future__ import annotations

import json
import os
from pathlib import Path

import h5py
import numpy as np

from .library import ScoreError
from .merge import Pieces

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as why:
    raise ScoreError("a .parquet output needs the Python module pyarrow (pip install pyarrow)",
                     1) from why

_ID, _INDEX = "event_id", "event_id.seq_cnt"
_STRUCTURES = {"event_table": "event", "decision_table": "decision"}
_LIST = ("window_table", "windows")


def _array(values: np.ndarray) -> pa.Array:
    """A column of shape (rows, width) as rows of numbers, or of lists of `width` numbers."""
    flat = pa.array(np.ascontiguousarray(values).reshape(-1))
    width = int(np.prod(values.shape[1:]))
    return flat if width == 1 else pa.FixedSizeListArray.from_arrays(flat, width)


def _structure(table: h5py.Group) -> pa.StructArray:
    """A table's columns side by side, but for those that say whose row it is."""
    names = [name for name in table if name not in (_ID, _INDEX)]
    return pa.StructArray.from_arrays([_array(table[name][:]) for name in names], names)


def _offsets(index: np.ndarray, events: int) -> np.ndarray:
    """Where each event's rows begin, and the end of the last: int32, events + 1. `index` has a
    row an event that has rows: the event, counted from 0, and how many."""
    counts = np.zeros(events, dtype=np.int32)
    counts[index[:, 0]] = index[:, 1]
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int32)]).astype(np.int32)


class MergedParquet(Pieces):
    """A Parquet file that grows by pieces: a row group each. It has its name when `close` was
    called."""

    def __init__(self, path: str | Path):
        super().__init__(path)
        self.part = self.path.with_name(self.path.name + ".part")
        self.writer: pq.ParquetWriter | None = None

    def append(self, piece: h5py.File) -> None:
        """Adds a piece's events. ScoreError: it was made in another way than those before."""
        self.note(piece)
        events = piece["event_table"]
        columns = {_ID: _array(events[_ID][:])}
        for table, name in _STRUCTURES.items():
            columns[name] = _structure(piece[table])
        windows, name = piece[_LIST[0]], _LIST[1]
        columns[name] = pa.ListArray.from_arrays(
            pa.array(_offsets(windows[_INDEX][:], len(events[_ID]))), _structure(windows))
        rows = pa.table(columns)
        if self.writer is None:
            self.writer = pq.ParquetWriter(self.part, rows.schema, compression="zstd")
        self.writer.write_table(rows)

    def close(self) -> None:
        """Writes where the events come from, and gives the file its name."""
        attributes = {name: _plain(value) for name, value in self.attributes.items()}
        attributes["source"] = self.sources
        self.writer.add_key_value_metadata({"sparsed": json.dumps(attributes)})
        self.writer.close()
        os.replace(self.part, self.path)

    def abandon(self) -> None:
        """Takes away what was written."""
        if self.writer is not None:
            self.writer.close()
        self.part.unlink(missing_ok=True)


def _plain(value):
    """An attribute as JSON has it."""
    if isinstance(value, np.ndarray):
        return [_plain(one) for one in value.tolist()]
    return value.decode() if isinstance(value, bytes) else value
