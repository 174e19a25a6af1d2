"""Seeded random streams and the few vectorised draws that several rooms of the company share."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Random = np.random.Generator


def stream(seed: int, name: str) -> Random:
    """A random stream of its own for each subject, so that one subject's draws never shift another's."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def pick(random: Random, weights: Sequence[float], size: int) -> Ints:
    """Indices drawn with the given weights."""
    bounds = np.cumsum(np.asarray(weights, dtype=np.float64))
    return np.searchsorted(bounds / bounds[-1], random.random(size), side="right").astype(np.int64)


def chance(random: Random, probability: float | Floats, size: int) -> Bools:
    """True with the given probability."""
    return np.asarray(random.random(size) < probability, dtype=np.bool_)


def gamma_days(random: Random, mean_days: float | Floats, size: int) -> Ints:
    """Gamma(2) distributed durations with the given mean in days, in seconds."""
    return np.asarray(random.gamma(2.0, np.asarray(mean_days) / 2.0, size) * 86_400, dtype=np.int64)


def rank_within(groups: Ints) -> Ints:
    """0, 1, 2 … within each run of equal values of a sorted array."""
    if groups.size == 0:
        return groups
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    lengths = np.diff(np.r_[starts, groups.size])
    return np.arange(groups.size) - np.repeat(starts, lengths)


def keyed(seed: int, name: str, *keys: Ints) -> Floats:
    """Uniform draws in [0, 1) that belong to keys, not to places: the same for the same keys, whoever else is there.

    Args:
        seed: Seed of the company.
        name: What is drawn; each name has draws of its own.
        *keys: One or more arrays of equal length.
    """
    state = np.full(keys[0].size, (seed << 32) ^ zlib.crc32(name.encode()), dtype=np.uint64)
    for key in keys:
        state = _mixed(state ^ _mixed(key.astype(np.uint64)))
    return (state >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """One step of SplitMix64 (Steele, Lea, Flood 2014)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def words(values: Sequence[str | None], indices: Ints) -> pl.Series:
    """Text by index."""
    return pl.Series(values, dtype=pl.String).gather(indices)


def numbered(prefix: str, numbers: Ints | pl.Series, *, width: int, suffix: str = "") -> pl.Series:
    """Ids such as E0007: prefix, zero-filled number, suffix."""
    text = pl.Series(numbers).cast(pl.String).str.zfill(width)
    return prefix + text + suffix
