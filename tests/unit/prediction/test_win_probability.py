"""The family as a whole: what it forecasts, what it withholds, and that it bears any data."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dagster_project.prediction import Cutoff, FitBook, Inputs, Outcome
from dagster_project.prediction.pipeline_sums import (
    chances_in_month,
    days_to_month_ends,
    forecast_months,
    monthly_chances,
    sum_by_month,
)
from dagster_project.prediction.stage_hazards import Floats, StageHazards, fit_hazards, win_probabilities
from dagster_project.prediction.win_probability import FAMILY, predict_wins, prospects
from tests.unit.prediction.pipelines import STAGES, counted, known_chances, lived, true_hazards

AS_OF = date(2025, 12, 31)
CUTOFFS = {
    "today": Cutoff(AS_OF, AS_OF),
    "fit": Cutoff(date(2025, 12, 28), date(2025, 12, 28)),
    "holdout": Cutoff(date(2025, 6, 28), date(2025, 12, 28)),
}
CASES: dict[str, Any] = {
    "purpose": pl.String,
    "opportunity_key": pl.String,
    "customer_segment": pl.String,
    "team": pl.String,
    "stage_name": pl.String,
    "days_in_stage": pl.Int64,
    "amount": pl.Decimal(18, 2),
    "expected_close_date": pl.Date,
    "baseline_probability": pl.Float64,
    "is_closed_later": pl.Boolean,
    "is_won_later": pl.Boolean,
    "won_date": pl.Date,
    "won_amount": pl.Decimal(18, 2),
}


def _cases(purpose: str, *, deals: int, seed: int = 3) -> pl.DataFrame:
    """Deals with an outcome drawn from the known chances; the baseline knows nothing but the share of all."""
    random, names = np.random.default_rng(seed), true_hazards()
    segment = ["big", "small"] * (deals // 2) + ["big"] * (deals % 2)
    stage = [STAGES[number] for number in random.integers(0, 3, deals)]
    age = random.integers(0, 60, deals).tolist()
    chance = win_probabilities(
        known_chances(), hazards=names, places=names.places(segment=segment, stage=stage, age=age)
    )
    won = random.random(deals) < chance
    amount = [float(value) for value in random.integers(1, 100, deals) * 100]
    return pl.DataFrame(
        {
            "purpose": [purpose] * deals,
            "opportunity_key": [f"{number:04}" for number in range(deals)],
            "customer_segment": segment,
            "team": ["north"] * deals,
            "stage_name": stage,
            "days_in_stage": age,
            "amount": amount,
            "expected_close_date": [date(2026, 2, 14)] * deals,
            "baseline_probability": [0.6] * deals,
            "is_closed_later": [True] * deals,
            "is_won_later": won,
            "won_date": [CUTOFFS["holdout"].until if is_won else None for is_won in won],
            "won_amount": [value if is_won else None for value, is_won in zip(amount, won, strict=True)],
        },
        schema_overrides=CASES,
    ).select(*CASES)


def _inputs(*, days: pl.DataFrame | None = None, cases: pl.DataFrame | None = None) -> Inputs:
    days = lived(known_chances(), deals=400, days=1000, seed=0) if days is None else days
    cases = pl.concat([_cases("today", deals=30), _cases("holdout", deals=200)]) if cases is None else cases
    both = pl.concat([days.select(pl.lit(purpose).alias("purpose"), pl.all()) for purpose in ("fit", "holdout")])
    return Inputs(
        as_of=AS_OF,
        parameters={},
        cutoffs=CUTOFFS,
        frames={"days": both, "cases": cases},
        fits=FitBook(as_of=AS_OF),
    )


def _methods(outcome: Outcome) -> set[str]:
    return set(outcome.tables["pipeline_forecasts"]["method"])


def test_a_model_that_knows_more_than_the_baseline_is_published() -> None:
    outcome = predict_wins(_inputs())
    scores = {score.measure: score for score in outcome.scores}
    assert (outcome.warnings, outcome.notes, _methods(outcome)) == ((), (), {"stage_hazards"})
    assert [scores[measure].is_better for measure in ("brier", "auc", "calibration_error")] == [True, True, True]
    assert scores["auc"].baseline == 0.5
    assert scores["bias"].value == pytest.approx(0, abs=0.08)
    assert scores["amount_bias"].value == pytest.approx(1, abs=0.15)
    assert {score.case_count for score in outcome.scores} == {200}
    deals = outcome.tables["opportunity_win_probabilities"]
    assert deals["is_publishable"].all()
    assert (deals["lower_probability"] <= deals["win_probability"]).all()
    assert (deals["win_probability"] <= deals["upper_probability"]).all()
    assert {table.name for table in FAMILY.writes} == set(outcome.tables)
    for table in FAMILY.writes:
        assert outcome.tables[table.name].columns == list(table.columns)


def test_a_model_that_loses_is_withheld_with_a_warning() -> None:
    """The deals of the holdout went the other way round."""
    cases = pl.concat([_cases("today", deals=30), _cases("holdout", deals=200)])
    outcome = predict_wins(_inputs(cases=cases.with_columns(is_won_later=~pl.col("is_won_later"))))
    (warning,) = outcome.warnings
    assert "on 200 deals is worse than" in warning
    assert _methods(outcome) == {"stage_share"}
    assert not outcome.tables["opportunity_win_probabilities"]["is_publishable"].any()
    sums = outcome.tables["pipeline_forecasts"]
    assert sums["expected_amount"].to_list() == sums["baseline_amount"].to_list()
    assert sums["expected_count"].sum() > 0


@pytest.mark.parametrize("outcome_missing", ["won", "lost"])
def test_too_few_outcomes_end_in_the_baseline_with_a_note(outcome_missing: str) -> None:
    days = lived(known_chances(), deals=400, days=1000, seed=0)
    outcome = predict_wins(_inputs(days=days.filter(pl.col("destination") != outcome_missing)))
    (note,) = outcome.notes
    assert f"0 {outcome_missing}" in note
    assert "10 of each are needed" in note
    assert (outcome.warnings, outcome.scores, _methods(outcome)) == ((), (), {"stage_share"})


def test_a_back_test_of_too_few_deals_ends_in_the_baseline_with_a_note() -> None:
    for deals, is_enough in ((9, False), (10, True)):
        outcome = predict_wins(_inputs(cases=pl.concat([_cases("today", deals=3), _cases("holdout", deals=deals)])))
        assert (outcome.notes == ()) is is_enough
    assert (
        "9 of the 9 deals open on the holdout day can be judged, 10 are needed"
        in predict_wins(_inputs(cases=_cases("holdout", deals=9))).notes[0]
    )


@pytest.mark.parametrize("deals", [0, 1])
def test_it_bears_an_empty_company(deals: int) -> None:
    nothing = counted(np.zeros((3, 3, 11, 6), dtype=np.int64))
    cases = _cases("today", deals=deals).with_columns(
        pl.lit(None, dtype=CASES[name]).alias(name)
        for name in ("amount", "expected_close_date", "baseline_probability")
    )
    outcome = predict_wins(_inputs(days=nothing, cases=cases))
    assert len(outcome.notes) == 1
    assert outcome.tables["opportunity_win_probabilities"].is_empty()
    assert outcome.tables["stage_win_probabilities"].is_empty()
    total = outcome.tables["pipeline_forecasts"].filter(pl.col("dimension") == "total")
    assert total.height == 13
    assert (total["expected_amount"].sum(), total["upper_amount"].sum(), total["expected_count"].sum()) == (0, 0, 0)
    assert set(total["unknown_amount_count"]) == {deals}


def test_a_deal_in_a_stage_never_seen_counts_with_the_baseline() -> None:
    cases = pl.concat([_cases("today", deals=1), _cases("holdout", deals=200)])
    cases = cases.with_columns(
        stage_name=pl.when(pl.col("purpose") == "today").then(pl.lit("Demo")).otherwise("stage_name")
    )
    outcome = predict_wins(_inputs(cases=cases))
    assert outcome.tables["opportunity_win_probabilities"].is_empty()
    total = outcome.tables["pipeline_forecasts"].filter(pl.col("dimension") == "total")
    expected = dict(zip(total["month"], total["expected_count"], strict=True))
    assert expected[date(2026, 2, 1)] == pytest.approx(0.6)
    assert sum(expected.values()) == pytest.approx(0.6)


def test_tonight_is_a_function_of_what_was_known() -> None:
    """The same with kept fits as with fresh ones."""
    first, inputs = predict_wins(_inputs()), _inputs()
    again = predict_wins(replace(inputs, fits=FitBook(as_of=AS_OF, kept=_used(inputs))))
    for name, frame in first.tables.items():
        assert_frame_equal(frame, again.tables[name], check_exact=True)
    assert again.scores == first.scores


def _used(inputs: Inputs) -> tuple[Any, ...]:
    predict_wins(inputs)
    return inputs.fits.used


def test_half_of_the_deals_that_will_be_won_are_won_by_the_day_it_says() -> None:
    """Each day one in ten is won and one in ten lost: half of the wins take 4 days (1 - 0.8^3 < 0.5 < 1 - 0.8^4)."""
    days = pl.DataFrame({"destination": ["won", "lost", "none"], "day_count": [1000, 1000, 8000]}).select(
        pl.lit("s").alias("customer_segment"),
        pl.lit("Demo").alias("stage_name"),
        pl.lit(0).alias("band_start_days"),
        pl.all(),
    )
    hazards = StageHazards.of(fit_hazards(days))
    said = prospects(
        hazards,
        deals=pl.DataFrame(
            {"customer_segment": ["s", "s", "t"], "stage_name": ["Demo", "Trial", "Demo"], "days_in_stage": [0, 0, 9]}
        ),
    )
    assert said.probability == pytest.approx([0.5, np.nan, 0.5], nan_ok=True)
    assert said.days_to_win == pytest.approx([4, np.nan, 4], nan_ok=True)
    assert said.curves[1][said.place] == pytest.approx([0.1, 0, 0.1])
    assert (said.lower[[0, 2]] < 0.5).all()
    assert (said.upper[[0, 2]] > 0.5).all()


def test_months_begin_with_the_present_one_and_end_with_their_last_day() -> None:
    months = forecast_months(date(2025, 11, 30))
    assert (months[0], months[1], months[2], months[-1]) == (
        date(2025, 11, 1),
        date(2025, 12, 1),
        date(2026, 1, 1),
        date(2026, 11, 1),
    )
    assert days_to_month_ends(date(2025, 11, 29), months[:3]).tolist() == [1, 32, 63]
    curves = np.linspace(0, 1, 101)[:, None]
    assert monthly_chances(curves, ends=np.array([1, 32, 63])) == pytest.approx(np.array([[0.01, 0.31, 0.31]]))


def test_the_baseline_puts_a_deal_into_the_month_of_the_seller() -> None:
    months = [date(2024, 5, 1), date(2024, 6, 1)]
    seller = [date(2024, 6, 1), date(2024, 4, 1), None, date(2024, 7, 1)]
    chances = chances_in_month(np.array([0.5, 0.4, 0.3, 0.2]), month=seller, months=months)
    assert chances.tolist() == [[0, 0.5], [0.4, 0], [0, 0], [0, 0]]


def test_the_example_of_the_handbook() -> None:
    """1,000 with 0.2 in May and 0.4 in June, 500 with 0.5 in June, one of unknown amount with 0.1 in May."""
    deals = pl.DataFrame(
        {"customer_segment": ["s", "s", "t"], "team": ["n", "m", "n"], "amount": [1000.0, 500.0, None]},
        schema_overrides={"amount": pl.Float64},
    )
    chances = np.array([[0.2, 0.4], [0.0, 0.5], [0.1, 0.0]])
    months = [date(2024, 5, 1), date(2024, 6, 1)]
    sums = sum_by_month(deals, months=months, chances=chances, scales=np.ones((1, 3)), baseline=chances / 2)
    total = sums.filter(pl.col("dimension") == "total")
    assert total["expected_amount"].to_list() == [200.0, 650.0]
    assert total["baseline_amount"].to_list() == [100.0, 325.0]
    assert total["expected_count"].to_list() == pytest.approx([0.3, 0.9])
    assert total["baseline_count"].to_list() == pytest.approx([0.15, 0.45])
    assert (total["open_count"].to_list(), total["unknown_amount_count"].to_list()) == ([3, 3], [1, 1])
    assert (total["lower_amount"].to_list(), total["upper_amount"].to_list()) == ([0, 0], [1000, 1500])
    parts = {
        member: amount
        for _, _, member, amount in sums.select("month", "dimension", "member", "expected_amount")
        .filter(pl.col("month") == months[1])
        .rows()
    }
    assert parts == {"total": 650.0, "s": 650.0, "t": 0.0, "n": 400.0, "m": 250.0}


def test_intervals_of_sums_cover_at_their_nominal_rate() -> None:
    """Four hundred pipelines of forty deals whose true chances differ from the stated ones as much as is said."""
    random = np.random.default_rng(11)
    chances: Floats = random.dirichlet([2, 1, 1, 3], size=40)[:, :3]
    amount = random.gamma(3, 1000, 40).round(2)
    deals = pl.DataFrame({"customer_segment": ["s"] * 40, "team": ["t"] * 40, "amount": amount})
    months = [date(2024, 5, 1), date(2024, 6, 1), date(2024, 7, 1)]
    scales = np.clip(random.normal(1, 0.15, (200, 1)), 0.2, 1.4) * np.ones((1, 40))
    sums = sum_by_month(deals, months=months, chances=chances, scales=scales, baseline=chances)
    total = sums.filter(pl.col("dimension") == "total")
    low, high = total["lower_amount"].to_numpy(), total["upper_amount"].to_numpy()
    factor = np.clip(random.normal(1, 0.15, (400, 1)), 0.2, 1.4)
    by_end = chances.cumsum(axis=1)[None] * factor[:, :, None]
    month = (random.random((400, 40))[:, :, None] >= by_end).sum(axis=2)
    brought = np.stack([np.where(month == number, amount, 0).sum(axis=1) for number in range(3)], axis=1)
    assert np.mean((brought >= low) & (brought <= high)) == pytest.approx(0.95, abs=0.02)
