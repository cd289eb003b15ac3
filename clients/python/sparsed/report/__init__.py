"""Judging: efficiency against accept rate, as one page. See `python -m sparsed.report --help`."""
