"""The prediction step of a night: runs a family and remembers what it said."""

from __future__ import annotations

from dagster_project.nightly.session import Night, StepNote
from dagster_project.prediction import COMMON, Family, PredictionRun, predict, prepare_tables, recalled, remember
from dagster_project.warehouse import open_database


def predict_night(night: Night, family: Family, *, note: StepNote) -> PredictionRun:
    """Run one family on the date the warehouse stands on, unless it has said all this before.

    Args:
        night: The running night; a model that lost against its baseline is a warning, one that was not fitted a note.
        family: Which one.
        note: What the step is remembered for.
    """
    known = recalled(family, settings=night.settings)
    run = known or predict(family, settings=night.settings)
    if known is None:
        remember(family, run, settings=night.settings)
    night.warnings.extend(run.outcome.warnings)
    night.notes.extend(run.outcome.notes)
    note.rows = sum(run.row_counts.values())
    note.detail = run.outcome.detail if known is None else f"unchanged: {run.outcome.detail}"
    note.is_unchanged = known is not None
    return run


def count_journals(night: Night) -> dict[str, int]:
    """Rows of tonight in the journals that all families write; creates them where no family has run yet."""
    with open_database(night.settings.warehouse_path, settings=night.settings) as connection:
        prepare_tables(connection, ())
        return {
            table.name: int(
                connection.execute(
                    f"select count(*) from {table.schema}.{table.name} where as_of_date = "
                    "(select max(as_of_date) from raw.runs)"
                ).fetchall()[0][0]
            )
            for table in COMMON
        }
