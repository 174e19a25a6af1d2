"""The ledger of erasures: hashes only, once each, and a broken line is one sentence."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from dagster_project.errors import CrmError
from dagster_project.settings import Settings, load_settings
from dagster_project.subjects.identifiers import Identifier, Record, fingerprints, phone_spellings, sha256
from dagster_project.subjects.ledger import Erasure, erasures_path, note_erasure, record_erasures
from dagster_project.subjects.normalising import email_sql, phone_sql


def settings_in(folder: Path) -> Settings:
    return load_settings({"CRM_DATA_DIR": str(folder)})


def erasure(*texts: str, night: date = date(2024, 6, 30)) -> Erasure:
    hashes = fingerprints([Identifier("email", one) for one in texts], records=["shop:1"])
    return Erasure(night, datetime(2024, 7, 1, tzinfo=UTC), "tester", tuple(sorted(hashes)), {"raw.accounts": 1})


def recorded(settings: Settings) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        record_erasures(connection, settings=settings)
        return connection.execute("select * from journal.erasures order by all").fetchall()


def test_hashes_are_kept_once_with_their_first_night_and_nothing_readable(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    note_erasure(settings, erasure("a@x.example"))
    note_erasure(settings, erasure("a@x.example", night=date(2024, 7, 9)))
    note_erasure(settings, erasure("b@x.example", night=date(2024, 7, 9)))

    assert recorded(settings) == sorted(
        [
            (date(2024, 6, 30), sha256("a@x.example")),
            (date(2024, 6, 30), sha256("shop:1")),
            (date(2024, 7, 9), sha256("b@x.example")),
        ]
    )
    assert "x.example" not in erasures_path(settings).read_text()
    assert erasures_path(settings).stat().st_mode & 0o777 == 0o600
    assert len(erasures_path(settings).read_text().splitlines()) == 2, "the same again adds nothing"


def test_before_the_first_erasure_the_journal_is_empty(tmp_path: Path) -> None:
    assert recorded(settings_in(tmp_path)) == []


@pytest.mark.parametrize("line", ["{", "{}", '{"as_of_date": "x", "identifier_sha256": []}'])
def test_a_line_that_is_none_of_ours_is_told(tmp_path: Path, line: str) -> None:
    settings = settings_in(tmp_path)
    erasures_path(settings).parent.mkdir()
    erasures_path(settings).write_text(line + "\n")
    with pytest.raises(CrmError, match="none of ours"):
        recorded(settings)


def test_addresses_are_compared_as_the_models_compare_them() -> None:
    row = duckdb.execute(
        f"select {email_sql('e')}, {phone_sql('p')}, {phone_sql('p', has_country=True)}"
        " from (select ' Anna@X.example' as e, '030 1234567' as p, 'AT' as country_code)"
    ).fetchone()
    assert row == ("anna@x.example", "+49301234567", "+43301234567")


def test_a_record_has_the_key_that_the_models_give_it() -> None:
    row = duckdb.execute("select md5(coalesce('shop', '') || '|' || coalesce('1', ''))").fetchone()
    assert row == (Record("shop", "1").key,)


def test_numbers_are_searched_for_as_found_and_as_digits() -> None:
    assert phone_spellings("+4930123456", ["030 123456 "]) == (
        "030 123456",
        "+4930123456",
        "4930123456",
        "004930123456",
    )
