"""What is said about the quality of the data agrees with the files, the quarantine and the raw tables themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from tests.conftest import Company
from tests.integration.kpi_sql_checks.landing import open_landing

Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def raw(demo: Company) -> Iterator[duckdb.DuckDBPyConnection]:
    """The raw files as tables."""
    with open_landing(demo.landing, truth=demo.truth, as_of=demo.as_of) as connection:
        yield connection


def test_empty_values_are_those_of_the_raw_rows(demo: Company) -> None:
    counted = demo.query(
        "select feed, column_name, batch_columns.batch_id, null_count"
        " from journal.batch_columns inner join journal.batches using (batch_id)"
    )
    columns: dict[str, list[str]] = {}
    for feed, column, *_ in counted:
        columns.setdefault(feed, [])
        if column not in columns[feed]:
            columns[feed].append(column)
    found = {
        (feed, column, batch): nulls
        for feed, names in columns.items()
        for batch, *counts in demo.query(
            f"select _batch_id, {', '.join(f'count(*) - count({name})' for name in names)} from raw.{feed} group by 1"
        )
        for column, nulls in zip(names, counts, strict=True)
    }
    assert len(counted) > 5000
    assert [row for row in counted if row[3] != found.get(row[:3], 0)] == []


def test_bad_values_are_those_in_quarantine(demo: Company) -> None:
    quarantined = f"read_parquet('{demo.data_dir}/quarantine/*/*/*.parquet')"
    mart = demo.query(
        "select column_name, sum(bad_count) from journal.batch_columns"
        " group by all having sum(bad_count) > 0 order by 1"
    )
    files = demo.query(
        f"select column_name, count(*) from {quarantined} where column_name is not null group by all order by 1"
    )
    assert mart
    assert mart == files


def test_completeness_of_telephone_numbers_is_that_of_the_export(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = demo.query(
        "select month, filled_count, loaded_count from quality.dq_column_scores"
        " where source_system = 'salesforce' and feed = 'accounts' and column_name = 'phone' order by month"
    )
    files = raw.execute(
        """
        select
            month_of(strptime(regexp_extract(file, '_([0-9]{8})', 1), '%Y%m%d')) as month,
            count(nullif("Phone", '')),
            count(*)
        from salesforce_account group by all order by all
        """
    ).fetchall()
    assert len(mart) > 12
    assert mart == files


def test_no_difference_to_a_control_figure_is_unexplained(demo: Company) -> None:
    controls = demo.query("select control, sum(object_count) from kpi.kpi_reconciliation group by all order by all")
    assert [control for control, _ in controls] == ["order_refund", "order_total", "row_count", "ticket_count"]
    assert demo.query("select * from quality.dq_reconciled_objects where not is_explained") == []


def test_totals_of_orders_that_do_not_count_are_those_of_the_export(
    demo: Company, raw: duckdb.DuckDBPyConnection
) -> None:
    mart = demo.query(
        "select explanation, sum(object_count), sum(source_figure) from kpi.kpi_reconciliation"
        " where control = 'order_total' and source_system = 'shopify' group by all order by 1"
    )
    files = raw.execute(
        """
        with heads as (
            from shopify_orders_export
            where coalesce("Financial Status", '') <> ''
            qualify row_number() over (partition by "Name" order by file desc) = 1
        )

        select
            case
                when "Financial Status" = 'voided' then 'order_cancelled'
                when coalesce("Tags", '') like '%test%' then 'test_order'
                else 'equal'
            end as explanation,
            count(*),
            sum("Subtotal"::decimal(18, 4))
        from heads group by all order by 1
        """
    ).fetchall()
    assert {row[0] for row in mart} == {"equal", "order_cancelled", "test_order"}
    assert mart == files


def test_overall_scores_are_the_weighted_means_of_the_measures(demo: Company) -> None:
    weights = dict(demo.query("select measure, weight from seeds.quality_weights"))
    names = list(weights)
    rows = demo.query(
        f"select overall_score, {', '.join(f'{name}_score' for name in names)} from quality.dq_feed_scores_monthly"
        " where overall_score is not null"
    )
    assert len(rows) > 300
    for overall, *scores in rows:
        taken = [(weights[name], score) for name, score in zip(names, scores, strict=True) if score is not None]
        assert overall == pytest.approx(
            sum(weight * score for weight, score in taken) / sum(weight for weight, _ in taken), abs=1e-4
        )


def test_a_late_day_is_one_without_a_recent_batch(demo: Company) -> None:
    mart = demo.query(
        "select source_system, feed, sum(day_count), sum(timely_day_count) from quality.dq_timeliness_monthly"
        " group by all order by all"
    )
    days = demo.query(
        f"""
        with days as (
            select unnest(generate_series(date '2023-01-01', date '{demo.as_of}', interval 1 day))::date as day
        )

        select
            batches.source_system,
            batches.feed,
            count(distinct days.day),
            count(distinct days.day) filter (where days.day - batches.batch_date <= bounds.allowed_age_days)
        from days
        inner join journal.batches as batches on batches.batch_date <= days.day and batches.status = 'loaded'
        inner join quality.dq_feed_bounds as bounds on batches.feed = bounds.feed
        where bounds.allowed_age_days is not null
        group by all order by all
        """
    )
    assert mart == days
