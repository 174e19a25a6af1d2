"""Runs one family on the warehouse: reads its frames, writes its tables and journals; formulas are in the families."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl

from dagster_project.errors import CrmError
from dagster_project.prediction.family import Cutoff, Family, Inputs, Outcome, Score, Table
from dagster_project.prediction.fits import Fit, FitBook
from dagster_project.warehouse import (
    create_missing,
    open_database,
    read_frame,
    replace_night,
    replace_table,
    transaction,
)

if TYPE_CHECKING:
    import duckdb

    from dagster_project.settings import Settings

FITS = Table(
    name="fits",
    description="One row per night, family, model and member: the parameters used, and the data they saw.",
    columns={
        "family": "varchar",
        "model": "varchar",
        "member": "varchar",
        "fitted_through_date": "date",
        "fitted_on_date": "date",
        "data_sha256": "varchar",
        "row_count": "bigint",
        "parameters": "varchar",
    },
    is_journal=True,
)
SCORECARDS = Table(
    name="scorecards",
    description="One row per night, family, model, member and measure: how good on days the model had not seen.",
    columns={
        "family": "varchar",
        "model": "varchar",
        "member": "varchar",
        "measure": "varchar",
        "value": "double",
        "baseline_value": "double",
        "is_better": "boolean",
        "learned_through_date": "date",
        "watched_until_date": "date",
        "case_count": "bigint",
    },
    is_journal=True,
)
COMMON = (FITS, SCORECARDS)
"""Journals that all families write; a family replaces its own rows of the night only."""

_DIGITS = 9
"""Of a score: beyond them machines differ."""

_POLARS_TYPES: Mapping[str, type[pl.DataType]] = {
    "varchar": pl.String,
    "double": pl.Float64,
    "bigint": pl.Int64,
    "boolean": pl.Boolean,
    "date": pl.Date,
}


@dataclass(frozen=True)
class PredictionRun:
    """What became of one family tonight."""

    outcome: Outcome
    row_counts: Mapping[str, int]
    fresh_fit_count: int


def predict(family: Family, *, settings: Settings) -> PredictionRun:
    """Run one family on the date the warehouse stands on; its tables are replaced together or not at all.

    Args:
        family: Which one.
        settings: Where the warehouse is.

    Raises:
        CrmError: A model that it reads is missing, or it broke its own declaration.
    """
    import scipy.linalg  # noqa: F401 - brings a library of its own, which has to be loaded before it can be limited
    from threadpoolctl import threadpool_limits

    with open_database(settings.warehouse_path, settings=settings, leaves_log=True) as connection:
        inputs = _inputs(connection, family)
        with threadpool_limits(limits=1):  # sums of floats depend on how many threads share them
            outcome = family.predict(inputs)
        _demand_declared(family, outcome)
        with transaction(connection):
            for table in family.writes:
                _write(connection, table, frame=outcome.tables[table.name], as_of=inputs.as_of)
            _write_common(connection, family, inputs=inputs, outcome=outcome)
    counts = {table.name: outcome.tables[table.name].height for table in family.writes}
    return PredictionRun(outcome=outcome, row_counts=counts, fresh_fit_count=inputs.fits.fresh_count)


def prepare_tables(connection: duckdb.DuckDBPyConnection, families: tuple[Family, ...]) -> None:
    """Create every table that the families write, empty, where it is missing: dbt's models over them can be built."""
    create_missing(connection, [*COMMON, *(table for family in families for table in family.writes)])


def _inputs(connection: duckdb.DuckDBPyConnection, family: Family) -> Inputs:
    prepare_tables(connection, (family,))
    parameters = _one_row(connection, "core.dim_parameters")
    as_of: date = parameters["as_of_date"]
    cutoffs = read_frame(connection, "select purpose, through_date, until_date from predictions.pred_cutoffs")
    return Inputs(
        as_of=as_of,
        parameters=parameters,
        cutoffs={purpose: Cutoff(through, until) for purpose, through, until in cutoffs.rows()},
        frames={name: read_frame(connection, sql) for name, sql in family.reads.items()},
        fits=FitBook(as_of=as_of, kept=_kept_fits(connection, family, as_of=as_of)),
    )


def _one_row(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, Any]:
    rows = read_frame(connection, f"select * from {table}").to_dicts()
    if len(rows) != 1:
        raise CrmError(f"{table} has {len(rows)} rows instead of one", remedy="Run `crm nightly` without --select.")
    return rows[0]


def _kept_fits(connection: duckdb.DuckDBPyConnection, family: Family, *, as_of: date) -> list[Fit]:
    """Fits of nights before this one, so that a repeated night does what it did the first time."""
    rows = connection.execute(
        "select model, member, fitted_through_date, fitted_on_date, data_sha256, row_count, parameters"
        " from journal.fits where family = ? and as_of_date < ? order by as_of_date",
        [family.name, as_of],
    ).fetchall()
    return [Fit(*row) for row in rows]


def _demand_declared(family: Family, outcome: Outcome) -> None:
    missing = {table.name for table in family.writes} ^ set(outcome.tables)
    if missing:
        raise CrmError(f"the family {family.name} does not write what it declares: {', '.join(sorted(missing))}")


def _write(connection: duckdb.DuckDBPyConnection, table: Table, *, frame: pl.DataFrame, as_of: date) -> None:
    name = table.relation
    if table.is_journal:
        replace_night(connection, name, columns=table.columns, frame=frame, as_of=as_of)
    else:
        replace_table(connection, name, columns=table.columns, frame=frame)


def _write_common(connection: duckdb.DuckDBPyConnection, family: Family, *, inputs: Inputs, outcome: Outcome) -> None:
    frames = {
        FITS.name: _fit_rows(family, inputs.fits.used),
        SCORECARDS.name: _score_rows(family, outcome.scores),
    }
    for table in COMMON:
        replace_night(
            connection,
            table.relation,
            columns=table.columns,
            frame=frames[table.name],
            as_of=inputs.as_of,
            only=("family", family.name),
        )


def _fit_rows(family: Family, fits: tuple[Fit, ...]) -> pl.DataFrame:
    rows = [
        (
            family.name,
            fit.model,
            fit.member,
            fit.fitted_through,
            fit.fitted_on,
            fit.data_sha256,
            fit.row_count,
            fit.parameters,
        )
        for fit in fits
    ]
    return _frame(FITS, rows)


def _score_rows(family: Family, scores: tuple[Score, ...]) -> pl.DataFrame:
    rows = [
        (
            family.name,
            score.model,
            score.member,
            score.measure,
            _rounded(score.value),
            _rounded(score.baseline),
            score.is_better,
            score.learned_through,
            score.watched_until,
            score.case_count,
        )
        for score in scores
    ]
    return _frame(SCORECARDS, rows)


def _frame(table: Table, rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    types = {name: _POLARS_TYPES[kind] for name, kind in table.columns.items()}
    return pl.DataFrame(rows, schema=types, orient="row")


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, _DIGITS)
