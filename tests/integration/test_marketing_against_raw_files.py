"""Marketing figures agree exactly with plain SQL over the raw files, and with what the simulation says came true."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date
from math import sqrt
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from dagster_project.simulation.company import BOHNENWERK
from tests.conftest import Company
from tests.integration.kpi_sql_checks.landing import HERE, figures, open_landing

Rows = list[tuple[Any, ...]]

Z = 3.29
"""Standard errors that an observed share may lie from its parameter: 99.9 %."""
MACHINES_AMONG_STRANGERS = 0.04


@pytest.fixture(scope="module")
def raw(demo: Company) -> Iterator[duckdb.DuckDBPyConnection]:
    """The raw files as tables, with the visits, mailings and touches of each person."""
    with open_landing(demo.landing, truth=demo.truth, as_of=demo.as_of) as connection:
        club = demo.landing / "loyalty" / "members_*.ndjson*"
        connection.execute(f"create table club_files as from read_ndjson_auto('{club}', ignore_errors = true)")
        for table, frame in (
            ("store_besuche", _shop_files(demo.landing / "store")),
            ("social_engagements", _social_files(demo.landing / "social")),
            ("mailchimp_campaigns", _campaign_files(demo.landing / "mailchimp")),
        ):
            connection.register("frame", frame)
            connection.execute(f"create table {table} as from frame")
            connection.unregister("frame")
        connection.execute((HERE / "base_marketing.sql").read_text())
        yield connection


def _shop_files(folder: Path) -> pl.DataFrame:
    frames = [
        pl.read_csv(
            path.read_text("utf-16").encode(), separator="\t", infer_schema=False, truncate_ragged_lines=True
        ).with_columns(pl.lit(path.name).alias("file"), pl.int_range(pl.len()).alias("line"))
        for path in sorted(folder.glob("Besuche_*.txt"))
    ]
    return pl.concat(frames, how="diagonal")


def _social_files(folder: Path) -> pl.DataFrame:
    rows = [
        {"file": path.name, "record": line}
        for path in sorted(folder.glob("engagements_*.ndjson"))
        for line in path.read_text().splitlines()
    ]
    return pl.DataFrame(rows)


def _campaign_files(folder: Path) -> pl.DataFrame:
    newest = max(folder.glob("campaigns_*.csv"), key=lambda path: path.name)
    return pl.read_csv(newest, infer_schema=False)


def _mart(demo: Company, columns: str, table: str, where: str = "true") -> Rows:
    return demo.query(f"select {columns} from kpi.{table} where {where} order by all")


def _plain(rows: Rows) -> Rows:
    """Numbers as floats, so that 4 equals Decimal('4.00')."""
    return [
        tuple(cell if isinstance(cell, (str, date)) or cell is None else float(cell) for cell in row) for row in rows
    ]


def test_campaign_response(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "reading, month, dimension, member, numerator, denominator",
        "kpi_campaign_response_monthly",
        "dimension <> 'customer_segment' and denominator > 0",
    )
    assert len(mart) > 500
    assert _plain(mart) == _plain(figures(raw, "campaign_response"))


def test_campaign_funnel(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "campaign, channel, wave, addressed_count, delivered_count, opened_count, clicked_count, responded_count,"
        " converted_count, unsubscribed_count",
        "kpi_campaign_funnel",
    )
    assert len(mart) > 36
    assert {row[1] for row in mart if row[5] is None} == {"letter"}
    assert _plain(mart) == _plain(figures(raw, "campaign_funnel"))


def test_argument_response(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "reading, month, dimension, member, numerator, denominator",
        "kpi_argument_response_monthly",
        "dimension in ('total', 'argument') and denominator > 0",
    )
    assert len(mart) > 200
    assert _plain(mart) == _plain(figures(raw, "argument_response"))


def test_winning_arguments(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = demo.query(
        """
        select argument, purpose, sum(addressed_count), sum(responded_count), sum(converted_count),
            sum(order_count), sum(revenue_amount)
        from kpi.kpi_winning_arguments group by all order by all
        """
    )
    assert len(mart) == 12
    assert _plain(mart) == _plain(figures(raw, "winning_arguments"))


def test_attribution_to_the_cent(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "reading, month, dimension, member, numerator, denominator",
        "kpi_attribution_monthly",
        "dimension <> 'touch_type' and denominator > 0",
    )
    assert len(mart) > 1000
    assert _plain(mart) == _plain(figures(raw, "attribution"))


def test_visitor_conversion(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "reading, month, dimension, member, numerator, denominator",
        "kpi_visitor_conversion_monthly",
        "dimension in ('total', 'channel') and denominator > 0",
    )
    assert len(mart) > 500
    assert _plain(mart) == _plain(figures(raw, "visitor_conversion"))


def test_visited_products(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "product_id, month, visit_count, visitor_count, known_visitor_count, buyer_count",
        "kpi_visited_products",
    )
    assert len(mart) > 300
    assert _plain(mart) == _plain(figures(raw, "visited_products"))


def test_social_followers(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = demo.query(
        "select month, count(*), count(*) filter (where became_customer) from kpi.kpi_social_followers"
        " group by all order by all"
    )
    assert len(mart) > 24
    assert _plain(mart) == _plain(figures(raw, "social_followers"))


def test_every_stranger_is_a_visitor_who_never_bought(demo: Company) -> None:
    # The simulation numbers its strangers from 2 on; everybody else has a number above a billion.
    simulated = json.loads((demo.truth / "truth.json").read_text())["simulation"]
    strangers = round(simulated["customers"] * BOHNENWERK.web.strangers_per_customer)
    visitors = demo.query("select visitor, became_customer, became_lead from kpi.kpi_visitors where place = 'web'")
    keys = {hashlib.md5(f"web|V{2 * number:011d}".encode()).hexdigest() for number in range(2, strangers + 2)}
    found = [(bought, asked) for visitor, bought, asked in visitors if visitor in keys]
    assert set(found) == {(False, False)}
    share = 1 - MACHINES_AMONG_STRANGERS
    assert len(found) / strangers == pytest.approx(share, abs=Z * sqrt(share * (1 - share) / strangers))


def test_shop_visits_end_in_a_purchase_as_often_as_came_true(demo: Company) -> None:
    expected = _came_true(demo, "store_purchase")
    ((visits, purchases),) = demo.query(
        "select count(*), count(*) filter (where has_purchase) from kpi.kpi_visits where place = 'store'"
    )
    assert visits == expected["sample_size"]
    assert purchases / visits == pytest.approx(expected["realised"], abs=1e-6)


def test_known_visitors_of_the_shops_become_customers_as_often_as_came_true(demo: Company) -> None:
    expected = _came_true(demo, "store_visitor_conversion")
    ((visitors, buyers),) = demo.query(
        "select count(*), count(*) filter (where became_customer) from kpi.kpi_visitors"
        " where place = 'store' and customer_key <> 'unknown' and not was_customer"
    )
    # The few visits whose day does not exist are in the truth, and not in the warehouse.
    assert visitors == pytest.approx(expected["sample_size"], abs=4)
    assert buyers == pytest.approx(expected["realised"] * expected["sample_size"], abs=4)


def _came_true(demo: Company, kpi: str) -> dict[str, Any]:
    """The total of a figure of the truth."""
    content: dict[str, Any] = json.loads((demo.truth / "kpi_truth.json").read_text())
    found: list[dict[str, Any]] = [
        figure for figure in content["figures"] if (figure["kpi"], figure["member"]) == (kpi, "total")
    ]
    (figure,) = found
    return figure
