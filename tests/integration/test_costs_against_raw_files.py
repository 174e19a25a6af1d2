"""Costs and loyalty agree exactly with plain SQL over the raw files, and with what the simulation says came true."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import duckdb
import polars as pl
import pytest

from dagster_project.settings import PROJECT_ROOT
from tests.conftest import Company
from tests.integration.kpi_sql_checks.landing import HERE, figures, open_landing

Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def raw(demo: Company) -> Iterator[duckdb.DuckDBPyConnection]:
    """The raw files as tables, with the views that costs and loyalty need."""
    with open_landing(demo.landing, truth=demo.truth, as_of=demo.as_of) as connection:
        seed = PROJECT_ROOT / "seeds" / "cost_drivers.csv"
        connection.execute(f"create table house_drivers as from read_csv('{seed}', header = true)")
        files = demo.landing / "loyalty" / "members_*.ndjson*"
        connection.execute(f"create table club_files as from read_ndjson_auto('{files}', ignore_errors = true)")
        connection.execute((HERE / "base_costs.sql").read_text())
        yield connection


@pytest.fixture(scope="module")
def person_of(demo: Company, raw: duckdb.DuckDBPyConnection) -> dict[str, str | None]:
    """Who each customer is."""
    persons = {
        (system, account): person
        for system, account, person in raw.execute(
            "select source_system, account_id, person_id from identities"
        ).fetchall()
    }
    records = demo.query("select source_system, account_id, customer_key from core.dim_customer_records")
    return {"unknown": None} | {customer: persons[system, account] for system, account, customer in records}


def _mart(demo: Company, columns: str, table: str, where: str = "dimension = 'total'") -> Rows:
    return demo.query(f"select {columns} from kpi.{table} where {where} order by all")


def _plain(rows: Rows) -> Rows:
    """Numbers as floats, so that 4 equals Decimal('4.00')."""
    return [
        tuple(cell if isinstance(cell, (str, date)) or cell is None else float(cell) for cell in row) for row in rows
    ]


def test_allocated_costs_add_up_to_the_ledger(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    spread = demo.query(
        "select month, cost_type, cost_purpose, driver, sum(allocated_amount) from core.fct_customer_costs"
        " group by all order by all"
    )
    assert len(spread) > 300
    assert _plain(spread) == _plain(figures(raw, "cost_ledger"))


def test_allocated_costs_are_those_that_came_true(demo: Company) -> None:
    spread = demo.query(
        "select date_trunc('month', month)::date, cost_type, cost_purpose, sum(allocated_amount)"
        " from core.fct_customer_costs group by all order by all"
    )
    true = pl.read_parquet(demo.truth / "cost_entries.parquet")
    expected = (
        true.group_by(pl.col("booked_date").dt.truncate("1mo"), "cost_type", "cost_purpose")
        .agg(pl.col("amount_eur").sum().round(2))
        .filter(pl.col("amount_eur") != 0)
        .sort("booked_date", "cost_type", "cost_purpose")
    )
    assert _plain(spread) == expected.rows()


def test_every_customer_bears_the_share_of_the_driver_within_a_cent(
    demo: Company, raw: duckdb.DuckDBPyConnection, person_of: dict[str, str | None]
) -> None:
    drivers = "'customers', 'orders', 'revenue', 'service_contacts', 'points', 'direct'"
    spread = {
        (month, cost_type, purpose, driver, person_of[customer]): float(amount)
        for month, cost_type, purpose, driver, customer, amount in demo.query(
            "select month, cost_type, cost_purpose, driver, customer_key, allocated_amount"
            f" from core.fct_customer_costs where driver in ({drivers})"
        )
    }
    expected = {tuple(key): (share, pools) for *key, share, pools in figures(raw, "cost_allocation")}
    assert len(expected) > 10_000
    assert set(spread) <= set(expected)
    wrong = [
        key for key, (share, pools) in expected.items() if abs(spread.get(key, 0.0) - share) >= 0.01 * pools + 1e-9
    ]
    assert wrong == []


def test_retention_cost(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(demo, "reading, month, numerator, denominator", "kpi_retention_cost_monthly")
    assert len(mart) > 300
    assert _plain(mart) == _plain(figures(raw, "retention_cost"))


def test_customers_kept_beyond_the_holdout(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = demo.query(
        """
        select
            campaign_id, treated_count, treated_retained_count, control_count, control_retained_count, cost_amount,
            incremental_retained_count
        from kpi.kpi_incremental_retention
        inner join core.dim_campaigns using (campaign_key)
        order by all
        """
    )
    assert len(mart) > 10
    assert _plain([row[:-1] for row in mart]) == _plain(figures(raw, "incremental_retention"))
    for campaign, treated, treated_kept, held_out, held_out_kept, _, kept_more in mart:
        assert kept_more == pytest.approx(treated_kept - treated * held_out_kept / held_out), campaign


def test_lift_of_campaigns(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    raw.execute((HERE / "base_revenue.sql").read_text())
    mart = demo.query(
        """
        select
            campaign_id, member, treated_count, treated_converted_count, responded_count, control_count,
            control_converted_count, control_contacted_count, incremental_margin_amount, cost_amount
        from kpi.kpi_campaign_lift
        inner join core.dim_campaigns using (campaign_key)
        order by all
        """
    )
    expected = figures(raw, "campaign_lift")
    assert len(mart) > 50
    assert [row[:8] for row in mart] == [row[:8] for row in expected]
    for (*campaign, margin, cost), (*_, true_margin, true_cost) in zip(mart, expected, strict=True):
        assert (float(margin), float(cost)) == pytest.approx((float(true_margin), true_cost), abs=0.011), campaign


def test_lift_covers_what_the_campaigns_truly_caused(demo: Company) -> None:
    # Of those addressed, who bought within the window, and who would not have without the order the campaign caused.
    lifts = demo.query(
        f"""
        with persons as (
            select customer_key, any_value(person_id) as person_id
            from core.dim_customer_records
            inner join '{demo.truth}/identities.parquet' using (source_system, account_id)
            group by customer_key
        ),

        bought as (
            select
                outcomes.experiment,
                outcomes.customer_key,
                count(orders.order_id) > 0 as has_bought,
                count(orders.order_id) filter (
                    where orders.origin <> 'campaign' or orders.ordered_at >= outcomes.from_date + interval 20 days
                ) > 0 as had_bought_anyway
            from kpi.kpi_experiment_outcomes as outcomes
            inner join persons using (customer_key)
            left join '{demo.truth}/orders.parquet' as orders
                on
                    persons.person_id = orders.person_id
                    and cast(orders.ordered_at as date) between outcomes.from_date and outcomes.until_date
                    and orders.origin not in ('cancelled', 'anonymous', 'test')
            where outcomes.experiment_type = 'campaign' and outcomes.is_treated and outcomes.is_over
            group by all
        )

        select
            lifts.treated_converted_count,
            count(*) filter (where bought.has_bought),
            lifts.lower_bound,
            count(*) filter (where bought.has_bought and not bought.had_bought_anyway) / count(*) as caused,
            lifts.upper_bound
        from bought
        inner join kpi.kpi_campaign_lift as lifts
            on bought.experiment = lifts.campaign_key and lifts.dimension = 'total'
        group by lifts.campaign_key, lifts.treated_converted_count, lifts.lower_bound, lifts.upper_bound
        """
    )
    assert [row[0] for row in lifts] == [row[1] for row in lifts], "who bought is known exactly"
    assert any(caused > 0 for _, _, _, caused, _ in lifts)
    covered = [lower <= caused <= upper for _, _, lower, caused, upper in lifts]
    assert len(covered) > 10
    assert covered.count(False) <= 2, "one of twenty is expected to lie outside"


def test_cost_to_serve(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(demo, "reading, month, numerator, denominator", "kpi_cost_to_serve_monthly")
    assert len(mart) > 60
    assert _plain(mart) == _plain(figures(raw, "cost_to_serve"))


def test_acquisition_cost(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(demo, "reading, month, numerator, denominator", "kpi_acquisition_cost_monthly")
    assert len(mart) > 60
    assert _plain(mart) == _plain(figures(raw, "acquisition_cost"))


def test_acquisition_cost_by_channel(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "month, member, numerator",
        "kpi_acquisition_cost_monthly",
        "dimension = 'acquisition_channel' and reading = 'monthly' and numerator <> 0",
    )
    assert len(mart) > 100
    assert _plain(mart) == _plain(figures(raw, "acquisition_cost_by_channel"))


def test_value_of_cohorts_against_their_cost(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    first_days = dict(raw.execute("select person_id, first_day from first_days").fetchall())
    values: dict[date, float] = {}
    for person, *_, contribution in figures(raw, "customer_lifetime_value"):
        if person in first_days and contribution is not None:
            month = first_days[person].replace(day=1)
            values[month] = values.get(month, 0.0) + float(contribution)
    costs = {row[1]: float(row[2]) for row in figures(raw, "acquisition_cost") if row[0] == "monthly"}
    mart = _mart(
        demo, "month, numerator, denominator", "kpi_clv_to_cac", "dimension = 'total' and reading = 'historic'"
    )
    assert len(mart) > 30
    for month, value, cost in mart:
        assert float(value) == pytest.approx(values.get(month, 0.0), abs=0.001), month
        assert float(cost) == costs[month], month


def test_accounts_of_members(demo: Company, raw: duckdb.DuckDBPyConnection, person_of: dict[str, str | None]) -> None:
    mart = {
        person_of[customer]: tuple(values)
        for customer, *values in demo.query(
            "select customer_key, joined_date, left_date, tier, points_balance, earned_points, redeemed_points,"
            " expired_points, adjusted_points, reward_cost_amount from kpi.kpi_loyalty_members"
        )
    }
    expected = {person: tuple(values) for person, *values in figures(raw, "loyalty_members")}
    assert len(expected) > 200
    assert mart == expected
    true = pl.read_parquet(demo.truth / "loyalty_members.parquet")
    assert {row["person_id"]: row["points_balance"] for row in true.to_dicts()} == {
        person: values[3] for person, values in mart.items()
    }


def test_loyalty_liability(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(demo, "month, numerator, denominator", "kpi_loyalty_liability_monthly")
    assert len(mart) > 30
    assert _plain(mart) == _plain(figures(raw, "loyalty_liability"))


def test_loyalty_effect_covers_the_orders_the_club_truly_caused(demo: Company) -> None:
    # Caused orders per member and full month, from the month after joining to the month before leaving.
    ((true,),) = duckdb.sql(
        f"""
        with observed as (
            select
                person_id,
                unnest(generate_series(
                    date_trunc('month', joined_at) + interval 1 month,
                    least(timestamp '{demo.as_of}', date_trunc('month', left_at) - interval 1 day),
                    interval 1 month
                ))::date as month
            from '{demo.truth}/loyalty_members.parquet'
        ),

        caused as (
            select person_id, date_trunc('month', ordered_at)::date as month, count(*) as orders
            from '{demo.truth}/orders.parquet' where origin = 'loyalty' group by all
        )

        select coalesce(sum(orders), 0) / count(*) from observed left join caused using (person_id, month)
        """
    ).fetchall()
    ((effect, lower, upper, months),) = demo.query(
        "select value, lower_bound, upper_bound, member_month_count from kpi.kpi_loyalty_effect"
        " where reading = 'orders' and dimension = 'total'"
    )
    assert months > 1_000
    assert lower <= true <= upper
    assert 0 < lower < effect, "that there is an effect at all is seen, too"


def test_loyalty_effect_of_all_months_is_that_of_each(demo: Company) -> None:
    months = demo.query(
        "select reading, member, sum(numerator), sum(denominator) from kpi.kpi_loyalty_effect_monthly"
        " where member <> 'unknown' group by all order by all"
    )
    whole = demo.query(
        "select reading, member, value * member_month_count, member_month_count from kpi.kpi_loyalty_effect"
        " where member <> 'unknown' order by all"
    )
    assert [row[:2] for row in whole] == [row[:2] for row in months]
    for row, (_, member, extra, count) in zip(whole, months, strict=True):
        assert row[2:] == (pytest.approx(float(extra), abs=0.01), int(count)), member
