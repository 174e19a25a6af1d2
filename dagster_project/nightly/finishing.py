"""What every night does last, however it went: docs of the checks, headline figures, its record."""

from __future__ import annotations

from dataclasses import replace

from dagster_project.nightly.headlines import read_headlines
from dagster_project.nightly.record import CheckTally, Outcome, RunRecord
from dagster_project.nightly.session import Night
from dagster_project.nightly.store import save
from dagster_project.transformation.docs import write_index, write_pages


def finish(night: Night) -> RunRecord:
    """Close the night and keep its record; nothing here can make a good night fail."""
    _build_check_docs(night)
    _write_kpi_pages(night)
    _note_gate(night)
    if night.failure is None:
        night.headlines = read_headlines(night.settings)
    return keep(night, night.record())


def keep(night: Night, record: RunRecord) -> RunRecord:
    """Keep the record of a night, or say in it that it could not be kept.

    Args:
        night: The night that ends.
        record: Its record.
    """
    try:
        save(record, settings=night.settings)
    except OSError as error:
        night.is_settled = False
        untold = f"the record of this run could not be kept ({error.strerror})"
        outcome: Outcome = "warnings" if record.outcome == "fine" else record.outcome
        return replace(record, warnings=(*record.warnings, untold), outcome=outcome)
    return record


def _build_check_docs(night: Night) -> None:
    try:
        with night.step("check docs") as note:
            path = night.gate.build_docs()
            write_index(night.settings)
            note.detail = "built" if path else "nothing new to show"
    except Exception as error:
        failure = night.describe(error)
        night.warnings.append(f"the Data Docs could not be built: {failure}")
        night.is_settled = False


def _write_kpi_pages(night: Night) -> None:
    """Only after a good night: the pages show what was published."""
    if night.failure is not None:
        return
    try:
        with night.step("kpi pages") as note:
            write_pages(night.settings)
            note.detail = "built"
    except Exception as error:
        night.warnings.append(f"the pages of the KPIs could not be built: {night.describe(error)}")
        night.is_settled = False


def _note_gate(night: Night) -> None:
    summary = night.gate.summary
    if summary.expectations:
        night.tallies.append(CheckTally("expectations", summary.expectations - summary.failed, summary.failed, 0))
        night.add_share("quality gate", seconds=summary.seconds, detail="inside ingestion, activation and check docs")
