"""sparse-score for whole runs: the daemon's own imaging, engine and trigger over many files,
on the cores of one machine or on the workers of a Dask cluster (docs/scoring.md).

    farm     score(): files into pieces, pieces to workers, results into one file
    merge    pieces of a score file put together, in order
    parquet  the same as a Parquet file
    library  libsparsed_score.so: one piece
"""
from .farm import Scored, score
from .library import ScoreError

__all__ = ["ScoreError", "Scored", "score"]
