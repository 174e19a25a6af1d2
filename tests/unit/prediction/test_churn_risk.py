"""Churn risk: a law put into the data is found, chance is not; the rule stands in where no model can or does win."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dagster_project.prediction import churn_features, churn_models, churn_risk
from dagster_project.prediction.family import Cutoff, Inputs, Outcome
from dagster_project.prediction.fits import FitBook

AS_OF = date(2025, 12, 31)
PARAMETERS = {
    "churn_min_customers": 500,
    "churn_min_losses": 50,
    "churn_risk_overdue_factor": 2.0,
    "churn_risk_min_orders": 3,
    "reporting_currency": "EUR",
}


def _cases(count: int = 400, *, customer_type: str = "buyer", seed: int = 1) -> pl.DataFrame:
    """Customers on seven snapshots, whose loss follows from silence and complaints by a known law."""
    draw = np.random.default_rng(seed)
    size = count * 7
    number = np.repeat(np.arange(7), count)
    gap = draw.uniform(10, 90, size)
    silence = draw.integers(0, 180, size)
    complaints = draw.poisson(0.4, size)
    chance = 1 / (1 + np.exp(-(silence / 30 - 3 + 1.5 * complaints)))
    is_lost = draw.uniform(size=size) < chance
    days = [AS_OF - timedelta(days=0 if step == 0 else 180 + 60 * (int(step) - 1)) for step in number]
    zeros = np.zeros(size, dtype=np.int64)
    return pl.DataFrame(
        {
            "snapshot_number": number,
            "snapshot_date": days,
            "outcome_date": [day + timedelta(days=180) for day in days],
            "customer_key": [f"{customer_type}{index % count:05d}" for index in range(size)],
            "customer_type": [customer_type] * size,
            "tenure_days": silence + 300,
            "days_since_last_order": silence,
            "purchase_day_count": zeros + 4,
            "usual_gap_days": gap,
            "overdue_ratio": silence / gap,
            "order_count_90d": zeros + 1,
            "order_count_360d": zeros + 4,
            "ticket_count_90d": complaints,
            "complaint_count_90d": complaints,
            "last_satisfaction_score": [None] * size,
            "return_count_180d": zeros,
            "mailing_count_180d": zeros + 2,
            "reaction_count_180d": zeros + 1,
            "has_unsubscribed": [False] * size,
            "visit_count_90d": zeros,
            "active_contract_count": zeros,
            "contract_end_date": [None] * size,
            "days_to_contract_end": [None] * size,
            "is_loyalty_member": [True] * size,
            "is_lost": is_lost,
        },
        schema_overrides={
            "last_satisfaction_score": pl.Float64,
            "contract_end_date": pl.Date,
            "days_to_contract_end": pl.Int64,
        },
    ).with_columns(
        *(
            pl.lit(100).cast(pl.Decimal(18, 2)).alias(f"revenue_{span}_amount")
            for span in ("90d", "prior_90d", "180d", "prior_180d")
        ),
        is_lost=pl.when(pl.col("snapshot_number") > 0).then(pl.col("is_lost")),
    )


def _predict(cases: pl.DataFrame, **parameters: object) -> Outcome:
    return churn_risk.predict(
        Inputs(
            as_of=AS_OF,
            parameters=PARAMETERS | parameters,
            cutoffs={"fit": Cutoff(AS_OF, AS_OF)},
            frames={"cases": cases},
            fits=FitBook(as_of=AS_OF),
        )
    )


def _verdict(outcome: Outcome, customer_type: str = "buyer") -> tuple[str | None, bool, str]:
    row = outcome.tables["churn_risk_verdicts"].row(by_predicate=pl.col("customer_type") == customer_type, named=True)
    return row["grade"], row["is_published"], row["reason"]


@pytest.fixture(scope="module")
def cases() -> pl.DataFrame:
    return _cases()


@pytest.fixture(scope="module")
def outcome(cases: pl.DataFrame) -> Outcome:
    return _predict(cases)


def test_a_law_that_the_rule_cannot_see_is_found_and_graded_a(outcome: Outcome) -> None:
    grade, is_published, _ = _verdict(outcome)
    figures = {score.measure: score for score in outcome.scores}
    assert (grade, is_published) == ("A", True)
    assert set(figures) == {"auc", "brier", "lift_at_10_percent"}
    assert (figures["auc"].value or 0) > 0.8
    assert {(score.learned_through, score.watched_until) for score in outcome.scores} == {
        (AS_OF - timedelta(days=180), AS_OF)
    }
    assert outcome.warnings == ()


def test_probabilities_are_near_the_law_and_every_customer_of_today_has_one(
    cases: pl.DataFrame, outcome: Outcome
) -> None:
    today = cases.filter(pl.col("snapshot_number") == 0).join(
        outcome.tables["churn_risk_scores"], on="customer_key", how="left"
    )
    law = 1 / (1 + np.exp(-(today["days_since_last_order"] / 30 - 3 + 1.5 * today["complaint_count_90d"]).to_numpy()))
    said = today["model_probability"].to_numpy()
    assert np.abs(said - law).mean() < 0.06
    assert today["model_probability"].is_between(0, 1).all()


def test_expected_and_observed_losses_agree_in_every_tenth(outcome: Outcome) -> None:
    tenths = outcome.tables["churn_risk_calibration"]
    assert tenths["decile"].to_list() == list(range(1, 11))
    assert tenths["case_count"].sum() == 400
    assert (tenths["expected_rate"] - tenths["observed_rate"]).abs().max() < 0.2  # type: ignore[operator]
    assert tenths["expected_rate"].is_sorted(descending=True)


def test_shuffled_outcomes_teach_nothing(cases: pl.DataFrame) -> None:
    draw = np.random.default_rng(7)
    shuffled = cases.with_columns(
        is_lost=pl.when(pl.col("is_lost").is_not_null()).then(pl.Series(draw.permutation(cases.height) % 2 == 0))
    )
    result = _predict(shuffled)
    auc = next(score.value for score in result.scores if score.measure == "auc")
    assert auc == pytest.approx(0.5, abs=0.09)  # three standard errors of 400 cases


def test_the_design_does_not_see_the_outcome_nor_the_days(cases: pl.DataFrame) -> None:
    changed = cases.with_columns(
        is_lost=~pl.col("is_lost"), outcome_date=pl.lit(None, pl.Date), snapshot_date=pl.lit(AS_OF), snapshot_number=9
    )
    assert np.array_equal(churn_features.design(cases), churn_features.design(changed))


def test_what_comes_after_the_last_outcome_does_not_move_the_model(cases: pl.DataFrame, outcome: Outcome) -> None:
    is_today = pl.col("snapshot_number") == 0
    later = cases.filter(~is_today | (pl.col("customer_key") > "buyer00200"))
    kept = _predict(later).tables["churn_risk_scores"]
    before = outcome.tables["churn_risk_scores"].filter(pl.col("customer_key") > "buyer00200")
    assert kept.equals(before)


def test_a_model_that_does_not_beat_the_rule_is_withheld_with_a_warning(cases: pl.DataFrame) -> None:
    turned = cases.with_columns(  # the back-test is lost by another law than the one learned before
        is_lost=pl.when(pl.col("snapshot_number") == 1).then(pl.col("complaint_count_90d") == 0).otherwise("is_lost")
    )
    result = _predict(turned)
    grade, is_published, reason = _verdict(result)
    assert (grade, is_published) == ("C", False)
    assert result.warnings == (f"churn risk of customer type buyer: {reason}",)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (pl.lit(value=False), "0 losses in past snapshots"),
        (pl.lit(value=True), "0 customers stayed in past snapshots"),
    ],
)
def test_nobody_lost_or_everybody_ends_in_the_rule_with_a_note(cases: pl.DataFrame, change: pl.Expr, why: str) -> None:
    result = _predict(cases.with_columns(is_lost=pl.when(pl.col("snapshot_number") > 0).then(change)))
    assert _verdict(result)[:2] == (None, False)
    assert any(why in note for note in result.notes)
    scores = result.tables["churn_risk_scores"]
    assert scores["model_probability"].null_count() == scores.height == 400
    assert scores["rule_probability"].null_count() == 0
    assert (result.scores, result.warnings) == ((), ())


def test_one_customer_less_than_the_minimum_ends_in_the_rule(cases: pl.DataFrame) -> None:
    assert _verdict(_predict(cases, churn_min_customers=1200))[0] == "A"
    assert _verdict(_predict(cases, churn_min_customers=1201)) == (
        None,
        False,
        "1200 customers in past snapshots, fewer than 1201: the rule is published",
    )


def test_no_customer_at_all_gives_empty_tables(cases: pl.DataFrame) -> None:
    result = _predict(cases.clear())
    assert result.tables["churn_risk_scores"].height == 0
    assert result.tables["churn_risk_calibration"].height == 0
    assert result.tables["churn_risk_verdicts"]["case_count"].to_list() == [0, 0]
    assert len(result.notes) == 2


def test_unknown_and_infinite_features_do_no_harm(cases: pl.DataFrame) -> None:
    empty = cases.with_columns(
        pl.lit(None, pl.Int64).alias("days_since_last_order"),
        pl.lit(None, pl.Int64).alias("tenure_days"),
        pl.lit(float("nan")).alias("usual_gap_days"),
        pl.lit(float("inf")).alias("overdue_ratio"),
    )
    assert np.isfinite(churn_features.design(empty)).all()
    scores = _predict(empty).tables["churn_risk_scores"]
    assert scores["model_probability"].is_between(0, 1).all()
    assert not scores["driver_1"].str.contains("NaN|nan").any()


def test_contracts_are_judged_apart_by_whether_their_end_is_known() -> None:
    contracts = _cases(60, customer_type="contract").with_columns(
        days_to_contract_end=pl.when(pl.col("is_lost").fill_null(value=True)).then(20),
        contract_end_date=pl.when(pl.col("is_lost").fill_null(value=True)).then(date(2026, 1, 20)),
    )
    scores = _predict(contracts).tables["churn_risk_scores"]
    assert scores["rule_probability"].min() > 0.9  # type: ignore[operator]
    assert scores["driver_1"].unique().to_list() == ["contract ends on 2026-01-20"]


def test_drivers_name_the_strongest_reasons_and_their_direction(cases: pl.DataFrame, outcome: Outcome) -> None:
    told = cases.filter(pl.col("snapshot_number") == 0).join(outcome.tables["churn_risk_scores"], on="customer_key")
    angry = told.filter((pl.col("complaint_count_90d") == 3) & (pl.col("days_since_last_order") < 60))
    assert (angry["driver_1"] == "3 complaints in 90 days (raises the risk)").all()
    silent = told.filter((pl.col("days_since_last_order") > 150) & (pl.col("complaint_count_90d") == 0))
    row = silent.row(0, named=True)
    assert row["driver_1"] == (
        f"bought last {row['days_since_last_order']} days ago, usually every {round(row['usual_gap_days'])} days"
        " (raises the risk)"
    )
    assert min(angry.height, silent.height) > 0


def test_the_same_data_gives_the_same_rows_from_kept_fits(cases: pl.DataFrame, outcome: Outcome) -> None:
    first = FitBook(as_of=AS_OF)
    inputs = Inputs(as_of=AS_OF, parameters=PARAMETERS, cutoffs={}, frames={"cases": cases}, fits=first)
    churn_risk.predict(inputs)
    second = FitBook(as_of=AS_OF + timedelta(days=1), kept=first.used)
    again = churn_risk.predict(replace(inputs, fits=second))
    assert second.fresh_count == 0
    assert again.tables["churn_risk_scores"].equals(outcome.tables["churn_risk_scores"])


def test_measures_count_ties_by_half_and_share_the_last_place() -> None:
    is_lost = np.array([True] * 5 + [False] * 15)
    flat = churn_models.measure(np.full(20, 0.25), is_lost=is_lost)
    assert (flat.auc, flat.lift, flat.brier) == pytest.approx((0.5, 1.0, 0.1875))
    sharp = churn_models.measure(is_lost.astype(float), is_lost=is_lost)
    assert (sharp.auc, sharp.lift, sharp.brier) == pytest.approx((1.0, 4.0, 0.0))


def test_the_rule_draws_thin_cells_to_the_share_of_all() -> None:
    rates = churn_models.fit_rule(np.array([0] * 30 + [1] * 10), is_lost=np.array([True] * 10 + [False] * 30))
    assert rates[:3] == pytest.approx([12.5 / 40, 2.5 / 20, 0.25])
    assert churn_models.fit_rule(np.array([], dtype=np.int64), is_lost=np.array([], dtype=bool)) == [None] * 24
