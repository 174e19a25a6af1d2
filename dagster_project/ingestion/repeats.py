"""Finds which of many hashes occur more than once in memory that does not grow with them; knows no rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

HASHES_AT_A_TIME = 2_000_000
ROWS_AT_A_TIME = 250_000
_BLOCK = 2**20
_BYTES = 8
Hashes = npt.NDArray[Any]


def repeated_groups(path: Path) -> Iterator[pl.Series]:
    """Hashes that occur more than once, in groups that together occur a bounded number of times.

    Args:
        path: File of unsigned 64-bit hashes in the machine's byte order, one per row.
    """
    pass_count = max(1, -(-path.stat().st_size // _BYTES // HASHES_AT_A_TIME))
    for number in range(pass_count):
        hashes, counts = np.unique(_share(path, number, pass_count), return_counts=True)
        repeated, counts = hashes[counts > 1], counts[counts > 1]
        group_of = np.cumsum(counts) // ROWS_AT_A_TIME
        for group in np.unique(group_of):
            yield pl.Series(repeated[group_of == group], dtype=pl.UInt64)


def _share(path: Path, number: int, pass_count: int) -> Hashes:
    """The hashes whose turn it is: equal ones have theirs together."""
    blocks = [np.zeros(0, dtype=np.uint64)]
    with path.open("rb") as file:
        while (block := np.fromfile(file, dtype=np.uint64, count=_BLOCK)).size:
            blocks.append(block[block % np.uint64(pass_count) == number])
    return np.concatenate(blocks)
