"""Reads the headline figures of the night from the scoreboard; how they are computed is in the kpi models."""

from __future__ import annotations

import duckdb

from dagster_project.errors import CrmError
from dagster_project.nightly.record import Headline
from dagster_project.settings import Settings
from dagster_project.warehouse import open_database

_LATEST = """
    with totals as (

        select * from kpi.kpi_scoreboard where dimension = 'total' and value is not null

    ),

    latest as (

        select
            kpi, reading, month, value, previous_value, target, unit, is_final,
            target is not null as has_target
        from totals
        qualify row_number() over (partition by kpi, reading order by is_final desc, month desc nulls last) = 1

    ),

    final as (

        select kpi, reading, month, value, previous_value, target, unit, is_final
        from latest
        qualify has_target or (
            not bool_or(has_target) over ()
            and row_number() over (partition by kpi order by reading) = 1
        )

    )

    select * from final order by kpi, reading
"""
"""The figures somebody set a target for: they are what the screen is for. Without any target, one reading per KPI."""


def read_headlines(settings: Settings) -> tuple[Headline, ...]:
    """The newest final total of every headline reading; empty before the first publication."""
    try:
        with open_database(settings.published_path, settings=settings, read_only=True) as connection:
            rows = connection.execute(_LATEST).fetchall()
    except (CrmError, duckdb.CatalogException):
        return ()
    return tuple(
        Headline(
            kpi=kpi,
            reading=reading,
            month=month,
            value=float(value),
            previous_value=None if previous is None else float(previous),
            target=None if target is None else float(target),
            unit=settings.reporting_currency if unit == "currency" else unit,
            is_final=bool(is_final),
        )
        for kpi, reading, month, value, previous, target, unit, is_final in rows
    )
