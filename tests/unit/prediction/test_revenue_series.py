"""A series goes on as exponential smoothing or a naive rule say, with intervals that hold as often as they claim."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from dagster_project.prediction.revenue_series import (
    Floats,
    Paths,
    fit_smoothing,
    naive_paths,
    naive_scale,
    shared_draws,
    smoothed,
    smoothing_paths,
)

DRAWS = shared_draws(horizon=6, ways=1_000)


def _smoothed_level(seed: int, *, months: int, alpha: float = 0.3, spread: float = 10.0) -> Floats:
    """Months of the very process that simple exponential smoothing is right about."""
    shocks = np.random.default_rng(seed).normal(0.0, spread, months)
    return 200.0 + shocks + alpha * np.concatenate([[0.0], np.cumsum(shocks)[:-1]])


def _forecast(values: Floats) -> Paths:
    paths = smoothing_paths(values, fit_smoothing(values), DRAWS)
    assert paths is not None
    return paths


def test_intervals_hold_about_four_times_in_five() -> None:
    hits = []
    for seed in range(40):
        months = _smoothed_level(seed, months=42)
        low, high = _forecast(months[:36]).bounds(0.80)
        hits.append((low <= months[36:]) & (months[36:] <= high))
    assert np.mean(hits) == pytest.approx(0.80, abs=0.09)  # 0.77 over 300 seeds; six figures of a series hang together


def test_what_is_expected_and_its_spread_are_those_of_the_process() -> None:
    values = _smoothed_level(3, months=48)
    parameters = {"is_log": False, "trend": False, "season": False, "values": [0.3]}
    paths = smoothing_paths(values, parameters, shared_draws(horizon=6, ways=20_000))
    assert paths is not None
    assert paths.expected == pytest.approx(np.asarray(smoothed(values, parameters).forecast(6)), abs=0.5)
    spread = paths.ways.std(axis=1)
    assert spread == pytest.approx(spread[0] * np.sqrt(1 + 0.3**2 * np.arange(6)), rel=0.03)
    assert spread[0] == pytest.approx(10, rel=0.25)


def test_growth_that_fades_is_followed_and_not_extended_for_ever() -> None:
    steps = np.arange(42)
    truth = 1_000.0 * (1 - np.exp(-(steps + 3) / 12))
    noise = np.random.default_rng(1).normal(0, 5, 42)
    values = truth + noise
    assert fit_smoothing(values[:36])["trend"] is True
    assert _forecast(values[:36]).expected == pytest.approx(truth[36:], rel=0.03)


def test_a_season_is_found_from_two_years_on_and_not_where_there_is_none() -> None:
    steps = np.arange(54)
    values = 500.0 + 150 * np.sin(steps * np.pi / 6) + np.random.default_rng(2).normal(0, 8, 54)
    parameters = fit_smoothing(values[:48])
    assert parameters["season"] is True
    assert _forecast(values[:48]).expected == pytest.approx(values[48:], abs=40)
    assert fit_smoothing(values[:23]).get("season") is False
    assert [fit_smoothing(_smoothed_level(seed, months=36))["season"] for seed in range(8)] == [False] * 8


def test_figures_that_grow_by_shares_are_smoothed_as_logarithms() -> None:
    noise = np.random.default_rng(4).normal(0, 0.3, 40)
    values = 100 * np.exp(0.04 * np.arange(40) + noise)
    assert fit_smoothing(values)["is_log"] is True
    assert fit_smoothing(np.append(values[:-1], 0.0))["is_log"] is False


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.arange(12.0), "12 complete months, 13 are needed"),
        (np.zeros(0), "0 complete months, 13 are needed"),
        (np.full(30, 7.0), "all months are the same"),
    ],
)
def test_what_cannot_be_fitted_says_why(values: Floats, why: str) -> None:
    assert fit_smoothing(values) == {"failure": why}


def test_months_never_below_zero_are_not_expected_below_it_and_others_may_be() -> None:
    values = np.abs(_smoothed_level(5, months=30, spread=90.0) - 200)
    values[-3:] = 0.0
    low, _ = _forecast(values).bounds(0.80)
    assert low.min() >= 0
    debts = values - 100.0
    assert _forecast(debts).bounds(0.80)[0].min() < 0
    assert naive_paths(debts, DRAWS, averaged=1).bounds(0.80)[0].min() < 0
    assert naive_paths(values, DRAWS, averaged=1).bounds(0.80)[0].min() >= 0


def test_a_forecast_that_runs_wild_is_none() -> None:
    values = np.exp(np.linspace(0, 1, 20))
    wild = {"is_log": True, "trend": True, "season": False, "values": [1.0, 1.0, 0.98], "aicc": 0.0}
    values[-1] = 400.0
    assert smoothing_paths(values, wild, DRAWS) is None


def test_naive_forecasts_average_and_spread_as_their_own_errors_did() -> None:
    values = np.array([10.0, 20.0, 30.0, 20.0, 40.0])
    paths = naive_paths(values, DRAWS[:2], averaged=2)
    assert paths.expected.tolist() == [30.0, 30.0]
    # Said after months 2, 3, 4: 15, 25, 25; came one month ahead: 30, 20, 40, and two ahead: 20, 40.
    assert set(np.round(paths.ways[0] - 30.0, 9)) == {15.0, -5.0}
    assert set(np.round(paths.ways[1] - 30.0, 9)) == {5.0, 15.0}
    last = naive_paths(values, DRAWS[:1], averaged=1)
    assert last.expected.tolist() == [40.0]
    assert set(np.round(last.ways[0] - 40.0, 9)) == {10.0, -10.0, 20.0}


def test_three_months_have_a_naive_forecast_without_spread() -> None:
    paths = naive_paths(np.array([1.0, 2.0, 3.0]), DRAWS, averaged=6)
    assert paths.expected.tolist() == [2.0] * 6
    assert np.ptp(paths.ways) == 0


def test_the_scale_is_the_average_change() -> None:
    assert naive_scale(np.array([1.0, 3.0, 2.0])) == 1.5
    assert naive_scale(np.array([2.0, 2.0])) is None
    assert naive_scale(np.array([2.0])) is None


def test_the_expected_figure_lies_within_its_bounds_however_skewed_the_ways() -> None:
    ways = np.array([[0.0] * 99 + [1_000.0]])
    low, high = Paths(ways.mean(axis=1), ways).bounds(0.80)
    assert (low.tolist(), high.tolist()) == ([0.0], [10.0])


def test_nothing_of_statsmodels_reaches_the_console() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(3):
            _forecast(np.round(_smoothed_level(seed, months=26, spread=60.0)))
        fit_smoothing(np.r_[np.zeros(12), 1.0, np.zeros(12)])
