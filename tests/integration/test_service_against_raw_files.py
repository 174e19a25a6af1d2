"""Service figures agree exactly with plain SQL over the raw files, and with what the simulation says came true."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import duckdb
import polars as pl
import pytest

from dagster_project.settings import PROJECT_ROOT
from tests.conftest import Company
from tests.integration.kpi_sql_checks.landing import HERE, figures, open_landing

Rows = list[tuple[Any, ...]]

FIXED_HOLIDAYS = ((1, 1), (5, 1), (10, 3), (12, 25), (12, 26))
EASTERS = (date(2022, 4, 17), date(2023, 4, 9), date(2024, 3, 31), date(2025, 4, 20), date(2026, 4, 5))
DAYS_AFTER_EASTER = (-2, 1, 39, 50)


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Add what the service desk needs: holidays, the seeds the business keeps, and the views on top."""
    holidays = [date(year, month, day) for year in range(2022, 2027) for month, day in FIXED_HOLIDAYS]
    holidays += [easter + timedelta(days=days) for easter in EASTERS for days in DAYS_AFTER_EASTER]
    connection.execute("create table holidays (holiday date)")
    connection.executemany("insert into holidays values (?)", [[day] for day in holidays])
    for seed in ("business_hours", "sla_targets"):
        path = PROJECT_ROOT / "seeds" / f"{seed}.csv"
        connection.execute(f"create table {seed} as from read_csv('{path}', header = true)")
    connection.execute((HERE / "base_service.sql").read_text())


@pytest.fixture(scope="module")
def raw(demo: Company) -> Iterator[duckdb.DuckDBPyConnection]:
    """The raw files as tables, with the views of the service desk."""
    with open_landing(demo.landing, truth=demo.truth, as_of=demo.as_of) as connection:
        prepare(connection)
        yield connection


def _mart(demo: Company, columns: str, table: str, where: str = "true") -> Rows:
    return demo.query(f"select {columns} from kpi.{table} where {where} order by all")


def _plain(rows: Rows) -> Rows:
    """Numbers as floats, so that 4 equals Decimal('4.00')."""
    return [
        tuple(cell if isinstance(cell, (str, date)) or cell is None else float(cell) for cell in row) for row in rows
    ]


def test_service_times_by_calendar_and_business_hours(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "reading, month, dimension, member, numerator, denominator, median_hours, p90_hours, censored_count",
        "kpi_service_time_monthly",
        "dimension in ('total', 'team', 'priority') and (denominator > 0 or censored_count > 0)",
    )
    assert len(mart) > 1000
    assert _plain(mart) == _plain(figures(raw, "service_time"))


def test_sla_attainment(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "reading, month, dimension, member, numerator, denominator, pending_count, overdue_count",
        "kpi_sla_attainment_monthly",
        "dimension in ('total', 'priority') and (denominator > 0 or pending_count > 0)",
    )
    assert len(mart) > 300
    assert _plain(mart) == _plain(figures(raw, "sla_attainment"))


def test_backlog_and_reopenings(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "reading, month, dimension, member, numerator, denominator",
        "kpi_ticket_backlog_monthly",
        "dimension in ('total', 'team') and (numerator > 0 or denominator > 0)",
    )
    assert len(mart) > 250
    expected = _plain(figures(raw, "ticket_backlog"))
    assert [row[:4] + row[5:] for row in _plain(mart)] == [row[:4] + row[5:] for row in expected]
    # Each age is rounded to 0.0001 days before it is added up.
    assert [float(row[4]) for row in mart] == pytest.approx([row[4] for row in expected], abs=0.01)


def test_complaint_rate(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "reading, month, dimension, member, numerator, denominator",
        "kpi_complaint_rate_monthly",
        "dimension in ('total', 'product')",
    )
    assert len(mart) > 500
    assert _plain(mart) == _plain(figures(raw, "complaint_rate"))


def test_product_quality_alerts(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(demo, "product_id, month, complaint_count, order_count, direction", "kpi_product_quality_alerts")
    assert _plain(mart) == _plain(figures(raw, "quality_alerts"))


def test_question_topics(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = demo.query(
        """
        select
            month, topic, product_id, sum(ticket_count), sum(complaint_count),
            round(3 * sum(previous_mean_count)), round(3 * sum(ticket_count - trend_count))
        from kpi.kpi_question_topics_monthly
        group by all
        having sum(ticket_count) > 0
        order by all
        """
    )
    assert len(mart) > 300
    assert _plain([row[:6] for row in mart]) == _plain(figures(raw, "question_topics"))
    assert [row[6] for row in mart] == [row[5] for row in mart]


def test_topics_of_every_customer(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    persons = {
        (system, account): person
        for system, account, person in raw.execute(
            "select source_system, account_id, person_id from identities"
        ).fetchall()
    }
    records = demo.query("select source_system, account_id, customer_key from core.dim_customer_records")
    person_of = {customer: persons[system, account] for system, account, customer in records}
    mart = demo.query(
        """
        select
            topics.customer_key, topics.topic, products.product_id, topics.ticket_count, topics.complaint_count,
            topics.first_asked_date, topics.last_asked_date
        from kpi.kpi_customer_topics as topics
        inner join core.dim_products as products using (product_key)
        where topics.customer_key <> 'unknown'
        """
    )
    assert len(mart) > 1000
    assert sorted((person_of[customer], *values) for customer, *values in mart) == figures(raw, "customer_topics")


def test_the_faulty_batch_is_reported_and_hardly_anything_else(demo: Company) -> None:
    alerts = _mart(demo, "product_id, month", "kpi_product_quality_alerts", "direction = 'above'")
    faulty = {month for product, month in alerts if product == "BW-M200"}
    # Sold from 10 November 2024 to 28 February 2025; complaints come some days later, and the window is three months.
    assert {date(2024, 12, 1), date(2025, 1, 1), date(2025, 2, 1), date(2025, 3, 1)} <= faulty
    assert faulty <= {date(2024, 11, 1), *(date(2024, 12, 1), *(date(2025, month, 1) for month in range(1, 6)))}
    judged = demo.query("select count(*) from kpi.kpi_product_complaint_limits where is_judged")[0][0]
    assert len(alerts) - len(faulty) <= 0.02 * judged


def test_priorities_at_the_event_are_the_true_ones_where_an_export_saw_them(demo: Company) -> None:
    # What was changed again before the next export nobody can know: exports of the first years are quarterly.
    rows = demo.query(
        f"""
        with exports as (
            select distinct _batch_date as day from raw.tickets
        ),

        compared as (
            select
                case
                    when truth.priority_changed_at is null then 'kept'
                    when truth.priority_changed_at <= truth.first_reply_at then 'raised before'
                    else 'changed later'
                end as fate,
                tickets.first_response_priority = case
                    when truth.priority_changed_at <= truth.first_reply_at then truth.later_priority
                    else truth.priority
                end as is_right
            from core.fct_tickets as tickets
            inner join '{demo.truth}/tickets.parquet' as truth using (ticket_id)
            where
                truth.kind = 'normal'
                and tickets.first_response_at is not null
                and (
                    truth.priority_changed_at is null
                    or truth.priority_changed_at <= truth.first_reply_at
                    or exists (
                        from exports
                        where day >= truth.first_reply_at::date and day < truth.priority_changed_at::date
                    )
                )
        )

        select fate, count(*), count(*) filter (where is_right) from compared group by all
        """
    )
    right = {fate: (count, right_count) for fate, count, right_count in rows}
    assert right["kept"][0] > 1000
    assert right["kept"][0] == right["kept"][1]
    assert right["changed later"][0] > 30
    assert right["changed later"][0] == right["changed later"][1]
    assert right["raised before"][1] >= 0.97 * right["raised before"][0]  # an export may lie between change and reply


def test_first_responses_are_the_true_ones(demo: Company) -> None:
    truth = pl.read_parquet(demo.truth / "tickets.parquet").filter(pl.col("kind") == "normal")
    expected = dict(truth.select("ticket_id", "first_reply_at").iter_rows())
    found = demo.query(
        "select ticket_id, first_response_at from core.fct_tickets where is_countable and not is_outbound"
    )
    compared = [(expected[ticket], at) for ticket, at in found if at is not None and ticket in expected]
    assert len(compared) > 1000
    assert [ticket for ticket, at in compared if ticket != at] == []
