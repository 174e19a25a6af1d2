"""The scoreboard repeats every mart: each figure as it is, and no other."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Company
from tests.conventions.long_marts import long_marts

SUFFIXES = {"kpi_sales_cycle_monthly": "_mean", "kpi_service_time_monthly": "_mean"}
NAMES = {"dq_scores_monthly": "data_quality"}
COLUMNS = "reading, month, dimension, member, numerator, denominator, value, unit, is_final"


def _kpi(mart: str) -> str:
    return NAMES.get(mart, mart.removeprefix("kpi_").removesuffix("_monthly"))


def test_every_mart_is_in_the_scoreboard_as_it_is(demo: Company, manifest: dict[str, Any]) -> None:
    marts = [node for node in long_marts(manifest) if node["name"] != "kpi_time_in_stage_monthly"]
    assert len(marts) > 30
    for node in marts:
        suffix = SUFFIXES.get(node["name"], "")
        mart = f"select reading || '{suffix}' as reading, * exclude (reading) from {node['schema']}.{node['name']}"
        shown = f"from kpi.kpi_scoreboard where kpi = '{_kpi(node['name'])}' and reading like '%{suffix}'"
        differing = demo.query(
            f"(select {COLUMNS} from ({mart}) except all select {COLUMNS} {shown})"
            f" union all (select {COLUMNS} {shown} except all select {COLUMNS} from ({mart}))"
        )
        assert differing == [], node["name"]


def test_the_scoreboard_has_no_other_kpi(demo: Company, manifest: dict[str, Any]) -> None:
    shown = {name for (name,) in demo.query("select distinct kpi from kpi.kpi_scoreboard")}
    assert shown == {_kpi(node["name"]) for node in long_marts(manifest)}


def test_stages_are_members_of_the_scoreboard(demo: Company) -> None:
    mart = "select reading, month, stage_name, value, is_final from kpi.kpi_time_in_stage_monthly"
    shown = "select reading, month, member, value, is_final from kpi.kpi_scoreboard where kpi = 'time_in_stage'"
    assert demo.query(f"{mart} where dimension = 'total' order by all") == demo.query(f"{shown} order by all")


def test_every_target_belongs_to_a_figure(demo: Company) -> None:
    aimless = demo.query(
        """
        select targets.kpi, targets.reading, targets.dimension, targets.member
        from seeds.kpi_targets as targets
        anti join kpi.kpi_scoreboard using (kpi, reading, dimension, member)
        """
    )
    assert aimless == []


@pytest.mark.parametrize("kpi", ["win_rate", "nps", "revenue_retention", "retention_cost", "data_quality"])
def test_the_month_before_is_the_calendar_month_before(demo: Company, kpi: str) -> None:
    wrong = demo.query(
        f"""
        select now.month, now.reading, now.member
        from kpi.kpi_scoreboard as now
        left join kpi.kpi_scoreboard as past
            on now.kpi = past.kpi and now.reading = past.reading and now.dimension = past.dimension
            and now.member = past.member and past.month = now.month - interval 1 month
        where now.kpi = '{kpi}' and now.previous_value is distinct from past.value
        """
    )
    assert wrong == []
