"""The family of next best offers: judges the ranking of offers by its back-test; all else is dbt models."""

from __future__ import annotations

from typing import Any

import polars as pl

from dagster_project.prediction.family import Family, Inputs, Outcome, Score, Table

MIN_CASES = 20
"""Customers who bought something new in the back-test that it takes to judge the ranking."""
DECIDING_COUNT = 3
"""The ranking must not lose against the most popular products when so many offers are looked at."""

VERDICT = Table(
    name="next_best_offer_verdict",
    description="One row: which ranking of offers is published tonight, and why.",
    columns={
        "method": "varchar",
        "reason": "varchar",
        "case_count": "bigint",
        "hit_count": "bigint",
        "popular_hit_count": "bigint",
    },
)


def judge_offers(inputs: Inputs) -> Outcome:
    """Compare the hits of the ranked offers with those of the most popular products.

    Args:
        inputs: The frame `hits`, one row per member and number of offers looked at.

    Returns:
        A verdict, `model` or `popular`; a hit rate per row of the frame; a warning when the model lost.
    """
    rows = inputs.frames["hits"].to_dicts()
    deciding = [row for row in rows if row["member"] == "total" and row["offer_count"] == DECIDING_COUNT]
    cases, hits, popular_hits = (
        int(sum(row[name] for row in deciding)) for name in ("case_count", "hit_count", "popular_hit_count")
    )
    method, reason = _verdict(cases, hits, popular_hits)
    columns = {"case_count": cases, "hit_count": hits, "popular_hit_count": popular_hits}
    verdict = pl.DataFrame({"method": [method], "reason": [reason], **{name: [n] for name, n in columns.items()}})
    is_judged = cases >= MIN_CASES
    lost = f"next best offers lost against the most popular products, which are published instead: {reason}"
    return Outcome(
        tables={VERDICT.name: verdict},
        scores=tuple(_score(row, inputs=inputs) for row in rows),
        warnings=(lost,) if is_judged and method == "popular" else (),
        notes=() if is_judged else (f"next best offers were not judged, so popular products are published: {reason}",),
        detail=f"{hits} of {cases} cases, most popular {popular_hits}",
    )


def _verdict(cases: int, hits: int, popular_hits: int) -> tuple[str, str]:
    if cases < MIN_CASES:
        return "popular", f"{cases} customers bought something new in the back-test, {MIN_CASES} are needed"
    reason = (
        f"{hits} of {cases} customers bought one of {DECIDING_COUNT} offers, {popular_hits} one of the most popular"
    )
    return ("model" if hits >= popular_hits else "popular"), reason


def _score(row: dict[str, Any], *, inputs: Inputs) -> Score:
    cases, hits, popular_hits = row["case_count"], row["hit_count"], row["popular_hit_count"]
    cutoff = inputs.cutoffs["holdout"]
    return Score(
        model="ranking",
        member=row["member"],
        measure=f"hit_rate_at_{row['offer_count']}",
        value=hits / cases if cases else None,
        baseline=popular_hits / cases if cases else None,
        is_better=hits > popular_hits if cases else None,
        learned_through=cutoff.through,
        watched_until=cutoff.until,
        case_count=cases,
    )


FAMILY = Family(
    name="next_best_offer",
    description="Whether ranked offers meet what customers buy next better than the most popular products do.",
    owner="data_science",
    reads={
        "hits": "select member, offer_count, case_count, hit_count, popular_hit_count from predictions.pred_offer_hits"
        " order by member, offer_count",
    },
    models=("predictions.pred_offer_hits",),
    writes=(VERDICT,),
    predict=judge_offers,
)
