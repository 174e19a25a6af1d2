"""Every headline measure says all that its page shows, and each page renders from the manifest alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from dagster_project.settings import load_settings
from dagster_project.transformation.kpi_definitions import POINTS, KpiDefinition, kpi_definitions
from dagster_project.transformation.kpi_figures import Figures, Point, Series
from dagster_project.transformation.kpi_pages import kpi_page, write_kpi_pages

VOID = {"meta", "br"}
FEWEST_HEADLINES = 8


class Page(HTMLParser):
    """What is on a page, and whether every element that was opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.feed(text)
        self.unbalanced += self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if name in {"href", "src"} and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An SVG element without content."""

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def definitions(manifest: dict[str, Any]) -> tuple[KpiDefinition, ...]:
    return kpi_definitions(manifest)


@pytest.fixture(scope="module")
def headlines(definitions: tuple[KpiDefinition, ...]) -> list[KpiDefinition]:
    found = [one for one in definitions if one.is_headline]
    assert len(found) >= FEWEST_HEADLINES
    return found


@pytest.fixture(scope="module")
def folder(manifest: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = load_settings({"CRM_DATA_DIR": str(tmp_path_factory.mktemp("pages"))})
    return write_kpi_pages(manifest, settings=settings).parent


def _pages(folder: Path) -> Iterator[tuple[Path, Page]]:
    for path in sorted(folder.glob("*.html")):
        yield path, Page(path.read_text(encoding="utf-8"))


def test_every_headline_measure_says_everything_a_page_shows(headlines: list[KpiDefinition]) -> None:
    silent = [f"{one.name}: {label}" for one in headlines for label in POINTS if len(one.point(label)) < len("a, b")]
    assert silent == []


def test_each_point_stands_once_and_in_one_order(headlines: list[KpiDefinition]) -> None:
    labels = {one.name: [label for label, _ in one.points if label in POINTS] for one in headlines}
    assert [name for name, found in labels.items() if found != [label for label in POINTS if label in found]] == []


def test_every_measure_asks_a_question(headlines: list[KpiDefinition]) -> None:
    assert [one.name for one in headlines if "?" not in one.question] == []


def test_which_way_is_better_is_said_in_one_word(headlines: list[KpiDefinition]) -> None:
    assert [one.name for one in headlines if one.better not in {"higher", "lower", None}] == []


def test_an_example_works_with_numbers(headlines: list[KpiDefinition]) -> None:
    assert [one.name for one in headlines if not any(sign.isdigit() for sign in one.point("Example"))] == []


def test_each_model_has_a_page_with_its_unit_tests(folder: Path, definitions: tuple[KpiDefinition, ...]) -> None:
    for one in definitions:
        page = Page((folder / f"{one.name}.html").read_text(encoding="utf-8"))
        assert set(page.texts) >= {case.name for case in one.edge_cases} | {column.name for column in one.columns}


def test_pages_are_well_formed_and_need_no_network(folder: Path) -> None:
    for path, page in _pages(folder):
        assert page.unbalanced == [], path.name
        assert [link for link in page.links if "//" in link] == [], path.name
        assert "url(" not in path.read_text(encoding="utf-8"), path.name


def test_links_of_the_pages_lead_somewhere(folder: Path) -> None:
    broken = [
        f"{path.name}: {link}"
        for path, page in _pages(folder)
        for link in page.links
        if link != "../index.html" and not (folder / link).exists()
    ]
    assert broken == []


def test_figures_are_drawn_and_listed(definitions: tuple[KpiDefinition, ...], headlines: list[KpiDefinition]) -> None:
    points = (
        Point(date(2025, 10, 1), 0.25, 0.4, is_final=True),
        Point(date(2025, 11, 1), None, 0.4, is_final=True),
        Point(date(2025, 12, 1), 0.5, 0.4, is_final=False),
    )
    for one in headlines:
        figures = Figures(date(2025, 12, 31), {one.measure: (Series("<reading>", "rate", points),)})
        page = Page(kpi_page(one, definitions=definitions, figures=figures))
        assert page.unbalanced == []
        assert {"25.0 %", "50.0 %*", "<reading>"} <= set(page.texts)
