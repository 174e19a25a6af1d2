"""Clusters are called by what sets them apart, each by a name of its own that is short enough for a list."""

from __future__ import annotations

import pytest

from dagster_project.prediction.cluster_names import LONGEST, Portrait, differences_of, names_of


def _portrait(
    differences: dict[str, float] | None = None, means: dict[str, float] | None = None, overall: float = 0.5
) -> Portrait:
    shares = means or {}
    return Portrait(differences or {}, shares, dict.fromkeys(shares, overall))


@pytest.mark.parametrize(
    ("portrait", "name"),
    [
        (_portrait(), "Customers"),
        (_portrait({"orders_per_year": 0.39, "basket_amount": -0.39}), "Customers"),
        (_portrait({"orders_per_year": 0.4, "basket_amount": -0.41}), "Frequent customers, small baskets"),
        (_portrait({"orders_per_year": -0.4, "basket_amount": 0.4}), "Occasional customers, large baskets"),
        (_portrait({"recency_days": 1, "orders_per_year": -2}), "Dormant customers, few orders"),
        (_portrait({"tenure_days": -1}), "New customers"),
        (_portrait({"tickets_per_year": 2}, {"is_business": 0.8}), "Businesses, many service calls"),
        (_portrait({}, {"is_business": 0.79}), "Customers"),
        (_portrait({}, {"is_business": 0.05}), "Private customers"),
        (_portrait({}, {"is_business": 1.0}, overall=0.99), "Customers"),
        (_portrait({}, {"category:Coffee": 0.63, "category:Tea": 0.62}), "Customers buying Coffee"),
        (_portrait({}, {"category:Coffee": 0.61}), "Customers"),
    ],
)
def test_a_cluster_is_named_after_what_is_worth_saying(portrait: Portrait, name: str) -> None:
    assert names_of([portrait]) == [name]


def test_clusters_that_would_be_called_alike_get_one_more_word_each() -> None:
    alike = {"basket_amount": 3.0, "refund_rate": 2.0}
    portraits = [_portrait(alike), _portrait({**alike, "is_under_contract": 1.0}), _portrait({"basket_amount": -3.0})]
    assert names_of(portraits) == [
        "Customers, large baskets, many returns",
        "Customers, large baskets, many returns, under contract",
        "Customers, small baskets",
    ]


def test_what_no_word_can_tell_apart_is_numbered() -> None:
    assert names_of([_portrait({"basket_amount": 3.0})] * 3) == [
        "Customers, large baskets",
        "Customers, large baskets (2)",
        "Customers, large baskets (3)",
    ]


def test_names_stay_short_whatever_a_category_is_called() -> None:
    longest = {"recency_days": 9.0, "is_under_contract": 8.0, "basket_amount": 7.0, "tickets_per_year": 6.0}
    portrait = _portrait(longest, {"is_business": 0.0, "category:" + "Donaudampfschifffahrt " * 3: 1.0})
    names = names_of([portrait] * 9)
    assert len(set(names)) == 9
    assert max(map(len, names)) <= LONGEST


def test_differences_are_told_in_words_the_greatest_first() -> None:
    portrait = _portrait(
        {"basket_amount": -1, "orders_per_year": 2, "category:Tea": 0.5, "is_business": -0.45, "store_rate": 0.41}
    )
    assert differences_of(portrait) == "order more often, smaller baskets, more Tea, more often private"
    assert differences_of(_portrait({"basket_amount": 0.1})) == "like all customers"
