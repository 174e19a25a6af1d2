"""How deals move through their stages: daily chances by stage, age and segment, and what follows. No tables here.

A deal is a semi-Markov chain in whole days: each day in a stage it stays or moves to another stage, to won or to lost,
with chances that depend on the stage and on its age there: cause-specific hazards, and what follows from them is the
estimator of Aalen and Johansen in bands of ages. A segment multiplies each kind of move by a factor, observed ÷
expected moves, that is drawn towards 1 (empirical Bayes with a gamma prior: Clayton and Kaldor, Biometrics 43, 1987). A
stage that no deal has left yet is taken to end as deals end on average.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SEGMENT_WEIGHT = 5.0
"""Moves of a kind that a segment must have made before its own pace counts as much as everybody's."""
BAND_WEIGHT = 5.0
"""Moves of any kind that an age band must have seen before its own pace counts as much as that of the whole stage."""
TOTAL = "total"
_OUTCOMES = ("won", "lost")


@dataclass(frozen=True)
class Places:
    """Where deals stand, as rows of the tables of chances.

    Args:
        segment: Index into the segments.
        stage: Index into the stages.
        age: Days since the stage was entered.
    """

    segment: Ints
    stage: Ints
    age: Ints

    def only(self, chosen: npt.NDArray[np.bool_]) -> Places:
        """Those of the deals."""
        return Places(self.segment[chosen], self.stage[chosen], self.age[chosen])

    def distinct(self, *, oldest: int) -> tuple[Places, Ints]:
        """Each place once, and for each deal which of them is its own; ages from `oldest` on are one."""
        keys = np.column_stack([self.segment, self.stage, np.minimum(self.age, oldest)])
        unique, place = np.unique(keys, axis=0, return_inverse=True)
        return Places(unique[:, 0], unique[:, 1], unique[:, 2]), np.asarray(place.reshape(-1), dtype=np.int64)


@dataclass(frozen=True)
class StageHazards:
    """Counts by stage, age band and destination, and how the segments differ.

    Args:
        segments: Names; the first is `total`, whose factors are 1.
        stages: Names of the open stages; destinations are these, then won, then lost.
        starts: First age of each band in days, ascending from 0.
        exposure: Days at risk, (stages, bands).
        moves: Moves, (stages, bands, destinations).
        own_moves: Moves of a segment, (segments, stages, destinations).
        expected_moves: Those it would have made at everybody's pace, of the same shape.
    """

    segments: tuple[str, ...]
    stages: tuple[str, ...]
    starts: tuple[int, ...]
    exposure: Floats
    moves: Floats
    own_moves: Floats
    expected_moves: Floats

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> StageHazards:
        """From what `fit_hazards` returned, or JSON of it."""
        shape = (len(parameters["stages"]), len(parameters["starts"]), len(parameters["stages"]) + len(_OUTCOMES))
        apart = (len(parameters["segments"]), shape[0], shape[2])
        return cls(
            segments=tuple(parameters["segments"]),
            stages=tuple(parameters["stages"]),
            starts=tuple(parameters["starts"]),
            exposure=np.array(parameters["exposure"], dtype=np.float64).reshape(shape[:2]),
            moves=np.array(parameters["moves"], dtype=np.float64).reshape(shape),
            own_moves=np.array(parameters["own_moves"], dtype=np.float64).reshape(apart),
            expected_moves=np.array(parameters["expected_moves"], dtype=np.float64).reshape(apart),
        )

    def outcome_count(self, outcome: str) -> int:
        """Deals that ended so, `won` or `lost`."""
        return int(self.moves[:, :, len(self.stages) + _OUTCOMES.index(outcome)].sum())

    def band_of(self, age: Ints) -> Ints:
        """Index of the band of each age."""
        return np.asarray(np.searchsorted(self.starts, age, side="right") - 1, dtype=np.int64)

    def places(self, *, segment: Sequence[str], stage: Sequence[str], age: Sequence[int]) -> Places:
        """Rows for these deals; a segment never seen is `total`, a stage never left is -1."""
        segments = {name: number for number, name in enumerate(self.segments)}
        left = self.moves.sum(axis=(1, 2)) > 0
        stages = {name: number for number, name in enumerate(self.stages) if left[number]}
        return Places(
            segment=np.array([segments.get(name, 0) for name in segment], dtype=np.int64),
            stage=np.array([stages.get(name, -1) for name in stage], dtype=np.int64),
            age=np.array(age, dtype=np.int64),
        )


def fit_hazards(days: pl.DataFrame) -> dict[str, Any]:
    """Count moves and days at risk, and how each segment's moves compare with everybody's pace.

    Args:
        days: `customer_segment`, `stage_name`, `band_start_days`, `destination` (`none`, a stage, won or lost),
            `day_count`.

    Returns:
        Arguments of `StageHazards` as lists; without any days empty ones.
    """
    stages = sorted({*days["stage_name"], *days["destination"]} - {"none", *_OUTCOMES})
    segments = [TOTAL, *sorted(set(days["customer_segment"]) - {TOTAL})]
    starts = sorted({0, *days["band_start_days"]})
    ends = [*stages, *_OUTCOMES, "none"]
    counts = np.zeros((len(segments), len(stages), len(starts), len(ends)))
    at = tuple(
        np.array([names.index(value) for value in days[column]], dtype=np.int64)
        for names, column in (
            (segments, "customer_segment"),
            (stages, "stage_name"),
            (starts, "band_start_days"),
            (ends, "destination"),
        )
    )
    np.add.at(counts, at, days["day_count"].to_numpy())
    total = counts.sum(axis=0)
    exposure, moves = total.sum(axis=2), total[:, :, :-1]
    own_exposure = counts.sum(axis=3)
    pace = _band_rates(exposure, moves)
    own, expected = counts[:, :, :, :-1].sum(axis=2), np.einsum("gsb,sbd->gsd", own_exposure, pace)
    return {
        "segments": segments,
        "stages": stages,
        "starts": starts,
        "exposure": exposure.tolist(),
        "moves": moves.tolist(),
        "own_moves": own.tolist(),
        "expected_moves": expected.round(9).tolist(),
    }


def daily_chances(hazards: StageHazards) -> Floats:
    """Chance of each move on the next day, (segments, stages, bands, destinations)."""
    pace = _band_rates(hazards.exposure, hazards.moves)
    factor = (hazards.own_moves + SEGMENT_WEIGHT) / (hazards.expected_moves + SEGMENT_WEIGHT)
    factor[0] = 1.0
    return _bounded(pace[None] * factor[:, :, None, :])


def drawn_chances(hazards: StageHazards, *, count: int, random: np.random.Generator) -> Floats:
    """Chances as they might be as well, given what was seen: draws from their gamma posteriors.

    Everybody's pace is drawn by stage, band and destination, each segment's factor by stage and destination.

    Args:
        hazards: What was seen.
        count: Number of draws.
        random: Seeded generator.

    Returns:
        (count, segments, stages, bands, destinations).
    """
    weight, rate = _priors(hazards.exposure, hazards.moves)
    pace = random.gamma(hazards.moves + weight, size=(count, *hazards.moves.shape)) / (
        hazards.exposure[:, :, None] + rate
    )
    factor = random.gamma(hazards.own_moves + SEGMENT_WEIGHT, size=(count, *hazards.own_moves.shape)) / (
        hazards.expected_moves + SEGMENT_WEIGHT
    )
    factor[:, 0] = 1.0
    return _bounded(pace[:, None] * factor[:, :, :, None, :])


def chances_at_entry(chances: Floats, *, starts: Sequence[int]) -> tuple[Floats, Floats]:
    """Chance to be won in the end, on entry into each stage and on the first day of each band.

    Args:
        chances: Daily ones, (…, stages, bands, destinations).
        starts: First ages of the bands.

    Returns:
        On entry (…, stages) and by band (…, stages, bands); 0 for a stage that nothing leads out of.
    """
    size = chances.shape[-3]
    leaving = chances.sum(axis=-1, keepdims=True)
    first = np.divide(chances, leaving, out=np.zeros_like(chances), where=leaving > 0)
    lengths = np.diff(np.array(starts, dtype=np.float64))
    moved = np.zeros_like(chances)
    moved[..., -1, :] = first[..., -1, :]
    for band in range(len(lengths) - 1, -1, -1):
        kept = (1 - leaving[..., band, :]) ** lengths[band]
        moved[..., band, :] = first[..., band, :] * (1 - kept) + kept * moved[..., band + 1, :]
    between, won = moved[..., 0, :size] * (1 - 1e-12), moved[..., 0, size]
    entry = np.linalg.solve(np.eye(size) - between, won[..., None])[..., 0]
    by_band = np.einsum("...sbd,...d->...sb", moved[..., :size], entry) + moved[..., size]
    return np.clip(entry, 0, 1), np.clip(by_band, 0, 1)


def win_probabilities(chances: Floats, *, hazards: StageHazards, places: Places) -> Floats:
    """Chance that each deal is won in the end, given where it stands.

    Args:
        chances: Daily ones, (…, segments, stages, bands, destinations).
        hazards: Names and bands.
        places: Deals, in stages that are known.

    Returns:
        (…, deals), each from 0 to 1.
    """
    size = len(hazards.stages)
    entry, by_band = chances_at_entry(chances, starts=hazards.starts)
    band = hazards.band_of(places.age)
    ends = np.array([*hazards.starts[1:], 0])
    own = chances[..., places.segment, places.stage, band, :]
    leaving = own.sum(axis=-1)
    is_last = band == len(hazards.starts) - 1
    kept = np.where(is_last, 0.0, (1 - leaving) ** np.where(is_last, 1, ends[band] - places.age))
    value = np.einsum("...nd,...nd->...n", own[..., :size], entry[..., places.segment, :]) + own[..., size]
    here = np.divide(value, leaving, out=np.zeros_like(value), where=leaving > 0)
    following = by_band[..., places.segment, places.stage, np.minimum(band + 1, len(hazards.starts) - 1)]
    return np.asarray(np.clip(np.where(leaving > 0, here * (1 - kept), 0.0) + kept * following, 0, 1))


def win_curves(chances: Floats, *, hazards: StageHazards, places: Places, days: int) -> Floats:
    """Chance that each deal is won within 0, 1, … days: Kolmogorov's backward equation, day by day.

    Args:
        chances: Daily ones, (segments, stages, bands, destinations).
        hazards: Names and bands.
        places: Deals, in stages that are known.
        days: Last day.

    Returns:
        (days + 1, deals), never falling.
    """
    size, last = len(hazards.stages), hazards.starts[-1]
    per_age = chances[:, :, hazards.band_of(np.arange(last + 1)), :]
    staying = 1 - per_age.sum(axis=-1)
    won_by = np.zeros(per_age.shape[:3])
    age = np.minimum(places.age, last)
    curves = np.zeros((days + 1, age.size))
    for day in range(1, days + 1):
        older = np.concatenate([won_by[:, :, 1:], won_by[:, :, -1:]], axis=2)
        moved = np.einsum("gsad,gd->gsa", per_age[..., :size], won_by[:, :, 0]) + per_age[..., size]
        won_by = moved + staying * older
        curves[day] = won_by[places.segment, places.stage, age]
    return np.clip(curves, 0, 1)


def _priors(exposure: Floats, moves: Floats) -> tuple[Floats, Floats]:
    """Moves and days by which a band is drawn towards its stage: as many days as it takes for so many moves there."""
    stage_days, stage_moves = exposure.sum(axis=1)[:, None], moves.sum(axis=1)
    pooled = np.where(np.arange(moves.shape[2]) < moves.shape[0], 0.0, moves.sum(axis=(0, 1)) / max(exposure.sum(), 1))
    stage_rate = np.where(stage_moves.sum(axis=1, keepdims=True) > 0, stage_moves / np.maximum(stage_days, 1), pooled)
    leaving = stage_rate.sum(axis=1, keepdims=True)
    days = np.divide(BAND_WEIGHT, leaving, out=np.ones_like(leaving), where=leaving > 0)
    return (stage_rate * days)[:, None, :], days[:, None, :]


def _band_rates(exposure: Floats, moves: Floats) -> Floats:
    weight, rate = _priors(exposure, moves)
    return np.asarray((moves + weight) / (exposure[:, :, None] + rate))


def _bounded(chances: Floats) -> Floats:
    """No day has more than one move."""
    return np.asarray(chances / np.maximum(chances.sum(axis=-1, keepdims=True), 1.0))
