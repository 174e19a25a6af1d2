"""Numbers read as people expect them."""

from __future__ import annotations

import pytest

from dagster_project.console import figures


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.1234, "fraction", "12.3 %"),
        (34.25, "days", "34.2 days"),
        (4.25, "hours", "4.2 h"),
        (-12.5, "points", "-12.5"),
        (2.5, "factor", "2.5 ×"),  # noqa: RUF001 - a factor is written so
        (1200.0, "count", "1,200"),
        (0.125, "count", "0.12"),
        (12345.6, "EUR", "12,346 EUR"),
        (12.3, "EUR", "12.30 EUR"),
        (None, "days", "–"),  # noqa: RUF001 - a dash is what is shown
    ],
)
def test_figures_carry_their_unit(value: float | None, unit: str, shown: str) -> None:
    assert figures.figure(value, unit) == shown


@pytest.mark.parametrize(
    ("value", "previous", "unit", "shown"),
    [
        (0.31, 0.28, "fraction", ("▲", "+3.0 pp")),
        (30.0, 35.5, "days", ("▼", "-5.5 days")),
        (4.0, 6.5, "hours", ("▼", "-2.5 h")),
        (5.0, 5.0, "EUR", ("=", "+0.00")),
        (5.0, None, "EUR", ("", "–")),  # noqa: RUF001 - a dash is what is shown
    ],
)
def test_changes_point_up_or_down(value: float, previous: float | None, unit: str, shown: tuple[str, str]) -> None:
    assert figures.change(value, previous, unit) == shown


@pytest.mark.parametrize(("value", "shown"), [(0.42, "0.4 s"), (42.4, "42 s"), (185.2, "3 min 05 s")])
def test_durations(value: float, shown: str) -> None:
    assert figures.seconds(value) == shown


def test_long_texts_keep_both_ends() -> None:
    assert figures.shortened("abcdefghij", 5) == "ab…ij"
    assert figures.shortened("abc", 5) == "abc"
