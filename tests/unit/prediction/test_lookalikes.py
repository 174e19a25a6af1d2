"""Look-alikes are learned from leads whose time is over, rated before their outcome was known, or withheld."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from dagster_project.prediction import Cutoff, FitBook, Inputs, Outcome
from dagster_project.prediction.lookalikes import FAMILY, area_under_curve, back_test, learn, lift_at

AS_OF, FIT = date(2025, 12, 31), date(2025, 12, 28)
START = date(2023, 1, 1)
MATURITY = 180


def _leads(count: int = 1500, *, seed: int = 1, turns: bool = False) -> pl.DataFrame:
    """Leads of three years: offices that looked at machines become best customers; `turns`: later the others do."""
    random = np.random.default_rng(seed)
    days = np.sort(random.integers(0, (AS_OF - START).days, count))
    office = random.random(count) < 0.4
    machines = random.random(count) < 0.3
    visits = random.poisson(1.0, count)
    late = turns & (days > 500)
    likely = np.where(late, ~office, office)
    chance = np.where(likely, np.where(machines, 0.5, 0.25), 0.04)
    created = [START + timedelta(days=int(day)) for day in days]
    best = random.random(count) < chance
    return pl.DataFrame(
        {
            "lead_key": [f"{number:05d}" for number in random.permutation(count)],
            "created_date": created,
            "outcome_date": [day + timedelta(days=MATURITY) for day in created],
            "lead_kind": random.choice(["enquiry", "event"], count),
            "lead_source": random.choice(["web", "referral", "event"], count),
            "customer_segment": np.where(office, "mid_market", "small_business"),
            "has_campaign": random.random(count) < 0.1,
            "web_visit_count": visits,
            "store_visit_count": np.zeros(count, dtype=np.int64),
            "product_category": np.where(machines, "Machines", "unknown"),
            "is_open": ~best,
            "is_best_customer": best,
        }
    ).with_columns(
        is_best_customer=pl.when(pl.col("outcome_date") <= FIT).then("is_best_customer"),
    )


def _predict(leads: pl.DataFrame, *, fits: FitBook | None = None, least: int = 50) -> Outcome:
    return FAMILY.predict(
        Inputs(
            as_of=AS_OF,
            parameters={"lookalike_min_customers": least, "prediction_holdout_months": 6},
            cutoffs={"today": Cutoff(AS_OF, AS_OF), "fit": Cutoff(FIT, FIT), "holdout": Cutoff(date(2025, 6, 28), FIT)},
            frames={"leads": leads},
            fits=FitBook(as_of=AS_OF) if fits is None else fits,
        )
    )


def _table(outcome: Outcome) -> pl.DataFrame:
    return outcome.tables["lookalike_leads"]


@pytest.fixture(scope="module")
def planted() -> Outcome:
    return _predict(_leads())


def test_what_the_best_have_in_common_is_found_and_said(planted: Outcome) -> None:
    auc, lift, brier = planted.scores
    assert (auc.measure, lift.measure, brier.measure) == ("auc", "lift_at_10_percent", "brier")
    assert auc.value == pytest.approx(0.74, abs=0.05)
    assert lift.value == pytest.approx(2.1, abs=0.5)
    assert [score.is_better for score in planted.scores] == [True, True, True]
    assert (planted.warnings, planted.notes) == ((), ())

    first = _table(planted).join(_leads(), on="lead_key").sort("best_customer_rate", descending=True).row(0, named=True)
    assert (first["customer_segment"], first["product_category"]) == ("mid_market", "Machines")
    assert first["method"] == "lookalikes"
    assert first["reason"].startswith("Like our best customers: mid market, looked at Machines")
    assert first["best_customer_rate"] > first["usual_rate"] > 0.1


def test_only_open_leads_are_rated_and_each_once(planted: Outcome) -> None:
    opened = _leads().filter("is_open").sort("lead_key")
    assert _table(planted)["lead_key"].to_list() == opened["lead_key"].to_list()


def test_shuffled_outcomes_rank_like_chance() -> None:
    """Labels are shuffled within the leads whose outcome is known; 0.05 are two standard errors of this many."""
    leads = _leads(3000, seed=3)
    known = leads.filter(pl.col("is_best_customer").is_not_null())
    shuffled = known.with_columns(pl.col("is_best_customer").shuffle(seed=7))
    outcome = _predict(pl.concat([shuffled, leads.filter(pl.col("is_best_customer").is_null())]))
    assert outcome.scores[0].value == pytest.approx(0.5, abs=0.05)
    method = "lookalikes" if outcome.scores[0].is_better else "baseline"
    assert _table(outcome)["method"].unique().to_list() == [method]


def test_what_held_once_and_no_more_is_withheld_with_a_warning() -> None:
    outcome = _predict(_leads(turns=True))
    auc = outcome.scores[0]
    assert auc.value == pytest.approx(0.38, abs=0.05)
    assert auc.is_better is False
    assert outcome.notes == ()
    assert len(outcome.warnings) == 1
    assert "the rate of the source is published" in outcome.warnings[0]
    table = _table(outcome)
    assert table["method"].unique().to_list() == ["baseline"]
    assert table["best_customer_rate"].n_unique() == 3
    assert table["reason"].str.contains("of the leads through (web|referral|event) became best customers").all()


def test_too_few_best_customers_are_a_note_and_the_rate_of_the_source() -> None:
    leads = _leads()
    best = int(leads["is_best_customer"].sum())
    outcome = _predict(leads, least=best + 1)
    known = leads["is_best_customer"].drop_nulls().len()
    needed = f"no look-alikes: {best} of {known} leads became best customers, and {best + 1} are needed"
    assert outcome.notes == (needed,)
    assert (outcome.scores, outcome.warnings) == ((), ())
    assert _table(outcome)["method"].unique().to_list() == ["baseline"]
    assert _predict(leads, least=best).notes == ()


def test_the_order_of_rows_does_not_matter(planted: Outcome) -> None:
    again = _predict(_leads().sample(fraction=1, shuffle=True, seed=4))
    assert again.scores == planted.scores
    assert _table(again).equals(_table(planted))


def test_open_leads_and_later_outcomes_teach_nothing(planted: Outcome) -> None:
    """Outcomes that end after the fit, and leads that are still running, leave rates and scores as they were."""
    leads = _leads()
    is_late = pl.col("outcome_date") > FIT
    seen = leads.with_columns(
        is_best_customer=pl.when(is_late).then(pl.lit(value=True)).otherwise("is_best_customer"),
        web_visit_count=pl.when(is_late).then(99).otherwise("web_visit_count"),
    )
    again = _predict(seen)
    assert again.scores == planted.scores
    old = leads.filter(~is_late).select("lead_key")
    assert _table(again).join(old, on="lead_key").equals(_table(planted).join(old, on="lead_key"))


def test_a_half_year_is_rated_by_what_was_known_when_it_began() -> None:
    known = _leads().filter(pl.col("is_best_customer").is_not_null()).sort("lead_key")
    latest = back_test(known, through=FIT, months=6)[0]
    turned = known.with_columns(
        is_best_customer=pl.col("is_best_customer") ^ (pl.col("outcome_date") > latest.learned_through)
    )
    again = back_test(turned, through=FIT, months=6)[0]
    assert (again.model == latest.model).all()
    assert (again.source == latest.source).all()
    assert (again.outcomes == 1 - latest.outcomes).all()


def test_a_fit_is_kept_until_an_outcome_changes() -> None:
    leads = _leads().sort("lead_key")
    book = FitBook(as_of=AS_OF)
    first = _predict(leads, fits=book)
    kept = FitBook(as_of=AS_OF, kept=book.used)
    assert _predict(leads, fits=kept).scores == first.scores
    changed = leads.with_columns(is_best_customer=pl.col("is_best_customer") ^ (pl.int_range(pl.len()) == 0))
    other = FitBook(as_of=AS_OF, kept=book.used)
    _predict(changed, fits=other)
    assert (book.fresh_count, kept.fresh_count, other.fresh_count) == (1, 0, 1)


def test_degenerate_leads_are_rated_by_their_source() -> None:
    leads = _leads(60)
    alike = leads.with_columns(
        lead_kind=pl.lit("event"),
        lead_source=pl.lit(None, pl.String),
        customer_segment=pl.lit("unknown"),
        product_category=pl.lit(None, pl.String),
        has_campaign=pl.lit(None, pl.Boolean),
        web_visit_count=pl.lit(None, pl.Int64),
    )
    everybody = leads.with_columns(is_best_customer=pl.lit(value=True))
    for frame in (leads.clear(), leads.head(1), alike, everybody):
        outcome = _predict(frame, least=1)
        table = _table(outcome)
        assert table.height == frame["is_open"].sum()
        assert table["best_customer_rate"].is_between(0, 1).all()
        assert table["method"].unique().to_list() in ([], ["baseline"])
        assert len(outcome.notes) + len(outcome.warnings) == 1


def test_a_value_that_few_leads_have_is_no_feature() -> None:
    known = _leads().filter(pl.col("is_best_customer").is_not_null())
    rare = known.with_columns(
        lead_kind=pl.when(pl.int_range(pl.len()) < 9).then(pl.lit("rare")).otherwise("lead_kind"),
        product_category=pl.when(pl.int_range(pl.len()) < 10).then(pl.lit("Tea")).otherwise("product_category"),
    )
    coefficients = learn(rare).coefficients or {}
    assert "lead_kind:rare" not in coefficients
    assert "product_category:Tea" in coefficients
    assert "store_visit_count" not in coefficients  # nobody was in a store


def test_area_under_the_curve_compares_within_a_part_and_halves_equal_scores() -> None:
    scores, outcomes = np.array([0.1, 0.4, 0.4, 0.8]), np.array([0.0, 1.0, 0.0, 1.0])
    assert area_under_curve([(scores, outcomes)]) == pytest.approx(roc_auc_score(outcomes, scores)) == 0.875
    higher = (scores + 10, outcomes)  # a part of higher scores is no better
    assert area_under_curve([(scores, outcomes), higher]) == 0.875
    assert area_under_curve([(scores, np.ones(4))]) is None
    assert area_under_curve([]) is None


def test_lift_shares_the_places_among_equal_scores() -> None:
    outcomes = np.array([1.0, 0, 0, 0, 0, 0, 0, 0, 0, 1.0])
    assert lift_at(0.1, [(np.arange(10.0), outcomes)]) == 5.0
    assert lift_at(0.1, [(-np.arange(10.0), outcomes)]) == 5.0
    assert lift_at(0.2, [(np.arange(10.0), outcomes)]) == 2.5
    assert lift_at(0.1, [(np.zeros(10), outcomes)]) == 1.0
    assert lift_at(0.1, [(np.zeros(10), np.zeros(10))]) is None
