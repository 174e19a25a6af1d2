"""Exports of other companies, mapped by the guide alone, give the figures computed from the files themselves."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from dagster_project.settings import PROJECT_ROOT
from tests.conftest import Company, Crm

SHARED = PROJECT_ROOT.parent / "shared" / "data"
MAPPINGS = Path(__file__).parent / "third_party"


def _night(crm: Crm, folder: Path, *, system: str, as_of: date) -> Company:
    """Lay out landing, sources and data outside the repository, as the README says, and run one night."""
    if not SHARED.exists():
        pytest.skip("the third-party exports are not beside this checkout")
    landing, sources, data = folder / "landing", folder / "sources", folder / "data"
    shutil.copytree(SHARED / system, landing / system)
    shutil.copytree(MAPPINGS / system, sources / system)
    night = crm(
        *("nightly", "--as-of", as_of.isoformat()),
        data_dir=data,
        CRM_LANDING_DIR=landing,
        CRM_SOURCES_DIR=sources,
    )
    assert night.exit_code in {0, 2}, night.stdout + night.stderr
    return Company(data, as_of)


@pytest.fixture(scope="module")
def maven(crm: Crm, tmp_path_factory: pytest.TempPathFactory) -> Company:
    return _night(crm, tmp_path_factory.mktemp("maven"), system="maven_crm", as_of=date(2017, 12, 31))


@pytest.fixture(scope="module")
def salesforce(crm: Crm, tmp_path_factory: pytest.TempPathFactory) -> Company:
    return _night(crm, tmp_path_factory.mktemp("sf"), system="salesforce_devorg", as_of=date(2026, 3, 31))


WIN_RATE = """
    select {what}
    from kpi.kpi_win_rate_monthly
    where reading = '{reading}' and dimension = '{dimension}'
"""


def _value(company: Company, sql: str) -> float:
    ((value,),) = company.query(sql, published=True)
    return float(value)


def test_maven_stages_are_counted_as_in_the_file(maven: Company) -> None:
    rows = maven.query(
        "select count(*) filter (where is_won), count(*) filter (where is_lost), count(*) filter (where is_open),"
        " count(*) filter (where stage_name = 'Prospecting'), sum(amount) filter (where is_won),"
        " count(*) filter (where is_open and customer_key = 'unknown') from core.fct_opportunities",
        published=True,
    )
    assert rows == [(4238, 2473, 2089, 500, 10_005_534, 1425)]


def test_maven_win_rate_is_the_published_one(maven: Company) -> None:
    total = WIN_RATE.format(
        what="sum(numerator) / cast(sum(denominator) as double)", reading="closed_count", dimension="total"
    )
    assert _value(maven, total) == pytest.approx(0.631501, abs=5e-7)
    quarters = maven.query(
        WIN_RATE.format(
            what="date_trunc('quarter', month) as quarter, round(sum(numerator) / cast(sum(denominator) as double), 6)",
            reading="closed_count",
            dimension="total",
        )
        + " group by all having sum(denominator) > 0 order by quarter",
        published=True,
    )
    assert [float(rate) for _, rate in quarters] == [0.820711, 0.617126, 0.614069, 0.602519]


def test_maven_win_rate_by_manager_is_the_published_one(maven: Company) -> None:
    teams = maven.query(
        WIN_RATE.format(
            what="member, sum(numerator), sum(denominator) - sum(numerator)", reading="closed_count", dimension="team"
        )
        + " group by all order by member",
        published=True,
    )
    by_last_name = {str(member).split()[-1]: (int(won), int(lost)) for member, won, lost in teams if won + lost}
    assert by_last_name == {
        "Losch": (480, 265),
        "Rouche": (610, 352),
        "Brinkmann": (747, 439),
        "Marxen": (882, 536),
        "Neubert": (691, 422),
        "Sewald": (828, 459),
    }


def test_maven_days_from_engagement_to_close_are_the_published_ones(maven: Company) -> None:
    rows = maven.query(
        "select is_won, median(days), avg(days) from (select is_won, close_date - created_date as days"
        " from core.fct_opportunities where is_closed) group by all order by is_won desc",
        published=True,
    )
    assert rows[0][1:] == (57, pytest.approx(51.781973, abs=5e-7))
    assert rows[1][1] == 14


def test_salesforce_win_rate_is_the_published_one_by_count_and_value(salesforce: Company) -> None:
    share = "sum(numerator) / cast(sum(denominator) as double)"
    by_count = WIN_RATE.format(what=share, reading="closed_count", dimension="total")
    by_value = WIN_RATE.format(what=share, reading="closed_value", dimension="total")
    assert _value(salesforce, by_count) == pytest.approx(0.6)
    assert _value(salesforce, by_value) == pytest.approx(0.772291, abs=5e-7)


def test_salesforce_reversals_are_seen_and_counted_once(salesforce: Company) -> None:
    visits = salesforce.query(
        "select count(*), count(distinct opportunity_key) from core.fct_opportunity_stages", published=True
    )
    assert visits[0][1] == 36
    assert visits[0][0] <= 48
    closed = salesforce.query(
        "select count(*) filter (where is_won), count(*) filter (where is_lost) from core.fct_opportunities",
        published=True,
    )
    assert closed == [(12, 8)]


def test_salesforce_leads_converted_are_the_published_ones(salesforce: Company) -> None:
    assert salesforce.query(
        "select count(*) filter (where is_converted), count(*) from core.fct_leads", published=True
    ) == [(5, 22)]


def test_feeds_that_a_company_does_not_have_stay_empty(maven: Company) -> None:
    for table in ("fct_tickets", "fct_order_lines", "fct_contracts", "fct_web_sessions"):
        assert maven.query(f"select count(*) from core.{table}") == [(0,)]


def test_close_before_creation_goes_to_data_quality_and_not_into_the_mean(salesforce: Company) -> None:
    flagged = salesforce.query("select count(*) from core.fct_opportunities where has_close_before_creation")
    assert flagged[0][0] > 0
    cycles = salesforce.query("select min(mean_days) from kpi.kpi_sales_cycle_monthly", published=True)
    assert cycles[0][0] is None or cycles[0][0] >= 0
