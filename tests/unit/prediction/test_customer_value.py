"""The customer value family on drawn buyers: what is published, what is withheld and why, what is fitted and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from threadpoolctl import threadpool_limits

from dagster_project.errors import CrmError
from dagster_project.prediction import Fit, Outcome
from dagster_project.prediction.customer_value import FAMILY, predict_values
from dagster_project.prediction.value.backtest import deciles, scores_of
from dagster_project.prediction.value.fitting import ContractFit
from dagster_project.prediction.value.scoring import amount_interval, horizon_after
from tests.unit.prediction.buyers import AS_OF, CUTOFFS, Buyers, draw, inputs_of


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As `predict` runs the families."""
    with threadpool_limits(limits=1):
        yield


@pytest.fixture(scope="module")
def buyers() -> Buyers:
    return draw(600)


@pytest.fixture(scope="module")
def night(buyers: Buyers) -> tuple[Outcome, tuple[Fit, ...]]:
    inputs = inputs_of(buyers)
    return predict_values(inputs), inputs.fits.used


def _verdicts(outcome: Outcome) -> dict[str, bool]:
    return dict(outcome.tables["customer_value_verdicts"].select("member", "is_published").iter_rows())


def _figure(outcome: Outcome, measure: str, member: str = "total") -> tuple[float | None, float | None]:
    found = [s for s in outcome.scores if s.measure == measure and s.member == member]
    return found[0].value, found[0].baseline


def _parameters(outcome: Outcome, purpose: str) -> pl.DataFrame:
    return outcome.tables["customer_value_parameters"].filter(pl.col("purpose") == purpose)


def test_a_model_that_beats_the_average_is_published(night: tuple[Outcome, tuple[Fit, ...]]) -> None:
    outcome, _ = night
    error, error_of_baseline = _figure(outcome, "mae")
    assert error is not None
    assert error_of_baseline is not None
    assert error < error_of_baseline
    assert _verdicts(outcome) == {"consumer": True}
    assert _figure(outcome, "published", "consumer") == (1.0, None)
    assert (outcome.warnings, outcome.notes) == ((), ())


def test_what_is_expected_before_the_holdout_is_what_comes(night: tuple[Outcome, tuple[Fit, ...]]) -> None:
    outcome, _ = night
    ratio, _ = _figure(outcome, "purchases_ratio")
    bias, _ = _figure(outcome, "bias")
    actual = outcome.tables["customer_value_holdout"]["actual_amount"].cast(pl.Float64).mean()
    assert ratio == pytest.approx(1.0, abs=0.15)
    assert isinstance(actual, float)
    assert bias == pytest.approx(0.0, abs=0.2 * actual)


def test_every_declared_column_is_written(night: tuple[Outcome, tuple[Fit, ...]]) -> None:
    outcome, _ = night
    assert {table.name: set(table.columns) for table in FAMILY.writes} == {
        name: set(frame.columns) for name, frame in outcome.tables.items()
    }


def test_a_model_that_loses_is_withheld_with_a_warning(buyers: Buyers) -> None:
    outcome = predict_values(inputs_of(buyers, baseline="prophet"))
    assert _verdicts(outcome) == {"consumer": False}
    assert len(outcome.warnings) == 1
    assert "against 0.00 of the baseline for" in outcome.warnings[0]
    nights = outcome.tables["customer_values_by_segment"]
    assert nights["model"].to_list() == ["baseline"]


def test_too_few_repeat_buyers_are_no_model_and_the_sentence_says_how_many(buyers: Buyers) -> None:
    inputs = inputs_of(buyers, clv_min_customers=100_000)
    repeat = inputs.frames["histories"].filter((pl.col("purpose") == "holdout") & (pl.col("repeat_purchase_days") > 0))
    outcome = predict_values(inputs)
    assert outcome.notes == (
        f"customer value of total is the baseline: {repeat.height} repeat buyers by 2025-06-28 are fewer than 100,000",
    )
    assert outcome.warnings == ()
    assert outcome.scores == ()
    assert inputs.fits.used == ()
    assert outcome.tables["customer_value_scores"]["predicted_amount"].is_null().all()


def test_just_as_many_repeat_buyers_as_needed_are_enough(buyers: Buyers) -> None:
    seen = inputs_of(buyers).frames["histories"].filter(pl.col("purpose") == "holdout")
    repeat = seen.filter(pl.col("repeat_purchase_days") > 0).height
    assert _verdicts(predict_values(inputs_of(buyers, clv_min_customers=repeat)))["consumer"]
    assert not _verdicts(predict_values(inputs_of(buyers, clv_min_customers=repeat + 1)))["total"]


_LATER = pl.when(pl.col("day") > pl.col("day").min().over("customer_key"))


def _changed(buyers: Buyers, margin: pl.Expr) -> Buyers:
    return replace(buyers, purchases=buyers.purchases.with_columns(margin.alias("margin")))


@pytest.mark.parametrize(
    ("margin", "reason"),
    [
        (pl.lit(None, dtype=pl.Float64), "no repeat purchase has a known positive margin"),
        (pl.lit(0.0), "no repeat purchase has a known positive margin"),
        (-pl.col("margin"), "no repeat purchase has a known positive margin"),
        (_LATER.then(-0.01).otherwise(pl.col("margin")), "no repeat purchase has a known positive margin"),
        (_LATER.then(pl.col("margin")).otherwise(-5_000.0), "losses and returns took all margin of the purchases"),
        (pl.lit(20.0), "all purchases have the same margin"),
    ],
    ids=["unknown", "nothing", "negative", "positive in first purchases only", "lost in first purchases", "constant"],
)
def test_without_a_margin_the_baseline_is_published(buyers: Buyers, margin: pl.Expr, reason: str) -> None:
    outcome = predict_values(inputs_of(_changed(buyers, margin)))
    assert _verdicts(outcome) == {"consumer": False}
    assert reason in outcome.notes[0]


def test_customers_who_all_bought_once_are_no_model(buyers: Buyers) -> None:
    once = buyers.purchases.group_by("customer_key").agg(pl.all().sort_by("day").first())
    outcome = predict_values(inputs_of(Buyers(once, buyers.segments), clv_min_customers=0))
    assert not any(_verdicts(outcome).values())
    assert len(outcome.notes) == 1


def test_customers_who_never_leave_are_no_model() -> None:
    steady = [
        (f"c{number:03}", AS_OF - timedelta(days=day)) for number in range(200) for day in range(number % 7, 700, 7)
    ]
    purchases = pl.DataFrame(steady, schema=["customer_key", "day"], orient="row").with_columns(
        margin=10.0 + pl.col("day").dt.day() + pl.col("customer_key").str.slice(1).cast(pl.Float64)
    )
    segments = purchases.select("customer_key").unique().with_columns(customer_segment=pl.lit("consumer"))
    outcome = predict_values(inputs_of(Buyers(purchases, segments)))
    assert not any(_verdicts(outcome).values())
    assert "drop-out" in outcome.notes[0] or "bound" in outcome.notes[0]


@pytest.mark.parametrize("count", [0, 1])
def test_an_empty_company_and_one_customer_end_in_the_baseline(buyers: Buyers, count: int) -> None:
    few = buyers.segments.sort("customer_key").head(count)
    outcome = predict_values(inputs_of(Buyers(buyers.purchases.join(few, on="customer_key", how="semi"), few)))
    assert outcome.tables["customer_value_scores"].height == count
    assert len(outcome.notes) == count
    assert outcome.warnings == ()


def test_a_segment_with_enough_repeat_buyers_has_a_fit_of_its_own_and_the_others_share_that_of_all(
    buyers: Buyers,
) -> None:
    few = draw(40, segment="office", seed=2)
    both = Buyers(pl.concat([buyers.purchases, few.purchases]), pl.concat([buyers.segments, few.segments]))
    inputs = inputs_of(both)
    outcome = predict_values(inputs)
    assert set(_verdicts(outcome)) == {"consumer", "other_segments"}
    rows = {(fit.model, fit.member): fit.row_count for fit in inputs.fits.used}
    assert rows["mbg_nbd", "consumer"] == buyers.segments.height - _later_than_fit(buyers)
    assert rows["mbg_nbd", "other_segments"] == both.segments.height - _later_than_fit(both)


def _later_than_fit(buyers: Buyers) -> int:
    first = buyers.purchases.group_by("customer_key").agg(pl.col("day").min())
    return first.filter(pl.col("day") > CUTOFFS["fit"].through).height


def test_a_fit_is_used_again_on_the_same_data(buyers: Buyers, night: tuple[Outcome, tuple[Fit, ...]]) -> None:
    first, fits = night
    inputs = inputs_of(buyers, kept=fits)
    again = predict_values(inputs)
    assert inputs.fits.fresh_count == 0
    for name, frame in first.tables.items():
        assert frame.equals(again.tables[name]), name


def test_what_comes_after_the_holdout_does_not_change_what_was_fitted_before_it(
    buyers: Buyers, night: tuple[Outcome, tuple[Fit, ...]]
) -> None:
    outcome, fits = night
    late = buyers.purchases.filter(pl.col("day") > CUTOFFS["holdout"].through)
    more = late.with_columns(pl.col("day") - timedelta(days=1), pl.col("margin") * 3).filter(
        pl.col("day") > CUTOFFS["holdout"].through
    )
    changed = Buyers(pl.concat([buyers.purchases, more]).unique(["customer_key", "day"], keep="first"), buyers.segments)
    inputs = inputs_of(changed, kept=fits)
    later = predict_values(inputs)
    assert _parameters(later, "holdout").equals(_parameters(outcome, "holdout"))
    assert not _parameters(later, "fit").equals(_parameters(outcome, "fit"))
    columns = ["customer_key", "expected_purchases", "predicted_amount", "lower_amount", "upper_amount"]
    expected = outcome.tables["customer_value_holdout"].select(columns)
    assert later.tables["customer_value_holdout"].select(columns).equals(expected)


def test_purchases_that_nobody_expected_lead_to_a_new_fit_through_the_day_of_the_run(buyers: Buyers) -> None:
    rush = buyers.segments.select("customer_key", day=pl.lit(date(2025, 12, 30)), margin=pl.lit(30.0))
    inputs = inputs_of(replace(buyers, purchases=pl.concat([buyers.purchases, rush]).unique(["customer_key", "day"])))
    outcome = predict_values(inputs)
    assert "customer value was fitted anew through 2025-12-31" in outcome.notes[-1]
    assert {fit.fitted_through for fit in inputs.fits.used if fit.model == "mbg_nbd"} == {AS_OF}
    assert {fit.fitted_through for fit in inputs.fits.used if fit.model == "mbg_nbd_holdout"} == {
        CUTOFFS["holdout"].through
    }


def test_without_discount_a_value_is_purchases_times_margin(buyers: Buyers) -> None:
    scores = predict_values(inputs_of(buyers, annual_discount_rate=0.0)).tables["customer_value_scores"]
    product = (scores["expected_purchases"] * scores["purchase_margin_amount"]).to_numpy()
    np.testing.assert_allclose(scores["predicted_amount"].to_numpy(), product, atol=0.01 + 0.006 * 60)
    cheaper = predict_values(inputs_of(buyers)).tables["customer_value_scores"]["predicted_amount"]
    assert cheaper.sum() < scores["predicted_amount"].sum()


def test_who_bought_once_is_expected_to_spend_what_all_spend(night: tuple[Outcome, tuple[Fit, ...]]) -> None:
    outcome, _ = night
    margins = outcome.tables["customer_value_scores"]["purchase_margin_amount"]
    values, counts = np.unique(margins.to_numpy(), return_counts=True)
    assert counts.max() > 100
    assert values[counts.argmax()] == pytest.approx(6.0 * 100.0 / 5.0, rel=0.1)


def test_the_other_model_is_a_choice(buyers: Buyers) -> None:
    outcome = predict_values(inputs_of(buyers, clv_model="bg_nbd"))
    assert set(outcome.tables["customer_value_verdicts"]["model"]) == {"bg_nbd"}


def _contracts(count: int, *, lost: int) -> pl.DataFrame:
    rows = [
        (purpose, f"contract{number:03}", number % 20, number < lost, None if number < lost else 10.0)
        for purpose in CUTOFFS
        for number in range(count)
    ]
    columns = ["purpose", "customer_key", "renewal_count", "is_lost", "monthly_margin_amount"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def test_contracts_are_worth_their_months_to_come(buyers: Buyers) -> None:
    outcome = predict_values(inputs_of(buyers, contracts=_contracts(60, lost=12)))
    scores = outcome.tables["customer_value_scores"].filter(pl.col("member") == "contracts")
    lost, running = scores.filter(~pl.col("has_contract")), scores.filter(pl.col("has_contract"))
    assert lost["predicted_amount"].to_list() == [0.0] * 12
    months, amounts = running["expected_contract_months"], running["predicted_amount"]
    assert months.is_between(6, 12).all()
    assert (amounts < months * 10).all()
    assert ((running["lower_amount"] < amounts) & (amounts < running["upper_amount"])).all()


@pytest.mark.parametrize(
    ("count", "lost", "reason"),
    [(29, 5, "29 contracts by 2025-06-28 are fewer than 30"), (30, 0, "no contract had ended by 2025-06-28")],
)
def test_too_few_contracts_or_none_that_ended_are_no_model(buyers: Buyers, count: int, lost: int, reason: str) -> None:
    outcome = predict_values(inputs_of(buyers, contracts=_contracts(count, lost=lost)))
    assert _verdicts(outcome) == {"consumer": True, "contracts": False}
    assert outcome.notes == (f"customer value of contracts is the baseline: {reason}",)


def test_one_rate_of_loss_holds_for_all_where_long_stays_do_not_differ_from_short_ones() -> None:
    stays = ContractFit(None, 0.1, "").stays(np.array([0.0, 24.0]), months=np.array([1.0, 2.0]))
    np.testing.assert_allclose(stays, [[0.9, 0.81], [0.9, 0.81]])


def test_months_of_the_horizon_are_those_of_the_calendar() -> None:
    horizon = horizon_after(date(2024, 1, 31), months=3, annual_discount_rate=3.0)
    assert horizon.ends.tolist() == [29, 60, 90]
    np.testing.assert_allclose(horizon.factors, [4 ** (-1 / 12), 4 ** (-2 / 12), 4 ** (-3 / 12)])
    assert horizon_after(date(2025, 12, 15), months=1, annual_discount_rate=0.0).ends.tolist() == [31]


def test_an_interval_covers_as_many_as_it_says() -> None:
    random = np.random.default_rng(3)
    bought = random.random(20_000) < 0.7
    amounts = np.where(bought, random.gamma(2.0, 50.0, 20_000), 0.0)
    spread = 0.7 * (2.0 * 50.0**2 + 100.0**2) - 70.0**2
    lower, upper = amount_interval(np.array([70.0]), variance=np.array([spread]), nothing=np.array([0.3]))
    assert lower[0] == 0.0
    assert (amounts > upper[0]).mean() == pytest.approx(0.1, abs=0.01)
    lower, upper = amount_interval(np.array([100.0]), variance=np.array([2.0 * 50.0**2]), nothing=np.zeros(1))
    inside = (amounts[bought] >= lower[0]) & (amounts[bought] <= upper[0])
    assert inside.mean() == pytest.approx(0.8, abs=0.015)


def test_an_interval_without_spread_or_without_anything_to_come_is_a_point() -> None:
    mean = np.array([10.0, 0.0, -5.0, np.nan])
    lower, upper = amount_interval(mean, variance=np.zeros(4), nothing=np.array([0.0, 1.0, 0.0, 0.0]))
    np.testing.assert_allclose(lower, mean, rtol=1e-4)
    np.testing.assert_allclose(upper, mean, rtol=1e-4)


def test_equal_predictions_share_their_decile_and_their_place_among_the_best() -> None:
    assert deciles(np.array([0.0, 0.0, 3.0, 4.0])).tolist() == [5, 5, 8, 10]
    frame = pl.DataFrame(
        {
            "member": ["total"] * 20,
            "predicted_amount": [9.0] * 4 + [1.0] * 16,
            "baseline_amount": [1.0] * 20,
            "actual_amount": [10.0, 10.0, 0.0, 0.0, *[0.0] * 16],
            "lower_amount": [0.0] * 20,
            "upper_amount": [9.5] * 20,
            "expected_purchases": [0.5] * 20,
            "actual_purchases": [1] * 20,
        }
    )
    scores = scores_of(frame, model="mbg_nbd", learned_through=date(2025, 1, 1), watched_until=date(2025, 7, 1))
    figures = {score.measure: [score.value, score.baseline] for score in scores}
    assert figures["top_decile_capture"] == pytest.approx([0.5, 0.1])
    assert figures["bias"] == pytest.approx([1.6, 0.0])
    assert figures["mae"] == pytest.approx([1.8, 1.8])
    assert figures["calibration_error"] == pytest.approx([1.6, 0.0])
    assert figures["coverage"] == [pytest.approx(0.9), None]
    assert figures["purchases_ratio"] == [pytest.approx(0.5), None]
    is_better = {score.measure: score.is_better for score in scores}
    assert is_better["top_decile_capture"]
    assert is_better["mae"]
    assert is_better["bias"] is False
    assert is_better["coverage"] is None


def test_a_model_nobody_knows_is_one_sentence() -> None:
    with pytest.raises(CrmError, match="the customer value model 'lognormal' is unknown") as told:
        predict_values(inputs_of(draw(50), clv_model="lognormal"))
    assert "seeds/kpi_parameters.csv" in str(told.value)
