"""Pipelines whose daily chances are known, and what the family would read of the deals that moved through them."""

from __future__ import annotations

import numpy as np
import polars as pl

from dagster_project.prediction.stage_hazards import Floats, StageHazards

STARTS = (0, 7, 14, 21, 30, 45, 60, 90, 120, 180, 365)
STAGES = ("Negotiation", "Proposal", "Qualification")
SEGMENTS = ("total", "big", "small")
ENDS = (*STAGES, "won", "lost", "none")


def known_chances(*, stale: bool = False) -> Floats:
    """Daily chances by segment, stage, band and destination; `stale`: after 30 days deals are mostly lost."""
    chances = np.zeros((len(SEGMENTS), len(STAGES), len(STARTS), len(ENDS) - 1))
    for segment, (onward, lost) in enumerate(((0.05, 0.02), (0.04, 0.03), (0.06, 0.012))):
        chances[segment, 2, :, 1] = chances[segment, 1, :, 0] = chances[segment, 0, :, 3] = onward
        chances[segment, 1, :, 2] = 0.003  # a step back
        chances[segment, :, :, 4] = lost
    chances[:, :, :2] *= 0.6  # it takes a while before anything moves
    if stale:
        chances[..., 4:, :] *= np.array([0.1, 0.1, 0.1, 0.1, 1.5])
    return chances


def true_hazards() -> StageHazards:
    """Names and bands without counts."""
    size = (len(STAGES), len(STARTS), len(ENDS) - 1)
    return StageHazards(
        segments=SEGMENTS,
        stages=STAGES,
        starts=STARTS,
        exposure=np.zeros(size[:2]),
        moves=np.ones(size),
        own_moves=np.zeros((len(SEGMENTS), size[0], size[2])),
        expected_moves=np.zeros((len(SEGMENTS), size[0], size[2])),
    )


def lived(chances: Floats, *, deals: int, days: int, seed: int) -> pl.DataFrame:
    """What `pred_stage_exposures` would count of deals that begin in Qualification, spread over these days.

    Args:
        chances: As of `known_chances`.
        deals: How many, half of each segment.
        days: Observed days; who is open at their end is censored.
        seed: Of the draws.
    """
    random = np.random.default_rng(seed)
    segment = 1 + np.arange(deals) % (len(SEGMENTS) - 1)
    begin = random.integers(0, days, deals)
    stage, age = np.full(deals, 2), np.zeros(deals, dtype=np.int64)
    counts = np.zeros((len(SEGMENTS), len(STAGES), len(STARTS), len(ENDS)), dtype=np.int64)
    for day in range(days):
        alive = np.flatnonzero((begin <= day) & (stage < len(STAGES)))
        band = np.searchsorted(STARTS, age[alive], side="right") - 1
        by_end = chances[segment[alive], stage[alive], band].cumsum(axis=1)
        end = (random.random(alive.size)[:, None] >= by_end).sum(axis=1)
        np.add.at(counts, (segment[alive], stage[alive], band, end), 1)
        moves = end < len(ENDS) - 1
        age[alive] = np.where(moves, 0, age[alive] + 1)
        stage[alive[moves]] = end[moves]
    return counted(counts)


def counted(counts: np.ndarray) -> pl.DataFrame:
    """The table of these counts by segment, stage, band and end."""
    at = np.nonzero(counts)
    return pl.DataFrame(
        {
            "customer_segment": [SEGMENTS[number] for number in at[0]],
            "stage_name": [STAGES[number] for number in at[1]],
            "band_start_days": [STARTS[number] for number in at[2]],
            "destination": [ENDS[number] for number in at[3]],
            "day_count": counts[at],
        },
        schema={
            "customer_segment": pl.String,
            "stage_name": pl.String,
            "band_start_days": pl.Int64,
            "destination": pl.String,
            "day_count": pl.Int64,
        },
    )
