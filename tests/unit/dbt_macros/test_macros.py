"""Scalar macros rendered without dbt and run on DuckDB; dbt unit tests of staging models test the row macros."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

import duckdb
import jinja2
import pytest

from dagster_project.settings import PROJECT_ROOT

MACROS = PROJECT_ROOT / "dbt" / "macros"
ROW_MACROS = {"current_rows", "row_history"}
Evaluate = Callable[..., Any]


TABLE_MACROS = {"spark_tables", "spark_periods"}
"""How tables are written, which only dbt itself can read; so are all of macros/restating."""


def _render(call: str, *, engine: str = "duckdb") -> str:
    files = [
        path
        for path in sorted(MACROS.rglob("*.sql"))
        if path.stem not in ROW_MACROS | TABLE_MACROS and path.parent.name != "restating"
    ]
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    environment.globals.update(target=SimpleNamespace(type=engine, schema="core"), var=lambda _: "DE")
    source = "".join(path.read_text() for path in files) + "{{ " + call + " }}"
    return environment.from_string(source).render().strip()


@pytest.fixture
def evaluate() -> Evaluate:
    """Value of a macro call over one row of columns given by name."""

    def run(call: str, **columns: Any) -> Any:
        names = ", ".join(f"$value_{name} as {name}" for name in columns) or "1 as nothing"
        values = {f"value_{name}": value for name, value in columns.items()}
        with duckdb.connect() as connection:
            row = connection.execute(f"select {_render(call)} from (select {names}) as given", values).fetchone()
        assert row is not None
        return row[0]

    return run


@pytest.mark.parametrize(
    ("written", "country", "compared"),
    [
        ("0049 (0)30 / 12 34-567", "DE", "+49301234567"),
        ("030/1234567", "DE", "+49301234567"),
        ("+49 30 1234567", None, "+49301234567"),
        ("030 1234567 ext. 12", "DE", "+49301234567"),
        ("030 1234567 Durchwahl 3", "DE", "+49301234567"),
        ("49301234567", "DE", "+49301234567"),
        ("030 1234567", None, "+49301234567"),
        ("030 1234567", "", "+49301234567"),
        ("01 2345678", "at", "+4312345678"),
        ("044 123 45 67", "CH", "+41441234567"),
        ("(555) 123-4567", "US", "+15551234567"),
        ("1-555-123-4567", "US", "+15551234567"),
        ("06 1234567", "IT", "+39061234567"),
        ("030 1234567", "XX", None),
        ("+30 1234567890", "XX", "+301234567890"),
        ("12", "DE", None),
        ("n/a", "DE", None),
        ("", "DE", None),
        (None, "DE", None),
    ],
)
def test_normalised_phone_makes_one_number_of_many_spellings(
    evaluate: Evaluate, written: str | None, country: str | None, compared: str | None
) -> None:
    assert evaluate("normalised_phone('phone', 'country')", phone=written, country=country) == compared


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("Müller & Söhne GmbH & Co. KG", "muellersoehne"),
        ("MUELLER UND SOEHNE", "muellersoehne"),
        ("Müller & Söhne G.m.b.H. & Co.KG", "muellersoehne"),
        ("Société Générale S.A.", "societegenerale"),
        ("Turnverein Köln e.V.", "turnvereinkoeln"),
        ("Straßenbau Groß AG", "strassenbaugross"),
        ("Acme, Inc.", "acme"),
        ("Agentur Kegel", "agenturkegel"),
        ("GmbH", None),
        ("", None),
        (None, None),
    ],
)
def test_normalised_company_leaves_the_name_without_form_and_spelling(
    evaluate: Evaluate, written: str | None, compared: str | None
) -> None:
    assert evaluate("normalised_company('name')", name=written) == compared


@pytest.mark.parametrize(
    ("written", "compared"), [(" Eva@Klein.Example ", "eva@klein.example"), ("  ", None), (None, None)]
)
def test_normalised_email_ignores_case_and_blanks(
    evaluate: Evaluate, written: str | None, compared: str | None
) -> None:
    assert evaluate("normalised_email('email')", email=written) == compared


def test_surrogate_key_is_the_md5_of_the_joined_parts(evaluate: Evaluate) -> None:
    # printf 'shop|7|' | md5sum
    assert evaluate("surrogate_key(['a', 'b', 'c'])", a="shop", b=7, c=None) == "43d951869afa37735c098683da912adb"


@pytest.mark.parametrize(
    ("numerator", "denominator", "ratio"), [(1, 4, 0.25), (1, 0, None), (None, 4, None), (0, 4, 0.0)]
)
def test_safe_ratio_is_null_without_a_denominator(
    evaluate: Evaluate, numerator: int | None, denominator: int, ratio: float | None
) -> None:
    assert evaluate("safe_ratio('n', 'd')", n=numerator, d=denominator) == ratio


def test_days_between_counts_from_the_first_to_the_second(evaluate: Evaluate) -> None:
    assert evaluate("days_between('a', 'b')", a=date(2024, 2, 28), b=date(2024, 3, 1)) == 2
    assert evaluate("days_between('a', 'b')", a=date(2024, 3, 1), b=date(2024, 2, 28)) == -2


def test_elapsed_days_measures_time_and_not_midnights_crossed(evaluate: Evaluate) -> None:
    evening, next_noon = "timestamp '2024-01-01 23:00:00'", "timestamp '2024-01-02 11:00:00'"
    assert evaluate(f'elapsed_days("{evening}", "{next_noon}")') == 0.5
    assert evaluate(f'elapsed_days("cast(null as timestamp)", "{next_noon}")') is None


def test_date_plus_clamps_to_the_end_of_a_shorter_month(evaluate: Evaluate) -> None:
    assert evaluate("date_plus('d', 1, 'month')", d=date(2024, 1, 31)) == date(2024, 2, 29)
    assert evaluate("date_plus('d', -1)", d=date(2024, 3, 1)) == date(2024, 2, 29)


@pytest.mark.parametrize(
    ("utc", "berlin"),
    [
        ("2024-01-15 08:00:00", "2024-01-15 09:00:00"),
        ("2024-07-15 08:00:00", "2024-07-15 10:00:00"),
        ("2024-03-31 00:59:00", "2024-03-31 01:59:00"),
        ("2024-03-31 01:00:00", "2024-03-31 03:00:00"),
        ("2024-10-27 01:00:00", "2024-10-27 02:00:00"),
        ("2024-12-31 23:30:00", "2025-01-01 00:30:00"),
    ],
)
def test_local_time_and_utc_time_know_summer_and_winter(evaluate: Evaluate, utc: str, berlin: str) -> None:
    moment, shown = datetime.fromisoformat(utc), datetime.fromisoformat(berlin)
    assert evaluate("local_time('moment', 'zone')", moment=moment, zone="Europe/Berlin") == shown
    assert evaluate("utc_time('shown', 'zone')", shown=shown, zone="Europe/Berlin") == moment


def test_replace_pattern_replaces_every_match(evaluate: Evaluate) -> None:
    assert evaluate("""replace_pattern('t', '[0-9]', "'#'")""", t="a1b22") == "a#b##"


def test_sha256_hex_is_lower_case_hex(evaluate: Evaluate) -> None:
    assert evaluate("sha256_hex('t')", t="abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_generate_schema_name_puts_no_target_in_front() -> None:
    assert _render("generate_schema_name('kpi', none)") == "kpi"
    assert _render("generate_schema_name(none, none)") == "core"


@pytest.mark.parametrize(
    ("call", "spelled"),
    [
        ("days_between('a', 'b')", "datediff(b, a)"),
        ("date_plus('d', 3)", "date_add(d, cast(3 as int))"),
        ("date_plus('d', 3, 'month')", "add_months(d, cast(3 as int))"),
        ("sha256_hex('t')", "sha2(t, 256)"),
        ("local_time('m', 'z')", "from_utc_timestamp(m, z)"),
        ("utc_time('m', 'z')", "to_utc_timestamp(m, z)"),
    ],
)
def test_engine_macros_speak_spark(call: str, spelled: str) -> None:
    assert _render(call, engine="spark") == spelled
