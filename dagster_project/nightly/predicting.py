"""The prediction step of a night: runs a family and remembers what it said."""

from __future__ import annotations

from dagster_project.nightly.session import Night, StepNote
from dagster_project.prediction import COMMON, Family, PredictionRun, predict, prepare_tables
from dagster_project.warehouse import open_database


def predict_night(night: Night, family: Family, *, note: StepNote) -> PredictionRun:
    """Run one family on the date the warehouse stands on.

    Args:
        night: The running night; a model that lost against its baseline is a warning, one that was not fitted a note.
        family: Which one.
        note: What the step is remembered for.
    """
    run = predict(family, settings=night.settings)
    night.warnings.extend(run.outcome.warnings)
    night.notes.extend(run.outcome.notes)
    note.rows = sum(run.row_counts.values())
    note.detail = run.outcome.detail
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
