"""Next best offers against purchases counted anew, against a warehouse that ends earlier, and against the truth.

Ownership and new purchases are counted here from the facts, in Polars, without a line of the prediction models. The
company never changes (fixed seed): a test passes always or never.
"""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from dagster_project.settings import Settings, load_settings
from dagster_project.transformation import BEFORE, dbt_layout
from dagster_project.transformation.project import invoke
from tests.conftest import Company
from tests.integration.compiled import compiled_models

CARE_SET, GRINDER, MACHINES = "BW-C001", "BW-G010", ("BW-M100", "BW-M200", "BW-M300", "BW-M310")
"""Who owns machine and grinder orders the care set 80 to 100 days later (`docs/guides/demo-company.md`, Baskets)."""
DAYS_BEFORE_THE_WINDOW = 60


@pytest.fixture(scope="module")
def holdout(demo: Company) -> tuple[date, date]:
    """Last day of learning, last day of watching."""
    [days] = demo.query("select through_date, until_date from predictions.pred_cutoffs where purpose = 'holdout'")
    return days[0], days[1]


@pytest.fixture(scope="module")
def orders(demo: Company) -> pl.DataFrame:
    """Each product of each order of a known customer: day, units, and units that came back by day."""
    return _frame(
        demo,
        """
        select customer_key, order_key, product_key, product_id, order_date, sum(quantity) as quantity
        from core.fct_order_lines inner join core.dim_products using (product_key)
        where is_countable and customer_key <> 'unknown' and product_key <> 'unknown'
        group by all
        """,
    )


@pytest.fixture(scope="module")
def returns(demo: Company) -> pl.DataFrame:
    """Units of an order that came back, by day."""
    return _frame(
        demo,
        "select order_key, product_key, return_date, quantity as returned from core.fct_returns where is_countable",
    )


def _frame(demo: Company, sql: str) -> pl.DataFrame:
    with duckdb.connect(str(demo.warehouse), read_only=True) as connection:
        return connection.execute(sql).pl()


def _kept(orders: pl.DataFrame, returns: pl.DataFrame, *, after: date, until: date, known: date) -> pl.DataFrame:
    """Products of orders of a span of days that had not all come back by the known day."""
    returned = (
        returns.filter(pl.col("return_date") <= known)
        .group_by("order_key", "product_key")
        .agg(pl.col("returned").sum())
    )
    return (
        orders.filter((pl.col("order_date") > after) & (pl.col("order_date") <= until))
        .join(returned, on=["order_key", "product_key"], how="left")
        .filter(pl.col("returned").fill_null(0) < pl.col("quantity"))
    )


def _customers(demo: Company, day: date) -> pl.DataFrame:
    return _frame(
        demo,
        f"select customer_key from core.dim_customers where valid_from <= '{day}' and valid_to > '{day}'"
        " and customer_key <> 'unknown' and not is_deleted and not is_test",
    )


def _in_range(demo: Company, day: date) -> pl.DataFrame:
    return _frame(
        demo,
        f"select product_key from core.dim_products where coalesce(launched_date, '{day}') <= '{day}'"
        f" and coalesce(discontinued_date, '9999-12-31') > '{day}' and not is_subscription"
        " and product_key <> 'unknown'",
    )


@pytest.fixture(scope="module")
def owned(orders: pl.DataFrame, returns: pl.DataFrame, holdout: tuple[date, date]) -> pl.DataFrame:
    """What customers had on the last day of learning."""
    through, _ = holdout
    return _kept(orders, returns, after=date(1900, 1, 1), until=through, known=through).unique(
        ["customer_key", "product_key"]
    )


@pytest.fixture(scope="module")
def new_products(
    demo: Company, orders: pl.DataFrame, returns: pl.DataFrame, owned: pl.DataFrame, holdout: tuple[date, date]
) -> pl.DataFrame:
    """What customers bought afterwards and did not have, among what was in range."""
    through, until = holdout
    bought = _kept(orders, returns, after=through, until=until, known=until).unique(["customer_key", "product_key"])
    return (
        bought.join(_customers(demo, through), on="customer_key", how="semi")
        .join(_in_range(demo, through), on="product_key", how="semi")
        .join(owned, on=["customer_key", "product_key"], how="anti")
    )


def _hits(offers: pl.DataFrame, new_products: pl.DataFrame) -> dict[int, int]:
    hits = new_products.join(offers, on=["customer_key", "product_key"])
    return {size: hits.filter(pl.col("rank_number") <= size)["customer_key"].n_unique() for size in (1, 3, 5)}


def _scorecard(demo: Company, column: str) -> dict[int, int]:
    rows = demo.query(f"select offer_count, {column} from kpi.kpi_next_best_offer_scorecard where member = 'total'")
    return dict(rows)


def test_cases_are_the_customers_who_bought_something_new(demo: Company, new_products: pl.DataFrame) -> None:
    cases = new_products["customer_key"].n_unique()
    assert cases > 200
    assert _scorecard(demo, "case_count") == {1: cases, 3: cases, 5: cases}


def test_hits_are_the_offers_that_were_bought(demo: Company, new_products: pl.DataFrame) -> None:
    offers = _frame(demo, "from predictions.pred_ranked_offers where purpose = 'holdout' and method = 'model'")
    assert _scorecard(demo, "hit_count") == _hits(offers, new_products)


def test_the_baseline_is_what_most_customers_had(
    demo: Company, new_products: pl.DataFrame, owned: pl.DataFrame, holdout: tuple[date, date]
) -> None:
    customers = _customers(demo, holdout[0])
    counts = (
        owned.join(customers, on="customer_key", how="semi")
        .join(_in_range(demo, holdout[0]), on="product_key", how="semi")
        .group_by("product_key")
        .len("owner_count")
    )
    offers = (
        customers.join(counts, how="cross")
        .join(owned, on=["customer_key", "product_key"], how="anti")
        .sort(["customer_key", "owner_count", "product_key"], descending=[False, True, False])
        .with_columns(rank_number=pl.int_range(pl.len()).over("customer_key") + 1)
    )
    assert _scorecard(demo, "popular_hit_count") == _hits(offers, new_products)


def test_offers_beat_the_most_popular_products_and_are_published(demo: Company) -> None:
    [(hits, popular_hits, method)] = demo.query(
        "select hit_count, popular_hit_count, published_method from kpi.kpi_next_best_offer_scorecard"
        " where member = 'total' and offer_count = 3"
    )
    assert hits > popular_hits
    assert method == "model"
    assert demo.query("select distinct method from predictions.pred_next_best_offers") == [("model",)]


def test_every_customer_gets_five_offers_of_what_he_does_not_have(
    demo: Company, orders: pl.DataFrame, returns: pl.DataFrame
) -> None:
    offers = _frame(demo, "from predictions.pred_next_best_offers").rename({"offered_product_key": "product_key"})
    today = _kept(orders, returns, after=date(1900, 1, 1), until=demo.as_of, known=demo.as_of)
    assert offers.join(today, on=["customer_key", "product_key"], how="semi").is_empty()
    assert offers.join(_in_range(demo, demo.as_of), on="product_key", how="anti").is_empty()
    counts = offers.group_by("customer_key").agg(pl.len(), pl.col("rank_number").max().alias("last"))
    assert sorted(counts["customer_key"]) == sorted(_customers(demo, demo.as_of)["customer_key"])
    assert counts.filter(pl.col("len") != pl.col("last")).is_empty()
    # Few have so many products that fewer than five are left.
    assert counts.filter(pl.col("len") < 5).height < 20
    strangers = offers.filter(~pl.col("has_history"))
    assert strangers.height > 1000
    assert set(strangers["basis"]) == {"popular"}


def test_who_has_machine_and_grinder_is_offered_the_care_set_first(
    demo: Company, orders: pl.DataFrame, returns: pl.DataFrame
) -> None:
    kept = _kept(orders, returns, after=date(1900, 1, 1), until=demo.as_of, known=demo.as_of)
    owners = (
        kept.group_by("customer_key")
        .agg(
            grinder=pl.col("order_date").filter(pl.col("product_id") == GRINDER).min(),
            machine=pl.col("order_date").filter(pl.col("product_id").is_in(MACHINES)).min(),
            has_care_set=(pl.col("product_id") == CARE_SET).any(),
        )
        .drop_nulls()
        .filter(~pl.col("has_care_set"))
        .with_columns(days=pl.lit(demo.as_of) - pl.max_horizontal("grinder", "machine"))
        .filter(pl.col("days") <= pl.duration(days=DAYS_BEFORE_THE_WINDOW))
    )
    firsts = _frame(
        demo,
        "select customer_key, basis, product_id from predictions.pred_next_best_offers"
        " inner join core.dim_products on offered_product_key = product_key where rank_number = 1",
    )
    offered = owners.join(firsts, on="customer_key")
    assert offered.height == owners.height > 5
    assert set(offered["product_id"]) == {CARE_SET}
    assert set(offered["basis"]) == {"sequence"}


def test_nothing_after_the_last_day_of_learning_is_seen(
    demo: Company, holdout: tuple[date, date], tmp_path: Path
) -> None:
    """A warehouse whose facts end on that day makes the same offers."""
    through, _ = holdout
    settings = load_settings({"CRM_DATA_DIR": str(tmp_path), "CRM_MEMORY_LIMIT": "1GiB", "CRM_THREADS": "2"})
    shutil.copy(demo.warehouse, settings.warehouse_path)
    models = _rebuilt_models(settings)
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"delete from core.fct_order_lines where order_date > '{through}'")
        connection.execute(f"delete from core.fct_returns where return_date > '{through}'")
        connection.execute(f"attach '{demo.warehouse}' as whole (read_only)")
        for relation, sql in models:
            connection.execute(f"create or replace table {relation} as {sql}")
        offers = "from {}predictions.pred_ranked_offers where purpose = 'holdout'"
        here, there = offers.format(""), offers.format("whole.")
        assert len(connection.execute(here).fetchall()) > 10_000
        assert connection.execute(f"({here} except {there}) union all ({there} except {here})").fetchall() == []


def _rebuilt_models(settings: Settings) -> list[tuple[str, str]]:
    """The models between orders and offers, parents before children."""
    compiled = invoke(["compile", "--exclude", BEFORE.exclude], settings=settings)
    assert compiled.success, compiled.exception
    manifest = json.loads(dbt_layout(settings).manifest_path.read_text())
    children = manifest["child_map"]
    made_of_orders, todo = set(), ["model.kreislauf.pred_order_items"]
    while todo:
        name = todo.pop()
        made_of_orders.add(manifest["nodes"][name]["alias"])
        todo += [child for child in children[name] if child.startswith("model.kreislauf.pred_")]
    return [
        (relation, sql)
        for relation, _, sql in compiled_models(manifest, late=False)
        if relation.split('"')[3] in made_of_orders
    ]
