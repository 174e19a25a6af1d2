"""The pages of the KPIs: descriptions taken apart, figures read, lines drawn."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb

from dagster_project.settings import Settings, load_settings
from dagster_project.transformation.kpi_charts import line_chart
from dagster_project.transformation.kpi_definitions import kpi_definitions, read_description
from dagster_project.transformation.kpi_figures import Point, Series, read_figures
from dagster_project.transformation.kpi_pages import kpi_page, write_kpi_pages

DESCRIPTION = """
*Grain*: one row per month.

Do they <come> back? Some do.

- *Formula*: `back` = returned ÷ gone,
  each counted *once*
- *Owner*: sales
"""
COLUMNS = ("reading", "month", "dimension", "member", "numerator", "denominator", "value", "is_final")


def _model(name: str, schema: str = "kpi", **more: Any) -> dict[str, Any]:
    return {
        "unique_id": f"model.kreislauf.{name}",
        "resource_type": "model",
        "name": name,
        "schema": schema,
        "description": DESCRIPTION,
        "columns": {column: {"data_type": "string", "description": f"the {column}"} for column in COLUMNS},
        "config": {"meta": {"better": "higher"}},
        "depends_on": {"nodes": []},
        "original_file_path": f"models/kpi/{name}.sql",
        **more,
    }


def _manifest() -> dict[str, Any]:
    mart = _model("kpi_nps_monthly", depends_on={"nodes": ["model.kreislauf.kpi_answers"]})
    answers = _model("kpi_answers", columns={}, depends_on={"nodes": ["model.kreislauf.fct_answers"]})
    fact = _model("fct_answers", "core", columns={}, depends_on={"nodes": ["source.kreislauf.raw.answers"]})
    return {
        "nodes": {node["unique_id"]: node for node in (mart, answers, fact)},
        "sources": {"source.kreislauf.raw.answers": {"schema": "raw", "name": "answers"}},
        "child_map": {answers["unique_id"]: [mart["unique_id"], "unit_test.kreislauf.any"]},
        "unit_tests": {
            "unit_test.kreislauf.any": {
                "model": "kpi_nps_monthly",
                "name": "kpi_nps_monthly_counts_a_zero_as_detractor",
                "description": "0 is an answer.",
            }
        },
    }


def _published(folder: Path, rows: str, *, marts: str = "") -> Settings:
    settings = load_settings({"CRM_DATA_DIR": str(folder)})
    settings.published_path.parent.mkdir(parents=True)
    with duckdb.connect(str(settings.published_path)) as connection:
        connection.execute(
            "create schema meta; create table meta.publication as select date '2025-12-31' as as_of_date"
        )
        connection.execute("create table meta.tables as select 'kpi_nps_monthly' as table_name")
        connection.execute(
            "create schema kpi; create table kpi.kpi_scoreboard as select * from (values "
            f"{rows}) as rows (kpi, reading, month, dimension, member, value, target, unit, is_final)"
        )
        connection.execute(marts)
    return settings


def test_a_description_is_taken_apart() -> None:
    grain, question, points = read_description(DESCRIPTION)
    assert grain == "one row per month."
    assert question == "Do they <come> back? Some do."
    assert points == (("Formula", "`back` = returned ÷ gone, each counted *once*"), ("Owner", "sales"))


def test_a_definition_knows_its_tests_and_everything_upstream() -> None:
    answers, mart = kpi_definitions(_manifest())
    assert mart.title == "NPS"
    assert mart.is_headline
    assert not answers.is_headline
    assert [case.sentence for case in mart.edge_cases] == ["Counts a zero as detractor"]
    assert dict(mart.reads) == {"kpi": ("kpi_answers",), "core": ("fct_answers",), "raw": ("answers",)}
    assert answers.used_by == ("kpi_nps_monthly",)


def test_a_page_is_escaped_and_formatted() -> None:
    definitions = kpi_definitions(_manifest())
    page = kpi_page(definitions[1], definitions=definitions, figures=read_figures([], settings=load_settings({})))
    assert "Do they &lt;come&gt; back?" in page
    assert "<code>back</code> = returned ÷ gone, each counted <em>once</em>" in page


def test_figures_are_the_last_thirteen_months_of_the_total(tmp_path: Path) -> None:
    rows = ", ".join(
        f"('nps', 'score', date '{year}-{at}-01', 'total', 'total', {at}.5, 10, 'points', {year + at < 2037})"
        for year in (2024, 2025)
        for at in range(1, 13)
    )
    others = ", ('nps', 'score', date '2025-12-01', 'team', 'north', 99.0, 10, 'points', true)"
    figures = read_figures([], settings=_published(tmp_path, rows + others))
    [series] = figures.series["nps"]
    assert figures.as_of == date(2025, 12, 31)
    assert [point.month for point in series.points] == [date(2024, 12, 1), *(date(2025, n, 1) for n in range(1, 13))]
    assert series.points[-1] == Point(date(2025, 12, 1), 12.5, 10, is_final=False)
    assert series.newest == Point(date(2025, 11, 1), 11.5, 10, is_final=True)


def test_a_measure_without_a_total_shows_its_stages_and_one_beside_the_scoreboard_its_mart(tmp_path: Path) -> None:
    settings = _published(
        tmp_path,
        "('time_in_stage', 'latest', date '2025-12-01', 'stage', 'Offer', 3.0, null, 'days', true)",
        marts="create table kpi.kpi_nps_monthly as select 'score' as reading, date '2025-12-01' as month, unnest("
        "['total', 'team']) as dimension, 'total' as member, 41.0 as value, 'currency' as unit, true as is_final",
    )
    figures = read_figures(kpi_definitions(_manifest()), settings=settings)
    assert [one.name for one in figures.series["time_in_stage"]] == ["latest, Offer"]
    [series] = figures.series["nps"]
    assert (series.unit, len(series.points)) == ("EUR", 1)


def test_before_the_first_publication_pages_say_so(tmp_path: Path) -> None:
    settings = load_settings({"CRM_DATA_DIR": str(tmp_path)})
    index = write_kpi_pages(_manifest(), settings=settings)
    assert "Nothing has been published yet." in index.read_text(encoding="utf-8")
    assert "Nothing has been published yet." in (index.parent / "kpi_nps_monthly.html").read_text(encoding="utf-8")


def test_pages_of_models_that_are_gone_are_removed(tmp_path: Path) -> None:
    settings = load_settings({"CRM_DATA_DIR": str(tmp_path)})
    folder = write_kpi_pages(_manifest(), settings=settings).parent
    (folder / "kpi_gone.html").write_text("old")
    write_kpi_pages(_manifest(), settings=settings)
    assert sorted(path.name for path in folder.iterdir()) == ["index.html", "kpi_answers.html", "kpi_nps_monthly.html"]


def _points(*values: float | None, target: float | None = None) -> tuple[Point, ...]:
    return tuple(
        Point(date(2025, at, 1), value, target, is_final=at < len(values)) for at, value in enumerate(values, start=1)
    )


def test_a_gap_breaks_the_line_and_the_target_is_a_line_of_its_own() -> None:
    chart = ElementTree.fromstring(line_chart(Series("a & b", "rate", _points(0.1, 0.2, None, 0.4, target=0.3))))
    lines = [one.get("points", "").split() for one in chart.iter("polyline") if one.get("class") == "line"]
    assert [len(points) for points in lines] == [2, 1]
    [target] = [one for one in chart.iter("polyline") if one.get("class") == "target"]
    assert len({point.split(",")[1] for point in target.get("points", "").split()}) == 1
    assert [one.get("class") for one in chart.iter("circle")] == ["final", "final", "open"]
    assert [one.text for one in chart.iter("title")][-1] == "2025-04: 40.0 %, not final"


def test_a_line_of_equal_or_single_or_negative_values_can_be_drawn() -> None:
    for values in [(0.0, 0.0), (5.0,), (-3.0, -3.0), (-10.0, 20.0)]:
        chart = ElementTree.fromstring(line_chart(Series("reading", "days", _points(*values))))
        heights = [float(one.get("cy", "")) for one in chart.iter("circle")]
        assert len(heights) == len(values)
        assert all(0 <= height <= 200 for height in heights)


def test_a_reading_without_figures_has_no_chart() -> None:
    assert line_chart(Series("reading", "rate", _points(None, None, target=0.5))) == ""
