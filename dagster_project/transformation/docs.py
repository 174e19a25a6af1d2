"""Builds the static documentation: dbt's page, the pages of the KPIs, and an index over them and the Data Docs."""

from __future__ import annotations

import html
import shutil
from pathlib import Path

from dagster_project.errors import CrmError
from dagster_project.settings import Settings
from dagster_project.transformation.failures import one_sentence
from dagster_project.transformation.kpi_pages import KPI_PAGES, write_kpi_pages
from dagster_project.transformation.manifest import parsed_project, read_manifest
from dagster_project.transformation.project import dbt_layout, invoke

_PAGES = (
    (f"{KPI_PAGES}/index.html", "What we measure", "Every KPI: question, definition, edge cases, current figures"),
    ("models.html", "Models, tests and lineage", "dbt: every table and column, what it means and where it comes from"),
    ("data_docs/index.html", "Checks at the two doors", "Great Expectations: batches coming in, lists going out"),
)
_INDEX = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Kreislauf: documentation</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 4rem auto; padding: 0 1rem; }}
small {{ opacity: .75; display: block; }}
</style>
</head>
<body>
<h1>Kreislauf</h1>
<ul>
{entries}
</ul>
</body>
</html>
"""


def build_docs(settings: Settings) -> Path:
    """Build dbt's documentation as one page, a page for each KPI, and link everything.

    Returns:
        The page to open.

    Raises:
        CrmError: There is no warehouse yet, or dbt cannot describe it.
    """
    if not settings.warehouse_path.exists():
        raise CrmError(
            "there is no warehouse to describe", where=str(settings.warehouse_path), remedy="Run `crm nightly` first."
        )
    result = invoke(["docs", "generate", "--static"], settings=settings, manifest=parsed_project(settings))
    if not result.success:
        raise CrmError(f"the docs could not be built: {one_sentence(str(result.exception))}")
    settings.docs_dir.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(dbt_layout(settings).static_docs_path, settings.docs_dir / "models.html")
    return write_pages(settings)


def write_pages(settings: Settings) -> Path:
    """Write the pages of the KPIs with the figures last published, and link everything.

    Returns:
        The index page.
    """
    write_kpi_pages(read_manifest(settings), settings=settings)
    return write_index(settings)


def write_index(settings: Settings) -> Path:
    """Link the pages that are there.

    Returns:
        The index page.
    """
    settings.docs_dir.mkdir(parents=True, exist_ok=True)
    entries = [
        f'<li><a href="{place}">{html.escape(title)}</a><small>{html.escape(about)}</small></li>'
        if (settings.docs_dir / place).exists()
        else f"<li>{html.escape(title)}<small>not built yet: run <code>crm docs</code> after a nightly run</small></li>"
        for place, title, about in _PAGES
    ]
    index = settings.docs_dir / "index.html"
    index.write_text(_INDEX.format(entries="\n".join(entries)), encoding="utf-8")
    return index
