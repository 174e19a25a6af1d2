"""The pages a night writes on the KPIs show what it published, and nothing about a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dagster_project.console.figures import figure, month
from dagster_project.transformation.kpi_definitions import kpi_definitions
from tests.conftest import Company

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(demo: Company) -> Path:
    return demo.settings.docs_dir / "kpis"


def test_every_published_measure_has_a_page_with_its_newest_figures(
    demo: Company, folder: Path, manifest: dict[str, Any]
) -> None:
    rows = demo.query(
        "select kpi, unit, month, value from kpi.kpi_scoreboard where dimension = 'total' and value is not null"
        " qualify month = max(month) over (partition by kpi)",
        published=True,
    )
    assert rows
    pages = {one.measure: folder / f"{one.name}.html" for one in kpi_definitions(manifest) if one.is_headline}
    for kpi, unit, day, value in rows:
        page = pages[kpi].read_text()
        assert month(day) in page
        assert figure(value, "EUR" if unit == "currency" else unit) in page, (kpi, day, value)


def test_the_index_of_the_documentation_leads_to_the_pages(demo: Company, folder: Path) -> None:
    assert (folder / "index.html").exists()
    assert 'href="kpis/index.html"' in (demo.settings.docs_dir / "index.html").read_text()


def test_no_page_names_a_person(demo: Company, folder: Path) -> None:
    pages = "\n".join(path.read_text() for path in folder.glob("*.html"))
    addresses = demo.query("select distinct email from core.dim_customers where email is not null limit 500")
    employees = demo.query("select distinct employee_id from core.dim_employees where employee_id <> 'unknown'")
    shown = [value for (value,) in employees if f">{value}<" in pages]
    assert addresses
    assert employees
    assert [*shown, *(value for (value,) in addresses if value in pages)] == []
