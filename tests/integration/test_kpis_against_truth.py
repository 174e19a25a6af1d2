"""Each KPI agrees with the simulation: with what came true exactly, with its parameters within sampling error.

Interval: an observed share may lie 3.29 standard errors from the parameter; so may a mean of durations, which scatter
no more than exponential ones. That is 99.9 %. The company never changes (fixed seed): a test passes always or never.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from math import sqrt
from typing import Any

import pytest

from tests.conftest import Company

Z = 3.29


@dataclass(frozen=True)
class Figure:
    """One figure of the truth: the parameter behind it, if there is one, and what came true."""

    expected: float | None
    realised: float
    sample_size: int


@dataclass(frozen=True)
class Truth:
    """What the simulation wrote about itself."""

    by_name: dict[tuple[str, str], Figure]
    monthly: dict[str, dict[date, dict[str, int]]]

    def members(self, kpi: str) -> dict[str, Figure]:
        """The figures of one KPI by member."""
        return {member: figure for (name, member), figure in self.by_name.items() if name == kpi}


@pytest.fixture(scope="module")
def truth(demo: Company) -> Truth:
    """The truth file."""
    content: dict[str, Any] = json.loads((demo.truth / "kpi_truth.json").read_text())
    return Truth(
        by_name={
            (entry["kpi"], entry["member"]): Figure(entry["expected"], entry["realised"], entry["sample_size"])
            for entry in content["figures"]
        },
        monthly={
            name: {date.fromisoformat(row["month"]): row for row in rows} for name, rows in content["monthly"].items()
        },
    )


def _shares(demo: Company, table: str, where: str) -> dict[str, tuple[float, int]]:
    """Share and sample size over all months, by member."""
    rows = demo.query(
        f"select member, sum(numerator), sum(denominator) from kpi.{table} where {where}"
        " group by member having sum(denominator) > 0"
    )
    return {member: (float(numerator / denominator), int(denominator)) for member, numerator, denominator in rows}


def _assert_near_parameter(share: float, parameter: float, sample_size: int) -> None:
    assert share == pytest.approx(parameter, abs=Z * sqrt(parameter * (1 - parameter) / sample_size))


def test_win_rate_is_what_came_true_and_near_the_win_probability(demo: Company, truth: Truth) -> None:
    shares = _shares(
        demo, "kpi_win_rate_monthly", "reading = 'closed_count' and dimension in ('total', 'customer_segment')"
    )
    for member, figure in truth.members("win_rate_closed").items():
        share, sample_size = shares[member]
        assert share == pytest.approx(figure.realised, abs=1e-6)
        assert sample_size == figure.sample_size
        if figure.expected is not None:
            _assert_near_parameter(share, figure.expected, sample_size)


def test_wins_and_losses_fall_into_their_months(demo: Company, truth: Truth) -> None:
    mart = demo.query(
        "select month, numerator, denominator - numerator from kpi.kpi_win_rate_monthly"
        " where reading = 'closed_count' and dimension = 'total' and denominator > 0 order by month"
    )
    wins = truth.monthly["wins"]
    expected = [(month, row["won"], row["lost"]) for month, row in sorted(wins.items()) if row["won"] + row["lost"]]
    assert [(month, int(won), int(lost)) for month, won, lost in mart] == expected


def test_lead_conversion_is_what_came_true(demo: Company, truth: Truth) -> None:
    share, sample_size = _shares(demo, "kpi_lead_conversion_monthly", "dimension = 'total'")["total"]
    figure = truth.by_name["lead_conversion", "total"]
    assert share == pytest.approx(figure.realised, abs=1e-6)
    assert sample_size == figure.sample_size


def test_sales_cycle_is_what_came_true(demo: Company, truth: Truth) -> None:
    mean, sample_size = _shares(demo, "kpi_sales_cycle_monthly", "dimension = 'total' and reading = 'from_creation'")[
        "total"
    ]
    figure = truth.by_name["sales_cycle_from_creation_days", "total"]
    assert mean == pytest.approx(figure.realised, abs=1e-3)
    assert sample_size == figure.sample_size


def test_first_touches_of_first_deals_are_found(demo: Company, truth: Truth) -> None:
    # Of later deals the truth says nothing. A lead before the first activity is no touch by the handbook.
    rows = demo.query(
        f"""
        select avg(cycles.cycle_days), count(*)
        from kpi.kpi_sales_cycles as cycles
        inner join core.fct_opportunities as opportunities using (opportunity_key)
        inner join '{demo.truth}/opportunities.parquet' as deals using (opportunity_id)
        where cycles.reading = 'from_first_touch' and not cycles.is_censored and deals.is_first
        """
    )
    figure = truth.by_name["sales_cycle_from_first_touch_days", "total"]
    assert rows[0][1] == figure.sample_size
    assert rows[0][0] == pytest.approx(figure.realised, rel=0.05)


def test_time_in_stage_is_near_the_stage_durations(demo: Company, truth: Truth) -> None:
    # The truth counts the deals deleted or merged later, too, so that only the parameter is comparable.
    rows = demo.query(
        "select customer_segment || '|' || stage_name, avg(latest_days), count(*) from kpi.kpi_time_in_stage"
        " where not is_censored group by all"
    )
    found = {member: (mean, count) for member, mean, count in rows}
    figures = truth.members("stage_days")
    assert len(figures) == 12
    for member, figure in figures.items():
        mean, count = found[member]
        assert figure.expected is not None
        assert mean == pytest.approx(figure.expected, abs=Z * figure.expected / sqrt(count)), member


def test_first_contact_resolution_is_what_came_true_and_near_the_success_of_the_team(
    demo: Company, truth: Truth
) -> None:
    rows = demo.query(
        """
        select team, avg(cast(is_first_contact_resolution as int)), avg(cast(is_one_touch as int)), count(*)
        from kpi.kpi_resolved_tickets where is_answered and not is_window_open group by rollup (team)
        """
    )
    found = {team or "total": (fcr, one_touch, count) for team, fcr, one_touch, count in rows}
    for member, figure in truth.members("first_contact_resolution").items():
        share, _, count = found[member]
        assert share == pytest.approx(figure.realised, abs=0.005)  # tickets on the edge of the window
        assert count == pytest.approx(figure.sample_size, rel=0.01)
        if figure.expected is not None:
            _assert_near_parameter(share, figure.expected, count)
    assert found["total"][1] == pytest.approx(truth.by_name["one_touch", "total"].realised, abs=0.005)


def test_contractual_churn_is_what_came_true_once_it_is_final(demo: Company, truth: Truth) -> None:
    mart = demo.query(
        "select month, denominator, numerator from kpi.kpi_churn_contractual_monthly"
        " where dimension = 'total' and is_final order by month"
    )
    known = truth.monthly["contract_churn"]
    assert len(mart) > 30
    assert [(month, int(active), int(lost)) for month, active, lost in mart] == [
        (month, known[month]["active_at_start"], known[month]["lost"]) for month, _, _ in mart
    ]


def test_contractual_churn_is_near_the_monthly_risk_of_the_segment(demo: Company, truth: Truth) -> None:
    shares = _shares(demo, "kpi_churn_contractual_monthly", "dimension = 'customer_segment' and is_final")
    for member, figure in truth.members("contract_churn_monthly").items():
        assert figure.expected is not None
        share, sample_size = shares[member]
        _assert_near_parameter(share, figure.expected, sample_size)


def test_inactivity_churn_of_persons_is_what_came_true(demo: Company, truth: Truth) -> None:
    mart = demo.query(
        "select month, denominator, numerator from kpi.kpi_churn_inactivity_monthly"
        " where dimension = 'customer_type' and member = 'person' order by month"
    )
    known = truth.monthly["inactivity_churn_persons"]
    assert len(mart) > 30
    assert [(month, int(active), int(lost)) for month, active, lost in mart] == [
        (month, known[month]["active_at_start"], known[month]["lost"]) for month, _, _ in mart
    ]


def test_revenue_of_every_customer_is_what_was_ordered(demo: Company) -> None:
    rows = demo.query(
        f"""
        with persons as (
            select distinct records.customer_key, identities.person_id
            from core.dim_customer_records as records
            inner join '{demo.truth}/identities.parquet' as identities using (source_system, account_id)
        ),
        ordered as (
            select person_id, sum(net_amount) as amount
            from '{demo.truth}/orders.parquet'
            where origin not in ('cancelled', 'anonymous', 'test')
            group by person_id
        ),
        found as (
            select persons.person_id, sum(lines.net_amount) as amount
            from core.fct_order_lines as lines
            inner join persons using (customer_key)
            where lines.is_countable
            group by persons.person_id
        )
        select count(*), count(*) filter (where abs(ordered.amount - found.amount) < 0.005)
        from ordered full outer join found using (person_id)
        """
    )
    customers, agreeing = rows[0]
    assert customers > 500
    assert agreeing == customers
