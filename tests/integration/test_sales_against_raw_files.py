"""The sales figures agree exactly with plain SQL over the raw files, and with what the simulation says came true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from math import sqrt
from typing import Any

import duckdb
import pytest

from dagster_project.settings import PROJECT_ROOT
from tests.conftest import Company
from tests.integration.kpi_sql_checks.landing import HERE, figures, open_landing

Rows = list[tuple[Any, ...]]
Z = 3.29
"""Standard errors that a share may lie from its parameter: 99.9 %."""


@pytest.fixture(scope="module")
def raw(demo: Company) -> Iterator[duckdb.DuckDBPyConnection]:
    """The raw files as tables, with the views that only sales needs."""
    with open_landing(demo.landing, truth=demo.truth, as_of=demo.as_of) as connection:
        connection.execute((HERE / "base_sales.sql").read_text())
        seed = PROJECT_ROOT / "seeds" / "sales_quotas.csv"
        connection.execute(f"create table quotas as from read_csv('{seed}', header = true)")
        yield connection


@pytest.fixture(scope="module")
def true_figures(demo: Company) -> dict[tuple[str, str], dict[str, Any]]:
    """What the simulation wrote about itself, by figure and member."""
    content: dict[str, Any] = json.loads((demo.truth / "kpi_truth.json").read_text())
    return {(entry["kpi"], entry["member"]): entry for entry in content["figures"]}


def _mart(demo: Company, columns: str, table: str, where: str = "denominator > 0") -> Rows:
    return demo.query(f"select {columns} from kpi.{table} where {where} order by all")


def _plain(rows: Rows) -> Rows:
    """Numbers as floats, so that 4 equals Decimal('4.00')."""
    return [
        tuple(cell if isinstance(cell, (str, date)) or cell is None else float(cell) for cell in row) for row in rows
    ]


def _share(demo: Company, table: str, where: str) -> tuple[float, int]:
    """Share and sample size over all months."""
    ((numerator, denominator),) = demo.query(f"select sum(numerator), sum(denominator) from kpi.{table} where {where}")
    return float(numerator / denominator), int(denominator)


def test_quotes_become_orders(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "reading, month, dimension, member, numerator, denominator",
        "kpi_quote_to_order_monthly",
        "dimension in ('total', 'employee') and denominator > 0",
    )
    assert len(mart) > 400
    assert _plain(mart) == [row for row in _plain(figures(raw, "quote_to_order")) if row[-1] > 0]


def test_pipeline_as_it_stood_at_the_end_of_each_month(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "reading, month, numerator, denominator, open_count, open_amount",
        "kpi_pipeline_monthly",
        "dimension = 'total' and open_count > 0",
    )
    assert len(mart) > 150
    assert _plain(mart) == _plain(figures(raw, "pipeline"))


def test_pipeline_of_today_is_what_the_source_calls_open(demo: Company) -> None:
    differing = demo.query(
        """
        select count(*), count(*) filter (
            pipeline.opportunity_key is null
            or opportunities.opportunity_key is null
            or pipeline.stage_name <> opportunities.stage_name
            or pipeline.amount is distinct from opportunities.amount
            or pipeline.expected_close_date is distinct from opportunities.expected_close_date
        )
        from kpi.kpi_pipeline as pipeline
        full join (from core.fct_opportunities where is_open and not is_excluded) as opportunities
            using (opportunity_key)
        """
    )
    assert differing[0][0] > 10
    assert differing[0][1] == 0


def test_win_rate_and_sales_cycle_of_each_owner(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = demo.query(
        """
        select 'win_rate' as figure, month, member, numerator, denominator
        from kpi.kpi_win_rate_monthly
        where reading = 'closed_count' and dimension = 'employee' and denominator > 0
        union all
        select 'sales_cycle' as figure, month, member, numerator, denominator
        from kpi.kpi_sales_cycle_monthly
        where reading = 'from_creation' and dimension = 'employee' and denominator > 0
        order by all
        """
    )
    assert len(mart) > 300
    assert _plain(mart) == _plain(figures(raw, "sales_by_employee"))


def test_quota_attainment(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "month, dimension, member, numerator, denominator, won_amount",
        "kpi_quota_attainment_monthly",
        "denominator > 0 or won_amount > 0",
    )
    assert len(mart) > 300
    expected = [row for row in _plain(figures(raw, "quota_attainment")) if row[-2] > 0 or row[-1] > 0]
    assert _plain(mart) == expected


def test_buying_center_coverage(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "reading, month, dimension, member, numerator, denominator",
        "kpi_buying_center_coverage_monthly",
        "dimension in ('total', 'outcome') and denominator > 0",
    )
    assert len(mart) > 400
    assert _plain(mart) == _plain(figures(raw, "buying_center"))


def test_management_contact_share(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "reading, month, numerator, denominator",
        "kpi_management_contact_share_monthly",
        "dimension = 'total' and denominator > 0",
    )
    assert len(mart) > 60
    assert _plain(mart) == _plain(figures(raw, "management_contact_share"))


def test_every_quote_ends_as_it_truly_did(demo: Company) -> None:
    # Offers whose last day has passed are decided here and still on their way in the simulation.
    rows = demo.query(
        f"""
        select
            count(*),
            count(*) filter (quotes.is_successful <> (truth.status = 'accepted')),
            count(*) filter (quotes.is_decided <> (truth.status in ('accepted', 'declined', 'expired'))),
            count(*) filter (facts.quote_status = 'sent' and facts.valid_until < date '{demo.as_of}')
        from kpi.kpi_quotes as quotes
        inner join core.fct_quotes as facts using (quote_key)
        inner join '{demo.truth}/quotes.parquet' as truth using (quote_id)
        """
    )
    quotes, other_success, other_decision, lapsed = rows[0]
    assert quotes > 200
    assert other_success == 0
    assert other_decision == lapsed


def test_amount_of_accepted_quotes_by_month(demo: Company) -> None:
    content: dict[str, Any] = json.loads((demo.truth / "kpi_truth.json").read_text())
    expected = [
        (date.fromisoformat(row["month"]), row["accepted"], row["ordered"], row["accepted_cents"])
        for row in content["monthly"]["quotes"]
        if row["issued"]
    ]
    mart = demo.query(
        """
        select
            month,
            max(numerator) filter (reading = 'accepted'),
            max(numerator) filter (reading = 'ordered'),
            max(numerator) filter (reading = 'value') * 100
        from kpi.kpi_quote_to_order_monthly
        where dimension = 'total'
        group by month
        having max(denominator) filter (reading = 'accepted_of_sent') > 0
        order by month
        """
    )
    assert [tuple(int(cell) if not isinstance(cell, date) else cell for cell in row) for row in mart] == expected


@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_buying_roles_are_reached_as_they_truly_were(
    demo: Company, true_figures: dict[tuple[str, str], dict[str, Any]], outcome: str
) -> None:
    for role in ("decider", "buyer", "influencer", "user", "gatekeeper"):
        share, sample_size = _share(
            demo,
            "kpi_buying_center_coverage_monthly",
            f"reading = '{role}' and dimension = 'outcome' and member = '{outcome}'",
        )
        figure = true_figures["buying_role_reached", f"{outcome}|{role}"]
        assert sample_size == figure["sample_size"]
        assert share == pytest.approx(figure["realised"], abs=1e-6), role


def test_management_has_its_share_of_the_contacts(
    demo: Company, true_figures: dict[tuple[str, str], dict[str, Any]]
) -> None:
    share, sample_size = _share(
        demo, "kpi_management_contact_share_monthly", "reading = 'manager_share' and dimension = 'total'"
    )
    parameter = true_figures["management_contact_share", "total"]["expected"]
    assert sample_size > 1000
    assert share == pytest.approx(parameter, abs=Z * sqrt(parameter * (1 - parameter) / sample_size))


def test_cycles_are_never_negative_and_owners_without_a_loss_win_always(demo: Company) -> None:
    assert demo.query("select count(*) from kpi.kpi_sales_cycles where cycle_days < 0") == [(0,)]
    assert demo.query(
        "select count(*) from kpi.kpi_win_rate_monthly where numerator = denominator and denominator > 0 and value <> 1"
    ) == [(0,)]
