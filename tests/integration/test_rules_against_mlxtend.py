"""Rules are those of mlxtend to the count, sequences those of a plain loop, and chance alone makes none.

The compiled SQL runs in a bare connection on baskets that are drawn here: of the size and skew of the well-known
Groceries file (9,835 baskets of 169 items, 43,367 lines), larger, independent, and small random histories.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from itertools import chain, combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration.rule_sql import AFFINITY, SEQUENCES, add_order_lines, bare_connection, build, compile_rules

THROUGH = date(2025, 12, 31)
Run = Callable[..., dict[str, pl.DataFrame]]


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The compiled models."""
    return compile_rules(tmp_path_factory.mktemp("rules"))


def _rules(sql: Mapping[str, str], lines: pl.DataFrame, **parameters: float) -> dict[str, pl.DataFrame]:
    """Sets and rules of unit basket."""
    with bare_connection(parameters=parameters, through=THROUGH) as connection:
        add_order_lines(connection, lines)
        build(connection, sql, AFFINITY)
        return {
            name: connection.execute(f"select * from predictions.{name} where unit = 'basket'").pl()
            for name in ("pred_frequent_sets", "pred_affinity_rules")
        }


def _sequences(sql: Mapping[str, str], lines: pl.DataFrame, **parameters: float) -> pl.DataFrame:
    with bare_connection(parameters=parameters, through=THROUGH) as connection:
        add_order_lines(connection, lines)
        build(connection, sql, SEQUENCES)
        return connection.execute("select * from predictions.pred_sequence_rules").pl()


def _baskets(*, baskets: int, items: int, lines: int, seed: int) -> pl.DataFrame:
    """Order lines of a shop: few large baskets, few popular items, and four sets that are bought together."""
    random = np.random.default_rng(seed)
    sizes = np.minimum(random.geometric(0.6 * baskets / lines, baskets), 32)  # too many, thinned out below
    weights = 1 / np.arange(1, items + 1) ** 0.9
    basket = np.repeat(np.arange(baskets), sizes)
    item = random.choice(items, basket.size, p=weights / weights.sum())
    planted = [
        (np.flatnonzero(random.random(baskets) < 0.01), one) for one in ((30, 31), (40, 41, 42), (50, 51, 52, 53))
    ]
    rows = [np.repeat(chosen, len(one)) for chosen, one in planted]
    added = [np.tile(one, chosen.size) for chosen, one in planted]
    drawn = pl.DataFrame({"basket": np.concatenate([*rows, basket]), "item": np.concatenate([*added, item])})
    kept = drawn.unique(maintain_order=True)
    firsts = kept.unique("basket", keep="first", maintain_order=True)
    others = kept.join(firsts, on=["basket", "item"], how="anti").sample(lines - firsts.height, seed=seed, shuffle=True)
    return _order_lines(pl.concat([firsts, others]))


def _order_lines(pairs: pl.DataFrame) -> pl.DataFrame:
    return pairs.select(
        order_key=pl.format("o{}", "basket"),
        customer_key=pl.format("c{}", "basket"),
        product_key=pl.format("p{}", pl.col("item").cast(pl.String).str.zfill(4)),
        order_date=pl.lit(THROUGH),
    )


def _of_mlxtend(lines: pl.DataFrame, *, min_count: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Frequent sets up to four and rules with one consequent, keyed by the sorted names."""
    from mlxtend.frequent_patterns import association_rules, fpgrowth

    wide = lines.select("order_key", "product_key", there=pl.lit(value=True)).pivot(on="product_key", index="order_key")
    table = wide.drop("order_key").fill_null(value=False).to_pandas()
    sets = fpgrowth(table, min_support=(min_count - 0.5) / len(table), use_colnames=True, max_len=4)
    rules = association_rules(sets, num_itemsets=len(table), metric="support", min_threshold=0.0)
    rules = rules[rules["consequents"].map(len) == 1]
    names = [[" ".join(sorted(one)) for one in column] for column in (rules["antecedents"], rules["consequents"])]
    count = len(table)
    return (
        pl.DataFrame(
            {
                "key": [" ".join(sorted(one)) for one in sets["itemsets"]],
                "count": np.rint(sets["support"].to_numpy() * count).astype(int),
            }
        ),
        pl.DataFrame(
            {"key": names[0], "offered": names[1]}
            | {
                name: np.rint(rules[column].to_numpy() * count).astype(int)
                for name, column in (
                    ("antecedent_count", "antecedent support"),
                    ("consequent_count", "consequent support"),
                    ("both_count", "support"),
                )
            }
            | {
                name: rules[column].to_numpy()
                for name, column in (
                    ("support_rate", "support"),
                    ("confidence_rate", "confidence"),
                    ("lift", "lift"),
                    ("leverage_rate", "leverage"),
                    ("conviction", "conviction"),
                )
            }
        ),
    )


def _assert_equal(ours: dict[str, pl.DataFrame], lines: pl.DataFrame, *, min_count: int, fewest: int) -> None:
    sets, rules = _of_mlxtend(lines, min_count=min_count)
    keys = [f"product_key_{n}" for n in range(1, 5)]
    named = ours["pred_frequent_sets"].select(
        key=pl.concat_str(keys, separator=" ", ignore_nulls=True), count=pl.col("set_count")
    )
    assert named.sort("key").rows() == sets.sort("key").rows()
    order = ["key", "offered"]
    mine = ours["pred_affinity_rules"].with_columns(
        key=pl.concat_str(keys[:3], separator=" ", ignore_nulls=True),
        offered=pl.col("offered_product_key"),
        conviction=pl.col("conviction").fill_null(float("inf")),
    )
    mine, theirs = mine.select(rules.columns).sort(order), rules.sort(order)
    assert theirs.height >= fewest
    counts = [*order, "antecedent_count", "consequent_count", "both_count"]
    assert mine.select(counts).rows() == theirs.select(counts).rows()
    for name in ("support_rate", "confidence_rate", "lift", "leverage_rate", "conviction"):
        np.testing.assert_allclose(mine[name].to_numpy(), theirs[name].to_numpy(), rtol=1e-9, atol=1e-9, err_msg=name)


def test_rules_of_a_grocery_shop_are_those_of_mlxtend(sql: Mapping[str, str]) -> None:
    lines = _baskets(baskets=9_835, items=169, lines=43_367, seed=1)
    assert (lines.height, lines["order_key"].n_unique(), lines["product_key"].n_unique()) == (43_367, 9_835, 169)
    _assert_equal(_rules(sql, lines), lines, min_count=10, fewest=10_000)


def test_rules_of_a_large_shop_are_those_of_mlxtend(sql: Mapping[str, str]) -> None:
    lines = _baskets(baskets=50_000, items=400, lines=200_000, seed=2)
    _assert_equal(_rules(sql, lines), lines, min_count=50, fewest=1_000)


def test_sets_that_are_bought_together_are_significant(sql: Mapping[str, str]) -> None:
    rules = _rules(sql, _baskets(baskets=9_835, items=169, lines=43_367, seed=3))["pred_affinity_rules"]
    found = set(
        rules.filter("is_significant", pl.col("antecedent_size") == 1)
        .select("product_key_1", "offered_product_key")
        .rows()
    )
    planted = {
        (f"p{one:04}", f"p{other:04}")
        for together in ((30, 31), (40, 41, 42), (50, 51, 52, 53))
        for one in together
        for other in together
        if one != other
    }
    assert planted <= found


def _independent(*, seed: int, is_mixed: bool) -> pl.DataFrame:
    """Baskets whose items have nothing to do with each other; mixed: some buy much of everything, most a little."""
    random = np.random.default_rng(seed)
    popular = 0.3 / np.arange(1, 31) ** 0.7
    appetite = random.gamma(0.7, 1 / 0.7, 3_000) if is_mixed else np.ones(3_000)
    basket, item = np.nonzero(random.random((3_000, 30)) < np.minimum(appetite[:, None] * popular, 0.95))
    return _order_lines(pl.DataFrame({"basket": basket, "item": item}))


@pytest.mark.parametrize("is_mixed", [False, True])
def test_independent_baskets_make_no_more_false_rules_than_the_level_allows(
    sql: Mapping[str, str], *, is_mixed: bool
) -> None:
    # The chance of even one is at most 0.05 a shop: of 12 shops more than 2 have one with a chance of 0.02.
    found = [_rules(sql, _independent(seed=seed, is_mixed=is_mixed))["pred_affinity_rules"] for seed in range(12)]
    assert min(rules.height for rules in found) > 300
    assert sum(rules["is_significant"].any() for rules in found) <= 2


def test_lifts_alone_would_call_everything_a_rule_where_some_buy_much(sql: Mapping[str, str]) -> None:
    rules = _rules(sql, _independent(seed=0, is_mixed=True))["pred_affinity_rules"]
    assert (rules["lift"].to_numpy() > 1.2).mean() > 0.9


PARAMETERS = {
    "sequence_min_count": 2,
    "affinity_min_support_rate": 0,
    "sequence_lag_min_days": 3,
    "sequence_lag_max_days": 6,
}
LAST = 20
HISTORY = st.lists(st.tuples(st.integers(0, LAST), st.integers(0, 6)), min_size=1, max_size=9)


@dataclass(frozen=True)
class History:
    """Days with a purchase, and the first day of each product."""

    days: list[int]
    firsts: dict[int, int]

    def free(self, item: int, *, after: int) -> bool:
        """Did not have it when the window opened."""
        return self.firsts.get(item, 99) > after + PARAMETERS["sequence_lag_min_days"]

    def bought(self, item: int, *, after: int) -> bool:
        return self.free(item, after=after) and self.firsts.get(item, 99) <= after + PARAMETERS["sequence_lag_max_days"]


def _shares(histories: list[History]) -> dict[tuple[int, int], float]:
    """Of the customers whose n-th purchase day could be watched and who had no such product: the share that bought."""
    outcomes: dict[tuple[int, int], list[bool]] = defaultdict(list)
    for one in histories:
        for number, day in enumerate(one.days):
            if day + PARAMETERS["sequence_lag_max_days"] <= LAST:
                for item in filter(partial(one.free, after=day), range(7)):
                    outcomes[number, item].append(one.bought(item, after=day))
    return {key: float(np.mean(values)) for key, values in outcomes.items()}


def _reference(histories: list[History]) -> dict[tuple[tuple[int, ...], int], tuple[int, int, float]]:
    """Antecedents and offered product -> customers, of these who bought, and how many would have; one loop each."""
    shares, found = _shares(histories), {}
    for products in chain.from_iterable(combinations(range(7), size) for size in range(1, 7)):
        owners = [
            (one, max(one.firsts[item] for item in products)) for one in histories if set(products) <= one.firsts.keys()
        ]
        owners = [(one, day) for one, day in owners if day + PARAMETERS["sequence_lag_max_days"] <= LAST]
        for item in set(range(7)) - set(products):
            watched = [(one, day) for one, day in owners if one.free(item, after=day)]
            bought = sum(one.bought(item, after=day) for one, day in watched)
            expected = sum(shares[one.days.index(day), item] for one, day in watched)
            if bought and len(watched) >= PARAMETERS["sequence_min_count"]:
                found[products, item] = (len(watched), bought, expected)
    return found


@settings(max_examples=25)
@given(st.lists(HISTORY, min_size=2, max_size=14))
def test_sequences_are_those_of_a_plain_loop(sql: Mapping[str, str], histories: list[list[tuple[int, int]]]) -> None:
    lines = pl.DataFrame(
        [
            (f"o{customer}-{day}", f"c{customer}", f"p{item}", THROUGH - timedelta(days=LAST - day))
            for customer, history in enumerate(histories)
            for day, item in sorted(set(history))
        ],
        schema=["order_key", "customer_key", "product_key", "order_date"],
        orient="row",
    )
    ours = {
        (
            tuple(int(row[f"product_key_{n}"][1:]) for n in range(1, row["antecedent_size"] + 1)),
            int(row["offered_product_key"][1:]),
        ): (row["antecedent_count"], row["both_count"], row["baseline_rate"] * row["antecedent_count"])
        for row in _sequences(sql, lines, **PARAMETERS).iter_rows(named=True)
    }
    reference = _reference(
        [
            History(
                sorted({day for day, _ in history}),
                {item: min(day for day, one in history if one == item) for _, item in history},
            )
            for history in histories
        ]
    )
    assert ours.keys() == reference.keys()
    for rule, (count, bought, expected) in reference.items():
        assert ours[rule] == (count, bought, pytest.approx(expected, abs=1e-6))


def _shoppers(*, seed: int, follows: float) -> pl.DataFrame:
    """Histories of 1,500 customers, some far more eager than others; some who have 3 and 4 buy 9 after 90 days."""
    random = np.random.default_rng(seed)
    rate = random.gamma(0.8, 10, 1_500)
    orders = random.poisson(rate) + 1
    customer = np.repeat(np.arange(1_500), orders)
    day = random.integers(0, 900, customer.size)
    popular = 1 / np.arange(1, 11) ** 0.6
    item = random.choice(10, customer.size, p=popular / popular.sum())
    firsts = (
        pl.DataFrame({"customer": customer, "item": item, "day": day})
        .filter(pl.col("item").is_in([3, 4]))
        .group_by("customer", "item")
        .agg(pl.col("day").min())
        .group_by("customer")
        .agg(pl.col("day").max(), count=pl.len())
        .filter(pl.col("count") == 2)
        .sort("customer")
    )
    chosen = firsts.filter(pl.Series(random.random(firsts.height) < follows))
    every = pl.concat(
        [
            pl.DataFrame({"customer": customer, "item": item, "day": day}),
            chosen.select("customer", item=pl.lit(9, pl.Int64), day=pl.col("day") + 90),
        ]
    )
    return every.with_row_index("order").select(
        order_key=pl.format("o{}", "order"),
        customer_key=pl.format("c{}", "customer"),
        product_key=pl.format("p{}", "item"),
        order_date=pl.lit(THROUGH) - pl.duration(days=1_000 - pl.col("day")),
    )


def test_independent_purchases_make_no_sequences(sql: Mapping[str, str]) -> None:
    # The chance of even one is at most 0.05 a company: of 10 more than 2 have one with a chance of 0.012.
    found = [_sequences(sql, _shoppers(seed=seed, follows=0.0)) for seed in range(10)]
    assert min(rules.height for rules in found) > 300
    assert sum(rules["is_significant"].any() for rules in found) <= 2


def test_a_sequence_is_found_with_an_interval_around_the_truth(sql: Mapping[str, str]) -> None:
    rules = _sequences(sql, _shoppers(seed=1, follows=0.4))
    pair = (pl.col("product_key_1") == "p3") & (pl.col("product_key_2") == "p4") & (pl.col("antecedent_size") == 2)
    ((lower, baseline, upper, is_significant),) = (
        rules.filter(pair, pl.col("offered_product_key") == "p9")
        .select("lower_rate", "baseline_rate", "upper_rate", "is_significant")
        .rows()
    )
    assert is_significant
    assert lower < 0.4 + 0.6 * baseline < upper  # who does not follow buys it as others do
