"""A warehouse with just the tables that every family reads, and a small family to run on it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from dagster_project.prediction import Family, Inputs, Outcome, Score, Table
from dagster_project.settings import Settings, load_settings

AVERAGES = Table(
    name="averages", description="One row: the average of all figures.", columns={"average": "double", "rows": "bigint"}
)
SAID = Table(
    name="said_averages",
    description="One row per night: the average as it was said.",
    columns={"average": "double"},
    is_journal=True,
)


def warehouse(folder: Path) -> Settings:
    """An empty warehouse that stands on no date yet."""
    settings = load_settings({"CRM_DATA_DIR": str(folder), "CRM_MEMORY_LIMIT": "1GiB", "CRM_THREADS": "2"})
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        connection.execute("create schema core; create schema predictions; create schema kpi")
        connection.execute("create table kpi.kpi_figures (figure_key varchar, figure_date date, figure double)")
    return settings


def stand_on(settings: Settings, day: date, *, fit: date, figures: list[tuple[str, date, float]]) -> None:
    """Give the warehouse a date, its cutoffs and all figures known by then."""
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        connection.execute(
            "create or replace table core.dim_parameters as select ?::date as as_of_date, 3 as weight", [day]
        )
        connection.execute(
            "create or replace table predictions.pred_cutoffs as"
            " select 'today' as purpose, $day::date as through_date, $day::date as until_date"
            " union all select 'fit', $fit::date, $fit::date",
            {"day": day, "fit": fit},
        )
        connection.execute("delete from kpi.kpi_figures")
        connection.executemany("insert into kpi.kpi_figures values (?, ?, ?)", figures)


def averaging(inputs: Inputs) -> Outcome:
    """Fits the average of the figures up to the fit's day."""
    through = inputs.cutoffs["fit"].through
    seen = inputs.frames["figures"].filter(pl.col("figure_date") <= through)
    fitted = inputs.fits.use(
        model="average", through=through, data=seen, fit=lambda: {"average": seen["figure"].mean() or 0.0}
    )
    score = Score("average", "total", "mae", 1 / 3, float("nan"), None, through, inputs.as_of, seen.height)
    return Outcome(
        tables={
            "averages": pl.DataFrame({"average": [fitted["average"]], "rows": [seen.height]}),
            "said_averages": pl.DataFrame({"average": [fitted["average"]]}),
        },
        scores=(score,),
        warnings=() if seen.height else ("nothing to average",),
    )


FAMILY = Family(
    name="averages",
    description="The average of all figures.",
    owner="data_science",
    reads={"figures": "select * from kpi.kpi_figures order by figure_key"},
    models=("kpi.kpi_figures",),
    writes=(AVERAGES, SAID),
    predict=averaging,
)
