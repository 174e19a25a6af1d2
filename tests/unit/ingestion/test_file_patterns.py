"""File patterns: globs with a date in them."""

from __future__ import annotations

from datetime import date

import pytest

from dagster_project.ingestion.file_patterns import FilePattern


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("Account_{date:%Y%m%d}.csv", "Account_20240131.csv", (True, date(2024, 1, 31))),
        ("Account_{date:%Y%m%d}.csv", "Account_20240231.csv", (False, None)),
        ("Account_{date:%Y%m%d}.csv", "XAccount_20240131.csv", (False, None)),
        ("Account_{date:%Y%m%d}*.csv*", "Account_20240131_2.csv.gz", (True, date(2024, 1, 31))),
        ("{date:%Y/%m/%d}/users.csv", "2024/01/31/users.csv", (True, date(2024, 1, 31))),
        ("{date:%d.%m.%y}.csv", "31.01.24.csv", (True, date(2024, 1, 31))),
        ("{date:%Y%b}.csv", "2024Mar.csv", (True, date(2024, 3, 1))),
        ("*.csv", "a.csv", (True, None)),
        ("*.csv", "below/a.csv", (False, None)),
        ("**/*.csv", "below/deep/a.csv", (True, None)),
        ("**/*.csv", "a.csv", (True, None)),
        ("a?.csv", "ab.csv", (True, None)),
        ("a+b (1).csv", "a+b (1).csv", (True, None)),
    ],
)
def test_names_match_and_give_their_date(pattern: str, name: str, expected: tuple[bool, date | None]) -> None:
    assert FilePattern.parse(pattern).match(name) == expected


@pytest.mark.parametrize("pattern", ["{date:%Y%m%d", "{date:}", "{date:%Y}{date:%m}", "{date:%Z}", "a{b}"])
def test_malformed_dates_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"date|brace"):
        FilePattern.parse(pattern)
