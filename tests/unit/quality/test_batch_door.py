"""Batches at the incoming door."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from dagster_project.ingestion import BatchProfile
from dagster_project.quality import QualityGate
from tests.unit.quality.conftest import BATCH

Change = Callable[[str, str | None, str | None, int], BatchProfile]


def texts(gate: QualityGate, profile: BatchProfile) -> list[str]:
    findings = gate.validate_batch(profile)
    assert all(finding.severity == "refuse" for finding in findings)
    return [finding.text.removeprefix("quality gate: ") for finding in findings]


def test_a_batch_that_keeps_its_contract_passes(gate: QualityGate) -> None:
    assert gate.validate_batch(BATCH) == ()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("order_id", "1", "99", 2), "order_id is empty in 2 rows, but must be filled."),
        (("quantity", "0", "100", 0), "quantity goes below 1."),
        (("quantity", "1", "101", 0), "quantity goes above 100."),
        (("due_date", "2019-12-31", "2025-04-30", 0), "due_date goes below 2020-01-01."),
        (
            ("ordered_at", "2025-03-29", "2025-04-02 00:00:00", 0),
            "ordered_at reaches 3 days past the date of the batch.",
        ),
    ],
)
def test_a_figure_out_of_bounds_refuses_it(
    gate: QualityGate, with_column: Change, change: tuple[str, str, str, int], expected: str
) -> None:
    assert texts(gate, with_column(*change)) == [expected]


def test_empty_columns_are_in_bounds(gate: QualityGate, with_column: Change) -> None:
    for name in ("quantity", "ordered_at", "due_date"):
        assert gate.validate_batch(with_column(name, None, None, 100)) == ()


def test_too_many_bad_rows_refuse_it(gate: QualityGate) -> None:
    bad = replace(BATCH, loaded_rows=93, quarantined_rows=6)
    assert texts(gate, bad) == ["6 of 100 rows break the contract, 5.0% are allowed."]


def test_a_few_bad_rows_of_a_small_file_do_not(gate: QualityGate) -> None:
    small = replace(BATCH, source_rows=13, delivered_rows=3, loaded_rows=1, quarantined_rows=2, duplicate_rows=0)
    assert gate.validate_batch(small) == ()


def test_batches_with_the_same_figures_share_a_verdict_and_are_all_counted(gate: QualityGate) -> None:
    for number in range(50):
        gate.validate_batch(replace(BATCH, batch_id=str(number), file=f"orders_{number}.csv"))
    assert gate.summary.batches == 50
    assert gate.summary.expectations == 50 * 7
    assert gate.summary.failed == 0


def test_nothing_to_validate_imports_nothing_and_builds_nothing() -> None:
    code = """
import sys
from datetime import date
from dagster_project.quality import QualityGate
from dagster_project.settings import load_settings
assert QualityGate(settings=load_settings({}), as_of=date(2025, 1, 1)).build_docs() is None
assert "great_expectations" not in sys.modules and "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_pages_name_the_files_that_failed_and_need_no_network(gate: QualityGate, with_column: Change) -> None:
    gate.validate_batch(BATCH)
    gate.validate_batch(
        replace(with_column("quantity", "0", "100", 0), file="broken.csv", batch_date=date(2025, 3, 31))
    )
    index = gate.build_docs()
    assert index is not None
    page = (index.parent / "batches" / "orders.html").read_text()
    assert "shop/broken.csv" in page
    assert "quantity_below_minimum" in page
    assert 'href="batches/orders.html"' in index.read_text()
    for path in index.parent.rglob("*.html"):
        text = path.read_text()
        assert not any(word in text for word in ("http://", "https://", "<script", "<link", "<img", "//cdn")), path
        assert "Exception" not in text


def test_the_same_run_writes_the_same_pages(gate: QualityGate, with_column: Change) -> None:
    gate.validate_batch(BATCH)
    gate.validate_batch(with_column("quantity", "0", "100", 0))
    index = gate.build_docs()
    assert index is not None
    first = {path: path.read_bytes() for path in index.parent.rglob("*.html")}
    gate.build_docs()
    assert {path: path.read_bytes() for path in index.parent.rglob("*.html")} == first
