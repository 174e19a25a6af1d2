"""From counts of moves to chances: they are those that were put in, and as uncertain as they say."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from dagster_project.prediction.stage_hazards import (
    Floats,
    Places,
    StageHazards,
    chances_at_entry,
    daily_chances,
    drawn_chances,
    fit_hazards,
    win_curves,
    win_probabilities,
)
from tests.unit.prediction.pipelines import ENDS, SEGMENTS, STAGES, STARTS, counted, known_chances, lived, true_hazards

AGES = (0, 3, 7, 40, 100, 364, 365, 2000)
EVERYWHERE = Places(*(np.array(part) for part in zip(*np.ndindex(3, 3, len(AGES)), strict=True)))
EVERYWHERE = Places(EVERYWHERE.segment, EVERYWHERE.stage, np.array(AGES)[EVERYWHERE.age])


def _won_by_hand(chances: Floats, *, deals: int) -> float:
    """Share won of deals that go through one segment's chances, day by day, from entry into Qualification."""
    random = np.random.default_rng(0)
    stage, age = np.full(deals, 2), np.zeros(deals, dtype=np.int64)
    for _ in range(1500):
        alive = np.flatnonzero(stage < 3)
        by_end = chances[stage[alive], np.searchsorted(STARTS, age[alive], side="right") - 1].cumsum(axis=1)
        end = (random.random(alive.size)[:, None] >= by_end).sum(axis=1)
        moved = end < len(ENDS) - 1
        age[alive] = np.where(moved, 0, age[alive] + 1)
        stage[alive[moved]] = end[moved]
    assert (stage >= 3).all()
    return float((stage == 3).mean())


def test_the_chance_to_be_won_is_the_share_of_deals_that_are() -> None:
    chances = known_chances(stale=True)
    entry, by_band = chances_at_entry(chances, starts=STARTS)
    for segment in range(3):
        assert entry[segment, 2] == pytest.approx(_won_by_hand(chances[segment], deals=20_000), abs=0.012)
    assert by_band[..., 0] == pytest.approx(entry)


def test_chances_of_one_stage_are_those_of_pen_and_paper() -> None:
    """Won 0.2 or lost 0.2 a day for a week, then lost 0.1 a day: half of those who leave within the week."""
    chances = np.zeros((1, 2, 3))
    chances[0, 0], chances[0, 1] = (0, 0.2, 0.2), (0, 0, 0.1)
    entry, by_band = chances_at_entry(chances, starts=(0, 7))
    assert entry[0] == pytest.approx(0.5 * (1 - 0.6**7), abs=1e-9)
    assert by_band[0] == pytest.approx([0.5 * (1 - 0.6**7), 0], abs=1e-9)


def test_curves_end_in_the_chance_to_be_won_at_every_age() -> None:
    chances, hazards = known_chances(stale=True), true_hazards()
    curves = win_curves(chances, hazards=hazards, places=EVERYWHERE, days=2500)
    chance = win_probabilities(chances, hazards=hazards, places=EVERYWHERE)
    assert curves[-1] == pytest.approx(chance, abs=1e-6)
    assert (np.diff(curves, axis=0) >= 0).all()
    assert (curves[0] == 0).all()
    assert curves[1, 0] == pytest.approx(chances[0, 0, 0, 3])


def test_a_stale_deal_fades_when_old_ones_are_lost() -> None:
    hazards = true_hazards()
    old = Places(np.zeros(4, dtype=np.int64), np.ones(4, dtype=np.int64), np.array([0, 20, 29, 60]))
    fading = win_probabilities(known_chances(stale=True), hazards=hazards, places=old)
    assert (np.diff(fading) < -0.02).all()
    learned = StageHazards.of(fit_hazards(lived(known_chances(stale=True), deals=4000, days=1000, seed=1)))
    places = learned.places(segment=["total"] * 4, stage=["Proposal"] * 4, age=old.age.tolist())
    assert win_probabilities(daily_chances(learned), hazards=learned, places=places) == pytest.approx(fading, abs=0.06)


def test_known_chances_are_found_again_and_lie_within_their_intervals() -> None:
    """Over forty small companies: no bias in the total, the interval of 95 % holds the truth in 95 of 100 cases."""
    truth, names = known_chances(), true_hazards()
    segments, stages = ["big", "small"] * 3, [stage for stage in STAGES for _ in range(2)]
    true = win_probabilities(truth, hazards=names, places=names.places(segment=segments, stage=stages, age=[10] * 6))
    errors, covered = [], []
    for seed in range(40):
        hazards = StageHazards.of(fit_hazards(lived(truth, deals=400, days=1000, seed=seed)))
        places = hazards.places(segment=segments, stage=stages, age=[10] * 6)
        drawn = drawn_chances(hazards, count=200, random=np.random.default_rng(4))
        low, high = np.quantile(win_probabilities(drawn, hazards=hazards, places=places), [0.025, 0.975], axis=0)
        errors.append(win_probabilities(daily_chances(hazards), hazards=hazards, places=places) - true)
        covered.append((low <= true) & (true <= high))
    assert np.mean(covered) == pytest.approx(0.95, abs=0.04)
    assert np.sqrt(np.mean(np.square(errors))) < 0.07
    assert abs(np.mean(errors)) < 0.02


def test_a_small_segment_is_drawn_towards_all_and_a_big_one_is_not() -> None:
    truth = known_chances()
    days = lived(truth, deals=6000, days=1000, seed=2)
    few = days.filter(pl.col("customer_segment") == "big").with_columns(day_count=pl.col("day_count") // 400)
    alone = days.filter(pl.col("customer_segment") == "small")
    hazards = StageHazards.of(fit_hazards(pl.concat([alone, few.filter(pl.col("day_count") > 0)])))
    places = hazards.places(segment=["total", "big", "small"], stage=["Qualification"] * 3, age=[0] * 3)
    total, big, small = win_probabilities(daily_chances(hazards), hazards=hazards, places=places)
    names = true_hazards()
    wanted = win_probabilities(
        truth, hazards=names, places=names.places(segment=["big", "small"], stage=["Qualification"] * 2, age=[0] * 2)
    )
    assert wanted[0] < big < total
    assert abs(big - total) < abs(wanted[0] - total) / 2
    assert small == pytest.approx(wanted[1], abs=0.03)


@pytest.mark.filterwarnings("ignore:Tied event times")
def test_cumulative_incidence_is_that_of_lifelines() -> None:
    """One stage, won or lost or censored: the curve is Aalen and Johansen's, but for bands instead of days."""
    lifelines = pytest.importorskip("lifelines")
    chances = known_chances(stale=True)
    chances[:, :, :, :3] = 0
    random = np.random.default_rng(5)
    size, horizon = 4000, 120
    chances[:, 2, :, 3] = 0.01
    length, event = np.full(size, horizon), np.zeros(size, dtype=np.int64)
    watched = random.integers(20, horizon, size)
    bands = np.searchsorted(STARTS, np.arange(horizon), side="right") - 1
    for day in range(horizon):
        alive = np.flatnonzero((event == 0) & (length == horizon) & (watched > day))
        by_end = chances[1, 2, bands[day]].cumsum()
        end = np.searchsorted(by_end, random.random(alive.size), side="right")
        moved = end < len(ENDS) - 1
        length[alive[moved]], event[alive[moved]] = day + 1, end[moved] - 2
    length = np.where(event == 0, watched, length)
    counts = np.zeros((len(SEGMENTS), len(STAGES), len(STARTS), len(ENDS)), dtype=np.int64)
    for day in range(horizon):
        at_risk = length > day
        for outcome, column in ((1, 3), (2, 4)):
            counts[1, 2, bands[day], column] += int(((length == day + 1) & (event == outcome)).sum())
        counts[1, 2, bands[day], 5] += int(at_risk.sum() - ((length == day + 1) & (event > 0)).sum())
    hazards = StageHazards.of(fit_hazards(counted(counts)))
    place = hazards.places(segment=["total"], stage=["Qualification"], age=[0])
    curve = win_curves(daily_chances(hazards), hazards=hazards, places=place, days=90)[:, 0]
    fitter = lifelines.AalenJohansenFitter(calculate_variance=False, seed=0)
    fitter.fit(length, event, event_of_interest=1)
    incidence = fitter.cumulative_density_.iloc[:, 0]
    wanted = [incidence[incidence.index <= day + 0.5].iloc[-1] for day in (10, 30, 60, 90)]
    assert curve[[10, 30, 60, 90]] == pytest.approx(wanted, abs=0.006)


@pytest.mark.parametrize("destination", ["won", "lost", "none"])
def test_chances_stay_chances_whatever_was_seen(destination: str) -> None:
    days = pl.DataFrame(
        {
            "customer_segment": ["s"],
            "stage_name": ["Demo"],
            "band_start_days": [0],
            "destination": [destination],
            "day_count": [3],
        }
    )
    hazards = StageHazards.of(json.loads(json.dumps(fit_hazards(days))))
    drawn = drawn_chances(hazards, count=50, random=np.random.default_rng(0))
    for chances in (daily_chances(hazards), drawn):
        assert (chances >= 0).all()
        assert (chances.sum(axis=-1) <= 1 + 1e-12).all()
    places = hazards.places(segment=["s", "never seen", "s"], stage=["Demo", "Demo", "never seen"], age=[0, 999, 0])
    known = places.only(places.stage >= 0)
    assert places.stage.tolist() == ([0, 0, -1] if destination != "none" else [-1, -1, -1])
    expected = {"won": [1.0, 1.0], "lost": [0.0, 0.0], "none": []}[destination]
    assert win_probabilities(daily_chances(hazards), hazards=hazards, places=known) == pytest.approx(expected)


def test_without_any_days_there_are_no_chances() -> None:
    hazards = StageHazards.of(fit_hazards(counted(np.zeros((3, 3, 11, 6), dtype=np.int64))))
    assert (hazards.stages, hazards.segments, hazards.outcome_count("won")) == ((), ("total",), 0)
    assert daily_chances(hazards).size == 0
    assert hazards.places(segment=["a"], stage=["b"], age=[1]).stage.tolist() == [-1]


def test_a_stage_nobody_has_left_passes_on_what_deals_come_to_on_average() -> None:
    """Demo leads to Trial, where the first deals still stand; elsewhere three of four deals are won."""
    rows = [("Demo", "Trial", 10), ("Demo", "none", 90), ("Trial", "none", 50)]
    rows += [("Proposal", "won", 30), ("Proposal", "lost", 10), ("Proposal", "none", 100)]
    days = pl.DataFrame(rows, schema=["stage_name", "destination", "day_count"], orient="row").with_columns(
        customer_segment=pl.lit("s"), band_start_days=pl.lit(0)
    )
    hazards = StageHazards.of(fit_hazards(days))
    places = hazards.places(segment=["total"], stage=["Demo"], age=[0])
    assert win_probabilities(daily_chances(hazards), hazards=hazards, places=places) == pytest.approx([0.75])
