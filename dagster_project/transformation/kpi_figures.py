"""Reads the newest totals of each KPI from the published database; how they are computed is in the kpi models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import duckdb

from dagster_project.errors import CrmError
from dagster_project.settings import Settings
from dagster_project.transformation.kpi_definitions import KpiDefinition
from dagster_project.warehouse import open_database

MONTHS = 13
"""A year, and the same month of the year before."""

_MOST_SERIES = 24

_SHOWN = """
    with figures as (

        {source}

    ),

    -- The total; of a KPI that has none because its members cannot be added up, the members.
    shown as (

        select
            kpi,
            reading || case when dimension = 'total' then '' else ', ' || member end as series,
            month, value, target, unit, is_final
        from figures
        qualify dimension = 'total' or not bool_or(dimension = 'total') over (partition by kpi)

    ),

    newest as (

        select kpi, max(month) as month from shown group by all

    ),

    final as (

        select shown.*
        from shown
        inner join newest on shown.kpi = newest.kpi
        where shown.month > newest.month - interval {months} months

    )

    select * from final order by kpi, series, month
"""
_SCOREBOARD = """
        select kpi, reading, month, dimension, member, value, target, unit, is_final
        from kpi.kpi_scoreboard
        where dimension in ('total', 'stage')
"""
_MART = """
        select '{measure}' as kpi, reading, month, dimension, member, value, null as target, unit, is_final
        from {schema}.{name}
        where dimension = 'total'
"""


@dataclass(frozen=True)
class Point:
    """The figure of one month."""

    month: date
    value: float | None
    target: float | None
    is_final: bool


@dataclass(frozen=True)
class Series:
    """One reading of a KPI, month by month."""

    name: str
    unit: str
    points: tuple[Point, ...]

    @property
    def newest(self) -> Point | None:
        """The newest final month with a figure, else the newest month with one."""
        known = [point for point in self.points if point.value is not None]
        final = [point for point in known if point.is_final]
        chosen = final or known
        return chosen[-1] if chosen else None


@dataclass(frozen=True)
class Figures:
    """What was published, and for which day."""

    as_of: date | None
    series: Mapping[str, tuple[Series, ...]]
    """By the name of the measure."""


def read_figures(definitions: Iterable[KpiDefinition], *, settings: Settings) -> Figures:
    """The last months of every headline KPI; nothing before the first publication."""
    try:
        with open_database(settings.published_path, settings=settings, read_only=True) as connection:
            return _read(connection, definitions, settings=settings)
    except (CrmError, duckdb.CatalogException, duckdb.BinderException):  # published by an older version
        return Figures(None, {})


def _read(
    connection: duckdb.DuckDBPyConnection, definitions: Iterable[KpiDefinition], *, settings: Settings
) -> Figures:
    [(as_of,)] = connection.execute("select max(as_of_date) from meta.publication").fetchall()
    found = _series(connection, _SCOREBOARD, settings=settings)
    published = {name for (name,) in connection.execute("select table_name from meta.tables").fetchall()}
    for one in definitions:
        if one.is_headline and one.measure not in found and one.name in published:
            found |= _series(
                connection, _MART.format(measure=one.measure, schema=one.schema, name=one.name), settings=settings
            )
    return Figures(as_of, found)


def _series(connection: duckdb.DuckDBPyConnection, source: str, *, settings: Settings) -> dict[str, tuple[Series, ...]]:
    grouped: dict[str, dict[str, tuple[str, list[Point]]]] = {}
    for kpi, name, month, value, target, unit, is_final in connection.execute(
        _SHOWN.format(source=source, months=MONTHS)
    ).fetchall():
        shown_unit = settings.reporting_currency if unit == "currency" else unit
        _, points = grouped.setdefault(kpi, {}).setdefault(name, (shown_unit, []))
        points.append(Point(month, value, target, bool(is_final)))
    return {
        kpi: tuple(Series(name, unit, tuple(points)) for name, (unit, points) in list(series.items())[:_MOST_SERIES])
        for kpi, series in grouped.items()
    }
