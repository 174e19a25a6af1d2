"""The verdict on offers: what is published follows from the hits of the back-test, and a lost one is said aloud."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from dagster_project.prediction import Cutoff, FitBook, Inputs, Outcome
from dagster_project.prediction.next_best_offer import FAMILY, MIN_CASES, judge_offers

HOLDOUT = Cutoff(date(2025, 6, 28), date(2025, 12, 28))
SCHEMA = ("member", "offer_count", "case_count", "hit_count", "popular_hit_count")


def _judged(*rows: tuple[str, int, int, int, int]) -> Outcome:
    types = [pl.String, pl.Int64, pl.Int64, pl.Int64, pl.Int64]
    hits = pl.DataFrame(rows, schema=dict(zip(SCHEMA, types, strict=True)), orient="row")
    as_of = date(2025, 12, 31)
    return judge_offers(
        Inputs(
            as_of=as_of, parameters={}, cutoffs={"holdout": HOLDOUT}, frames={"hits": hits}, fits=FitBook(as_of=as_of)
        )
    )


@pytest.mark.parametrize(
    ("hits", "popular_hits", "method", "warning_count"),
    [(90, 80, "model", 0), (80, 80, "model", 0), (79, 80, "popular", 1)],
)
def test_the_ranking_is_published_unless_it_loses_at_three_offers(
    hits: int, popular_hits: int, method: str, warning_count: int
) -> None:
    outcome = _judged(
        ("person", 3, 200, 0, 99),
        ("total", 1, 200, 0, 99),
        ("total", 3, 200, hits, popular_hits),
        ("total", 5, 200, 0, 99),
    )
    reason = f"{hits} of 200 customers bought one of 3 offers, {popular_hits} one of the most popular"
    assert outcome.tables["next_best_offer_verdict"].rows() == [(method, reason, 200, hits, popular_hits)]
    assert len(outcome.warnings) == warning_count
    assert all(reason in warning for warning in outcome.warnings)
    assert outcome.notes == ()
    assert outcome.detail == f"{hits} of 200 cases, most popular {popular_hits}"


@pytest.mark.parametrize(
    ("cases", "method", "note_count"), [(MIN_CASES, "model", 0), (MIN_CASES - 1, "popular", 1), (0, "popular", 1)]
)
def test_a_handful_of_cases_proves_nothing(cases: int, method: str, note_count: int) -> None:
    outcome = _judged(("total", 3, cases, cases, 0))
    assert outcome.tables["next_best_offer_verdict"]["method"].to_list() == [method]
    assert (len(outcome.notes), outcome.warnings) == (note_count, ())
    assert all(f"{cases} customers bought something new" in note for note in outcome.notes)


def test_without_a_back_test_the_most_popular_products_are_published() -> None:
    outcome = _judged()
    assert outcome.tables["next_best_offer_verdict"].height == 1
    assert outcome.tables["next_best_offer_verdict"]["method"].to_list() == ["popular"]
    assert (len(outcome.notes), outcome.warnings, outcome.scores) == (1, (), ())


def test_every_member_and_number_of_offers_has_its_score() -> None:
    outcome = _judged(("business", 5, 0, 0, 0), ("person", 1, 40, 10, 10), ("total", 3, 40, 30, 20))
    nothing, even, better = outcome.scores
    assert (nothing.member, nothing.measure, nothing.value, nothing.baseline, nothing.is_better) == (
        *("business", "hit_rate_at_5"),
        *(None, None, None),
    )
    assert (even.measure, even.value, even.baseline, even.is_better) == ("hit_rate_at_1", 0.25, 0.25, False)
    assert (better.member, better.value, better.baseline, better.is_better) == ("total", 0.75, 0.5, True)
    assert (better.learned_through, better.watched_until, better.case_count) == (HOLDOUT.through, HOLDOUT.until, 40)


def test_the_verdict_has_the_declared_columns() -> None:
    (table,) = FAMILY.writes
    assert _judged().tables[table.name].columns == list(table.columns)
