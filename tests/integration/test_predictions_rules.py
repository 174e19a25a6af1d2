"""Rules of the demo company: what the simulation planted is found, with intervals around the truth, and little else."""

from __future__ import annotations

import json
from math import sqrt

import pytest

from tests.conftest import Company

Z = 3.29
"""99.9 %; the company never changes: a test passes always or never."""

MACHINES = "('BW-M100', 'BW-M200', 'BW-M300', 'BW-M310')"
RULES = """
    with rules as (
        select
            rules.*,
            firsts.product_id as product_1,
            seconds.product_id as product_2,
            offered.product_id as offered
        from kpi.{mart} as rules
        inner join core.dim_products as firsts on rules.product_key_1 = firsts.product_key
        left join core.dim_products as seconds on rules.product_key_2 = seconds.product_key
        inner join core.dim_products as offered on rules.offered_product_key = offered.product_key
    )
"""
AFFINITIES, SEQUENCES = RULES.format(mart="kpi_product_affinities"), RULES.format(mart="kpi_product_sequences")


@pytest.fixture(scope="module")
def figures(demo: Company) -> dict[str, dict[str, float]]:
    """Truth by its parameter."""
    content = json.loads((demo.truth / "kpi_truth.json").read_text())["figures"]
    return {str(figure["parameter"]): figure for figure in content}


def test_what_lies_in_one_basket_is_found_with_its_share(demo: Company, figures: dict[str, dict[str, float]]) -> None:
    for antecedents, offered, parameter in (
        (MACHINES, "BW-G010", "grinder_with_machine"),
        ("('BW-C001')", "BW-C002", "tablets_with_descaler"),
    ):
        ((both, count, are_significant),) = demo.query(
            f"{AFFINITIES} select sum(both_count), sum(antecedent_count), bool_or(is_significant) from rules"
            f" where unit = 'basket' and antecedent_size = 1 and product_1 in {antecedents} and offered = '{offered}'"
        )
        expected = figures[parameter]["expected"]
        assert are_significant
        assert both / count == pytest.approx(expected, abs=Z * sqrt(expected * (1 - expected) / float(count)))


def test_every_significant_pair_of_a_basket_was_planted(demo: Company) -> None:
    # Grinder and frother go with machines, each with its own chance, and so with each other; tablets with the descaler.
    with_machines = {"BW-G010", "BW-A001", "BW-M100", "BW-M200", "BW-M300", "BW-M310"}
    pairs = demo.query(
        f"{AFFINITIES} select product_1, offered from rules"
        " where unit = 'basket' and antecedent_size = 1 and is_significant"
    )
    assert len(pairs) >= 8
    assert [pair for pair in pairs if not (set(pair) <= with_machines or set(pair) == {"BW-C001", "BW-C002"})] == []


def test_the_care_set_follows_machine_and_grinder_as_often_as_planted(
    demo: Company, figures: dict[str, dict[str, float]]
) -> None:
    rules = demo.query(
        f"{SEQUENCES} select both_count, antecedent_count, lower_rate, upper_rate, baseline_rate, is_significant"
        " from rules where antecedent_size = 2 and offered = 'BW-C001' and"
        f" (product_1 = 'BW-G010' and product_2 in {MACHINES} or product_2 = 'BW-G010' and product_1 in {MACHINES})"
    )
    assert len(rules) >= 3
    assert all(is_significant and lower > baseline for _, _, lower, _, baseline, is_significant in rules)
    both, count = sum(row[0] for row in rules), sum(row[1] for row in rules)
    expected = figures["sequence_confidence"]["expected"]
    assert both / count == pytest.approx(expected, abs=Z * sqrt(expected * (1 - expected) / count))
    ((lower, upper),) = demo.query(
        f"{SEQUENCES} select lower_rate, upper_rate from rules"
        " where antecedent_size = 1 and product_1 = 'BW-G010' and offered = 'BW-C001'"
    )
    assert lower < expected < upper


def test_every_significant_sequence_comes_from_the_planted_one(demo: Company) -> None:
    # Whoever orders the care set often takes tablets along; who has a machine has a grinder in one of three cases.
    rules = demo.query(
        f"{SEQUENCES} select product_1, product_2, offered, antecedent_size from rules where is_significant"
    )
    stray = [
        (one, other, offered)
        for one, other, offered, size in rules
        if offered not in {"BW-C001", "BW-C002"}
        or not ({one, other} & {"BW-G010", "BW-A001", "BW-M100", "BW-M200", "BW-M300", "BW-M310"})
        or size > 2
    ]
    assert len(rules) >= 5
    assert stray == []


def test_the_holdout_knows_less_than_today(demo: Company) -> None:
    ((shrunk, grown),) = demo.query(
        """
        select
            count(*) filter (where before.antecedent_count < today.antecedent_count),
            count(*) filter (where before.basket_count > today.basket_count)
        from predictions.pred_affinity_rules as today
        inner join predictions.pred_affinity_rules as before
            using (unit, offered_product_key, product_key_1, antecedent_size)
        where today.purpose = 'today' and before.purpose = 'holdout' and antecedent_size = 1
        """
    )
    assert shrunk > 50
    assert grown == 0


OWNED = """
    with learned as (
        select through_date from predictions.pred_rule_cutoffs where purpose = 'today'
    ),
    quantities as (
        select customer_key, product_key, quantity from core.fct_order_lines, learned
        where is_countable and order_date <= through_date
        union all
        select customer_key, product_key, -quantity from core.fct_returns, learned
        where is_countable and return_date <= through_date
    ),
    owned as (
        select customer_key, product_key from quantities where customer_key <> 'unknown' and product_key <> 'unknown'
        group by all having sum(quantity) > 0
    )
"""
"""What customers had on the last Sunday: counted from the facts."""


def test_rules_are_learned_through_the_last_sunday(demo: Company) -> None:
    ((through,),) = demo.query("select through_date from predictions.pred_rule_cutoffs where purpose = 'today'")
    assert through.isoweekday() == 7
    assert 0 <= (demo.as_of - through).days < 7
    assert demo.query("select max(order_date) from predictions.pred_rule_items where purpose = 'today'") == [(through,)]


def test_customers_have_in_rules_what_they_owned(demo: Company) -> None:
    is_ours = "unit = 'customer' and purpose = 'today'"
    ours = f"select basket_key, product_key from predictions.pred_basket_items where {is_ours}"
    assert demo.query(f"{OWNED} (({ours} except from owned) union all (from owned except {ours}))") == []
    rules = demo.query(
        f"""
        {OWNED},
        pairs as (
            select one.product_key as product_key_1, other.product_key as offered_product_key, count(*) as pair_count
            from owned as one inner join owned as other using (customer_key)
            group by all
        )
        select count(*), count(*) filter (where both_count = pair_count)
        from kpi.kpi_product_affinities left join pairs using (product_key_1, offered_product_key)
        where unit = 'customer' and antecedent_size = 1
        """
    )
    ((all_rules, equal),) = rules
    assert all_rules == equal > 100


def test_all_baskets_are_looked_at_or_counted_as_too_large(demo: Company) -> None:
    rows = demo.query(
        "select unit, counted_basket_count + giant_basket_count from kpi.kpi_basket_coverage order by unit"
    )
    kept = demo.query(
        "select count(distinct order_key), count(distinct customer_key) filter (where customer_key <> 'unknown')"
        " from predictions.pred_order_items inner join predictions.pred_rule_cutoffs on order_date <= through_date"
        " where purpose = 'today' and (returned_date is null or returned_date > through_date)"
    )
    assert [count for _, count in rows] == list(kept[0])
