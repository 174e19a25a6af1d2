"""Planted groups of customers are found, keep their names, and give way to plain groups when they lose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from dagster_project.prediction import Cutoff, FitBook, Inputs, Outcome
from dagster_project.prediction.cluster_names import LONGEST
from dagster_project.prediction.customer_clusters import FAMILY

AS_OF, FIT, ANCHOR = date(2025, 12, 31), date(2025, 12, 28), date(2024, 12, 31)
DAYS = {"anchor": ANCHOR, "fit": FIT, "today": AS_OF}
PER_GROUP = 90

GROUPS: Mapping[str, Mapping[str, float]] = {
    "regulars": {"orders_per_year": 14, "basket_amount": 30, "margin_per_year_amount": 200, "recency_days": 15},
    "machines": {"orders_per_year": 1, "basket_amount": 700, "margin_per_year_amount": 250, "recency_days": 200},
    "offices": {"orders_per_year": 5, "basket_amount": 300, "margin_per_year_amount": 900, "recency_days": 60},
}
CATEGORIES = {"regulars": "Coffee", "machines": "Machines", "offices": "Coffee"}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """As in the room: sums of floats depend on how many threads share them."""
    with threadpool_limits(limits=1):
        yield


def _profiles(purpose: str, *, seed: int, groups: Mapping[str, Mapping[str, float]] = GROUPS) -> pl.DataFrame:
    """Customers that scatter around what their group does; the key says nothing, `group` is for the test only."""
    random = np.random.default_rng(seed)
    rows = []
    for group, means in groups.items():
        noise = random.lognormal(0, 0.15, (PER_GROUP, len(means)))
        for number in range(PER_GROUP):
            values = {name: mean * noise[number, place] for place, (name, mean) in enumerate(means.items())}
            is_office = group == "offices"
            rows.append(
                {
                    "group": group,
                    "purpose": purpose,
                    "customer_key": f"{random.integers(2**60):016x}",
                    "through_date": DAYS[purpose],
                    "customer_type": "business" if is_office else "person",
                    **values,
                    "tenure_days": int(random.integers(400, 500)),
                    "discount_rate": 0.1 * random.random(),
                    "refund_rate": 0.0,
                    "personal_rate": 0.8 if is_office else 0.0,
                    "store_rate": 0.0,
                    "tickets_per_year": 6.0 * random.random() if is_office else 0.3 * random.random(),
                    "response_rate": 0.1 * random.random(),
                    "is_under_contract": is_office,
                    "following_margin_amount": 100.0 * random.random(),
                }
            )
    return pl.DataFrame(rows, infer_schema_length=None)


def _frames(**by_purpose: pl.DataFrame) -> dict[str, pl.DataFrame]:
    profiles = pl.concat(list(by_purpose.values()), how="vertical_relaxed")
    categories = profiles.select(
        "purpose",
        "customer_key",
        product_category=pl.col("group").replace_strict(CATEGORIES, default="Coffee"),
        category_rate=pl.lit(1.0),
    )
    return {"profiles": profiles, "categories": categories}


def _inputs(frames: Mapping[str, pl.DataFrame], *, fits: FitBook | None = None, least: int = 200) -> Inputs:
    return Inputs(
        as_of=AS_OF,
        parameters={"cluster_min_customers": least},
        cutoffs={"today": Cutoff(AS_OF, AS_OF), "fit": Cutoff(FIT, FIT), "holdout": Cutoff(date(2025, 6, 28), FIT)},
        frames={name: frame.drop("group", strict=False) for name, frame in frames.items()},
        fits=FitBook(as_of=AS_OF) if fits is None else fits,
    )


def _planted() -> dict[str, pl.DataFrame]:
    return _frames(anchor=_profiles("anchor", seed=1), fit=_profiles("fit", seed=2), today=_profiles("today", seed=3))


def _names(outcome: Outcome) -> list[str]:
    return outcome.tables["customer_cluster_names"]["cluster_name"].to_list()


def _score(outcome: Outcome, measure: str) -> Any:
    return next(score for score in outcome.scores if score.measure == measure)


@pytest.fixture(scope="module")
def planted() -> Outcome:
    return FAMILY.predict(_inputs(_planted()))


def test_planted_groups_are_found(planted: Outcome) -> None:
    truth = _planted()["profiles"].filter(purpose="today")
    found = planted.tables["customer_clusters"].join(truth, on="customer_key")
    assert found.height == truth.height == planted.tables["customer_clusters"].height
    assert adjusted_rand_score(found["group"], found["cluster_number"]) > 0.9
    assert found["typical_rate"].is_between(0, 1).all()
    assert (planted.warnings, planted.notes) == ((), ())


def test_the_scorecard_holds_the_anchor_against_the_fit(planted: Outcome) -> None:
    silhouette = _score(planted, "silhouette")
    assert silhouette.value > 0.3
    assert silhouette.value > silhouette.baseline
    assert silhouette.is_better
    assert (silhouette.learned_through, silhouette.watched_until) == (ANCHOR, FIT)
    assert _score(planted, "stability_in_time").value > 0.9
    assert _score(planted, "stability_in_halves").value > 0.9


def test_names_say_what_sets_a_group_apart(planted: Outcome) -> None:
    names = planted.tables["customer_cluster_names"]
    truth = _planted()["profiles"].filter(purpose="today").select("customer_key", "group")
    of = dict(
        planted.tables["customer_clusters"]
        .join(truth, on="customer_key")
        .join(names, on="cluster_number")
        .group_by("group")
        .agg(pl.col("cluster_name").mode().first())
        .rows()
    )
    assert of == {
        "regulars": "Frequent private customers buying Coffee, small baskets",
        "machines": "Dormant private customers buying Machines, few orders",
        "offices": "Businesses buying Coffee, under contract",
    }
    assert len(set(_names(planted))) == len(_names(planted))
    assert max(map(len, _names(planted))) <= LONGEST


def test_the_order_of_rows_does_not_matter(planted: Outcome) -> None:
    shuffled = {name: frame.sample(fraction=1, shuffle=True, seed=5) for name, frame in _planted().items()}
    again = FAMILY.predict(_inputs(shuffled))
    assert again.scores == planted.scores
    for name, frame in planted.tables.items():
        assert again.tables[name].equals(frame)


def test_a_week_later_clusters_have_moved_and_kept_their_names() -> None:
    anchor = _profiles("anchor", seed=1)
    first = FAMILY.predict(_inputs(_planted()))
    richer = {group: {**means, "basket_amount": means["basket_amount"] * 1.3} for group, means in GROUPS.items()}
    book = FitBook(as_of=AS_OF)
    later = _frames(anchor=anchor, fit=_profiles("fit", seed=9, groups=richer), today=_profiles("today", seed=3))
    second = FAMILY.predict(_inputs(later, fits=book))
    assert _names(second) == _names(first)
    assert {fit.model for fit in book.used} == {"anchor", "clusters"}


def test_customers_of_today_change_no_cluster(planted: Outcome) -> None:
    kept = FitBook(as_of=AS_OF)
    FAMILY.predict(_inputs(_planted(), fits=kept))
    others = {**GROUPS, "regulars": GROUPS["machines"]}
    frames = _frames(
        anchor=_profiles("anchor", seed=1),
        fit=_profiles("fit", seed=2),
        today=_profiles("today", seed=4, groups=others),
    )
    book = FitBook(as_of=AS_OF, kept=kept.used)
    outcome = FAMILY.predict(_inputs(frames, fits=book))
    assert book.fresh_count == 0
    assert outcome.tables["customer_cluster_names"].equals(planted.tables["customer_cluster_names"])


def test_what_follows_is_held_against_the_clusters_and_never_seen_by_them(planted: Outcome) -> None:
    frames = _planted()
    richer = pl.when(pl.col("group") == "offices").then(9_000.0).otherwise(1.0)
    frames["profiles"] = frames["profiles"].with_columns(following_margin_amount=richer)
    outcome = FAMILY.predict(_inputs(frames))
    for name, frame in planted.tables.items():
        assert outcome.tables[name].equals(frame)
    assert _score(outcome, "explained_margin").value > 0.9 > _score(planted, "explained_margin").value


def test_without_an_anchor_that_teaches_clusters_are_learned_from_the_fit() -> None:
    """A young company had too few customers then; or all of them were alike."""
    young = _profiles("anchor", seed=1).head(50)
    alike = _profiles("anchor", seed=1).with_columns(pl.selectors.numeric() * 0, pl.selectors.boolean() & False)
    for anchor in (young, young.clear(), alike.with_columns(customer_type=pl.lit("person"), group=pl.lit("regulars"))):
        frames = _frames(anchor=anchor, fit=_profiles("fit", seed=2), today=_profiles("today", seed=3))
        outcome = FAMILY.predict(_inputs(frames))
        assert len(_names(outcome)) == 3
        assert {score.learned_through for score in outcome.scores} == {FIT}


def test_clusters_that_lose_give_way_to_plain_groups() -> None:
    """At the anchor only tickets tell customers apart; at the fit only recency, frequency and margin do."""
    alike = dict.fromkeys(("orders_per_year", "basket_amount", "margin_per_year_amount"), 50.0) | {"recency_days": 50.0}
    random = np.random.default_rng(0)
    anchor = _profiles("anchor", seed=1, groups=dict.fromkeys(("a", "b", "c"), alike)).with_columns(
        tickets_per_year=pl.col("group").replace_strict({"a": 0.0, "b": 10.0, "c": 200.0})
    )
    apart = {"a": dict.fromkeys(alike, 500.0), "b": dict.fromkeys(alike, 2.0), "c": dict.fromkeys(alike, 500.0)}
    changed = [
        _profiles(purpose, seed=seed, groups=apart).with_columns(
            tickets_per_year=pl.Series(random.choice([0.0, 10.0, 200.0], 3 * PER_GROUP))
        )
        for purpose, seed in (("fit", 2), ("today", 3))
    ]
    outcome = FAMILY.predict(_inputs(_frames(anchor=anchor, fit=changed[0], today=changed[1])))
    assert _score(outcome, "silhouette").is_better is False
    assert outcome.tables["customer_cluster_names"]["method"].unique().to_list() == ["baseline"]
    assert "Bought lately, often, much margin" in _names(outcome)
    assert outcome.tables["customer_clusters"]["cluster_number"].is_between(1, 8).all()
    assert len(outcome.warnings) == 1
    assert "are published" in outcome.warnings[0]


def test_too_few_or_equal_customers_have_no_clusters_but_a_note() -> None:
    frames = _planted()
    few = FAMILY.predict(_inputs(frames, least=3 * PER_GROUP + 1))
    assert few.notes == ("no customer clusters: 270 customers, and 271 are needed",)
    plain = pl.col("orders_per_year", "basket_amount", "margin_per_year_amount", "recency_days", "tenure_days")
    rates = pl.col("discount_rate", "refund_rate", "personal_rate", "tickets_per_year", "response_rate")
    equal = frames["profiles"].with_columns(
        plain * 0 + 7, rates * 0, customer_type=pl.lit("person"), is_under_contract=pl.lit(value=True)
    )
    same = FAMILY.predict(_inputs({"profiles": equal, "categories": frames["categories"].clear()}))
    assert same.notes == ("no customer clusters: the 270 customers cannot be told apart",)
    nobody = FAMILY.predict(_inputs({name: frame.clear() for name, frame in frames.items()}))
    assert nobody.notes == ("no customer clusters: 0 customers, and 200 are needed",)
    for outcome in (few, same, nobody):
        assert [frame.height for frame in outcome.tables.values()] == [0, 0]
        assert (outcome.warnings, outcome.scores) == ((), ())


@pytest.mark.parametrize("unknown", [None, float("nan"), float("inf")])
def test_unknown_values_are_taken_for_the_median(unknown: float | None) -> None:
    frames = _planted()
    holes = pl.col("basket_amount", "response_rate", "discount_rate")
    every_third = pl.int_range(pl.len()) % 3 == 0
    frames["profiles"] = frames["profiles"].with_columns(
        pl.when(every_third).then(pl.lit(unknown, pl.Float64)).otherwise(holes).name.keep(),
        refund_rate=pl.lit(None, pl.Float64),
    )
    outcome = FAMILY.predict(_inputs(frames))
    truth = frames["profiles"].filter(purpose="today")
    found = outcome.tables["customer_clusters"].join(truth, on="customer_key")
    assert adjusted_rand_score(found["group"], found["cluster_number"]) > 0.5
    assert found["typical_rate"].is_finite().all()
