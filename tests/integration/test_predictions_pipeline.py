"""Win probabilities and the pipeline forecast against what the simulation knows: parameters, outcomes, dates.

The truth is read directly; nothing of the models' way of counting is used twice. An observed share may lie 3.29
standard errors from its parameter (99.9 %). The company never changes (fixed seed): a test passes always or never.
"""

from __future__ import annotations

import json
from datetime import date
from math import sqrt

import polars as pl
import pytest

from tests.conftest import Company

Z = 3.29


@pytest.fixture(scope="module")
def deals(demo: Company) -> pl.DataFrame:
    """True deals that count in the end."""
    frame = pl.read_parquet(demo.truth / "opportunities.parquet").with_columns(pl.col("created_at").dt.date())
    return frame.filter(~pl.col("is_deleted_at_end"))


@pytest.fixture(scope="module")
def cutoffs(demo: Company) -> dict[str, date]:
    """Last day seen, by purpose."""
    return dict(demo.query("select purpose, through_date from predictions.pred_cutoffs"))


def _open_on(deals: pl.DataFrame, day: date) -> pl.DataFrame:
    return deals.filter((pl.col("created_at") <= day) & (pl.col("close_date").is_null() | (pl.col("close_date") > day)))


def test_win_probability_of_a_new_deal_is_near_the_parameter_of_its_segment(demo: Company) -> None:
    figures = json.loads((demo.truth / "kpi_truth.json").read_text())["figures"]
    wanted = {
        figure["member"]: (figure["expected"], figure["sample_size"])
        for figure in figures
        if figure["kpi"] == "win_rate_closed" and figure["expected"] is not None
    }
    found = demo.query(
        "select customer_segment, win_probability, lower_probability, upper_probability, method"
        " from kpi.kpi_win_probability where stage_name = 'Prospecting' and days_in_stage = 0"
    )
    assert {segment for segment, *_ in found} == {*wanted, "total"}
    for segment, probability, low, high, method in found:
        assert method == "stage_hazards"
        if segment != "total":
            parameter, size = wanted[segment]
            assert probability == pytest.approx(parameter, abs=Z * sqrt(parameter * (1 - parameter) / size))
            assert low <= parameter <= high


def test_it_is_likelier_to_win_the_further_a_deal_has_come(demo: Company) -> None:
    rows = demo.query(
        "select stage_name from kpi.kpi_win_probability where customer_segment = 'total' and days_in_stage = 0"
        " order by win_probability"
    )
    assert [stage for (stage,) in rows] == ["Prospecting", "Qualification", "Proposal", "Negotiation"]


def test_what_was_learned_is_every_outcome_by_the_day_of_the_fit(
    demo: Company, deals: pl.DataFrame, cutoffs: dict[str, date]
) -> None:
    """Imported deals have no way, and a deal closed on the day of its creation stood nowhere in the evening."""
    for purpose in ("fit", "holdout"):
        closed = deals.filter(
            ~pl.col("is_imported"),
            pl.col("close_date") <= cutoffs[purpose],
            pl.col("close_date") > pl.col("created_at"),
        )
        wanted = dict(closed.group_by("outcome_at_end").len().iter_rows())
        found = demo.query(
            "select destination, sum(day_count) from predictions.pred_stage_exposures"
            f" where purpose = '{purpose}' and destination in ('won', 'lost') group by destination"
        )
        assert {outcome: int(count) for outcome, count in found} == wanted


def test_the_open_deals_of_both_days_are_those_that_were_open(
    demo: Company, deals: pl.DataFrame, cutoffs: dict[str, date]
) -> None:
    for purpose in ("today", "holdout"):
        found = demo.query(
            "select opportunities.opportunity_id, cases.is_won_later from predictions.pred_opportunity_cases as cases"
            " inner join core.fct_opportunities as opportunities using (opportunity_key)"
            f" where cases.purpose = '{purpose}'"
        )
        wanted = _open_on(deals, cutoffs[purpose])
        assert {key for key, _ in found} == set(wanted["opportunity_id"])
        if purpose == "holdout":
            won = wanted.filter((pl.col("outcome_at_end") == "won") & (pl.col("close_date") <= cutoffs["fit"]))
            assert {key for key, is_won in found if is_won} == set(won["opportunity_id"])


def test_back_test_is_held_against_what_was_won_and_covers_it(
    demo: Company, deals: pl.DataFrame, cutoffs: dict[str, date]
) -> None:
    day = cutoffs["holdout"]
    won = _open_on(deals, day).filter(pl.col("outcome_at_end") == "won")
    wanted = dict(won.group_by(pl.col("close_date").dt.truncate("1mo")).len().iter_rows())
    rows = demo.query(
        "select month, actual_count, expected_count, is_covered from kpi.kpi_pipeline_forecast_accuracy"
        f" where is_backtest and dimension = 'total' and as_of_date = '{day}'"
    )
    assert {month: count for month, count, *_ in rows if count} == wanted
    assert all(is_covered for *_, is_covered in rows)
    expected = sum(count for _, _, count, _ in rows)
    assert abs(expected - won.height) <= Z * sqrt(_open_on(deals, day).height / 4)
    ((share,),) = demo.query(
        "select avg(case when is_covered then 1 else 0 end) from kpi.kpi_pipeline_forecast_accuracy where is_backtest"
    )
    assert share >= 0.95


def test_actual_amounts_are_those_of_deals_whose_amount_was_known(
    demo: Company, deals: pl.DataFrame, cutoffs: dict[str, date]
) -> None:
    day = cutoffs["holdout"]
    known = demo.query(
        "select opportunities.opportunity_id from predictions.pred_opportunity_cases as cases"
        " inner join core.fct_opportunities as opportunities using (opportunity_key)"
        " where cases.purpose = 'holdout' and cases.amount is not null"
    )
    won = _open_on(deals, day).filter(
        (pl.col("outcome_at_end") == "won") & pl.col("opportunity_id").is_in([key for (key,) in known])
    )
    ((actual,),) = demo.query(
        "select sum(actual_amount) from kpi.kpi_pipeline_forecast_accuracy where is_backtest and dimension = 'total'"
    )
    assert float(actual) == pytest.approx(won["amount"].sum(), abs=0.005)


def test_months_and_members_add_up_to_the_deals(demo: Company) -> None:
    ((amount, count),) = demo.query(
        "select sum(expected_amount), sum(win_probability) from predictions.pred_opportunity_forecasts"
    )
    sums = demo.query(
        "select dimension, sum(expected_amount), sum(expected_count) from kpi.kpi_pipeline_forecast group by dimension"
    )
    assert {dimension for dimension, *_ in sums} == {"total", "customer_segment", "team"}
    for _, expected, number in sums:
        assert float(expected) == pytest.approx(float(amount), rel=0.002)
        assert number == pytest.approx(count, rel=0.002)


def test_what_was_said_tonight_is_in_the_ledger(demo: Company) -> None:
    columns = "month, dimension, member, expected_amount, lower_amount, upper_amount, expected_count, method"
    said = demo.query(
        f"select {columns} from journal.pipeline_forecasts where as_of_date = '{demo.as_of}' order by all"
    )
    assert said == demo.query(f"select {columns} from kpi.kpi_pipeline_forecast order by all")
    assert len({month for month, *_ in said}) == 13


def test_scores_stand_in_the_ledger_beside_the_baseline(demo: Company) -> None:
    rows = demo.query(
        "select measure, value, baseline_value, is_better, case_count from journal.scorecards"
        f" where family = 'win_probability' and as_of_date = '{demo.as_of}'"
    )
    scores = {measure: rest for measure, *rest in rows}
    assert set(scores) == {"brier", "auc", "calibration_error", "bias", "amount_bias"}
    value, baseline, is_better, cases = scores["brier"]
    assert value <= baseline
    assert is_better
    assert (
        cases == demo.query("select count(*) from predictions.pred_opportunity_cases where purpose = 'holdout'")[0][0]
    )
