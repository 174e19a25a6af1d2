"""A planted break is found with its month and size, and smooth courses raise no more false alarms than is said."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from dagster_project.prediction import Cutoff, FitBook, Inputs, Outcome
from dagster_project.prediction.trend_breaks import FAMILY, Floats, beyond_chance, find_break

AS_OF = date(2025, 12, 31)
STEPS = np.arange(24)


def _deviations(seed: int, *, lasting: float = 0.0, spread: float = 0.05) -> Floats:
    shocks = np.random.default_rng(seed).normal(0, spread, 60)
    for step in range(1, 60):
        shocks[step] += lasting * shocks[step - 1]
    deviations: Floats = shocks[-24:]
    return deviations


def _fading(seed: int, *, lasting: float = 0.0) -> Floats:
    """A company that grew from nothing and fills its market: steep at first, then ever flatter."""
    course: Floats = np.log(1_000 * (1 - np.exp(-(STEPS + 6) / 10)))
    return course + _deviations(seed, lasting=lasting)


def _run(series: Mapping[tuple[str, str], npt.NDArray[Any]]) -> Outcome:
    rows = [
        (
            measure,
            member,
            date(2023 + (11 + 24 - len(values) + step) // 12, (11 + 24 - len(values) + step) % 12 + 1, 1),
            v,
        )
        for (measure, member), values in series.items()
        for step, v in enumerate(values.tolist())
    ]
    frame = pl.DataFrame(rows, schema=["measure", "member", "month", "value"], orient="row")
    schema = {"measure": pl.String, "member": pl.String, "month": pl.Date, "value": pl.Float64}
    return FAMILY.predict(
        Inputs(
            as_of=AS_OF,
            parameters={"trend_break_window_months": 24, "trend_break_error_rate": 0.05},
            cutoffs={"fit": Cutoff(date(2025, 12, 28), date(2025, 12, 28))},
            frames={"months": frame if rows else pl.DataFrame(schema=schema)},
            fits=FitBook(as_of=AS_OF),
        )
    )


@pytest.mark.parametrize(("lasting", "factor"), [(0.0, 1), (0.4, 2)])
def test_a_smooth_course_raises_no_more_false_alarms_than_is_said(lasting: float, factor: int) -> None:
    found = [find_break(_fading(seed, lasting=lasting)) for seed in range(400)]
    probabilities = np.array([one.probability for one in found if one is not None])
    assert len(probabilities) == 400
    for rate in (0.01, 0.05):  # and two standard errors
        said = factor * rate
        assert np.mean(probabilities <= rate) <= said + 2 * np.sqrt(said * (1 - said) / 400)


def test_nights_with_even_one_false_alarm_among_their_series_are_rare() -> None:
    alarms = 0
    for night in range(60):
        found = [find_break(_fading(1_000 * night + series, lasting=0.3)) for series in range(18)]
        alarms += any(beyond_chance([one.probability for one in found if one], error_rate=0.05))
    assert alarms <= 7  # 3 are expected of 60; more than 7 come with a chance of less than 2 %


def test_a_planted_step_is_found_in_its_month_with_its_size() -> None:
    values = np.round(np.exp(np.log(70 + STEPS) + _deviations(3, spread=0.02)), 2)
    values[15:] = np.round(values[15:] * 0.6, 2)
    smooth = {("orders", f"segment_{number}"): np.exp(_fading(number)) for number in range(6)}
    outcome = _run({("orders", "consumer"): values, **smooth})
    (row,) = outcome.tables["trend_breaks"].filter("is_break").to_dicts()
    assert (row["member"], row["month"], row["break_type"]) == ("consumer", date(2025, 3, 1), "level")
    assert row["change_rate"] == pytest.approx(-0.4, abs=0.05)
    assert row["before_value"] == pytest.approx(values[12:15].mean(), abs=0.01)
    assert row["after_value"] == pytest.approx(values[15:18].mean(), abs=0.01)
    assert row["reason"].startswith("orders of consumer fell by 3")
    assert row["reason"].endswith(" % in March 2025 (84 a month before, 52 after)")


def test_a_planted_bend_is_found_and_told_from_a_step() -> None:
    course = np.where(STEPS < 12, 0.02 * STEPS, 0.24 - 0.08 * (STEPS - 12))
    (row,) = (
        _run({("revenue", "total"): np.exp(8 + course + _deviations(5, spread=0.01))}).tables["trend_breaks"].to_dicts()
    )
    assert row["is_break"]
    assert row["break_type"] == "slope"
    assert date(2024, 11, 1) <= row["month"] <= date(2025, 2, 1)
    assert row["reason"].startswith("revenue of all customers turned downwards in ")


def test_of_several_series_each_step_is_harder_as_holm_says() -> None:
    assert beyond_chance([0.03, 0.01, 0.02], error_rate=0.05) == [True, True, True]
    assert beyond_chance([0.03, 0.02, 0.02], error_rate=0.05) == [False, False, False]
    assert beyond_chance([0.2, 0.01, 0.04], error_rate=0.05) == [False, True, False]
    assert beyond_chance([], error_rate=0.05) == []


def test_short_empty_flat_and_negative_series_end_in_words_or_nothing() -> None:
    outcome = _run(
        {
            ("orders", "short"): np.arange(1.0, 18.0),
            ("orders", "flat"): np.full(24, 7.0),
            ("orders", "straight"): 5.0 + 2 * STEPS,
            ("orders", "gone"): np.zeros(24),
            ("revenue", "debts"): _deviations(1) * 100,
        }
    )
    assert outcome.notes == (
        "orders of flat: no break is looked for: nothing but a smooth course",
        "orders of short: no break is looked for: 17 complete months, 18 are needed",
    )
    assert set(outcome.tables["trend_breaks"]["member"]) >= {"debts"}
    assert _run({}).tables["trend_breaks"].is_empty()


def test_a_change_from_nothing_or_less_has_no_rate() -> None:
    values = _deviations(2) - 1.0
    values[12:] += 30.0
    (row,) = _run({("revenue", "total"): values}).tables["trend_breaks"].to_dicts()
    assert (row["change_rate"], row["break_type"], row["month"]) == (None, "level", date(2024, 12, 1))
    assert row["reason"] == "revenue of all customers rose in December 2024 (-1 a month before, 29 after)"
