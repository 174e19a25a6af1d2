"""Law 4: no direct identifier leaves without a purpose and a consent on record; analysts see no identifiers at all."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import yaml

from dagster_project.settings import PROJECT_ROOT
from tests.conftest import Company

SHORTEST = 5
"""Shorter names (Li, Koch) stand in ordinary words; they are searched as whole values only."""


def _personal_columns() -> Iterator[tuple[str, str]]:
    for path in sorted((PROJECT_ROOT / "sources" / "feeds").glob("*.yml")):
        contract = yaml.safe_load(path.read_text())
        for name, column in contract["columns"].items():
            if column.get("personal") == "direct":
                yield contract["feed"], name


def _identifiers(warehouse: Path) -> pl.Series:
    """Every name, address, e-mail and number the demo company's exports hold, as loaded."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        parts = [
            connection.execute(f"select distinct {column} as value from raw.{feed} where {column} is not null").pl()
            for feed, column in _personal_columns()
        ]
        parts.append(
            connection.execute(
                "select distinct first_name || ' ' || last_name as value from raw.accounts where first_name is not null"
            ).pl()
        )
    return pl.concat(parts)["value"].unique().sort()


def _published_texts(published: Path) -> Iterator[tuple[str, pl.Series]]:
    with duckdb.connect(str(published), read_only=True) as connection:
        columns = connection.execute(
            "select schema_name, table_name, column_name from duckdb_columns()"
            " where not internal and data_type = 'VARCHAR' order by all"
        ).fetchall()
        for schema, table, column in columns:
            frame = connection.execute(f'select distinct "{column}" as value from "{schema}"."{table}"').pl()
            yield f"{schema}.{table}.{column}", frame["value"].drop_nulls()


def test_the_published_database_holds_no_identifier_of_anybody(demo: Company) -> None:
    identifiers = _identifiers(demo.warehouse)
    assert len(identifiers) > 5_000
    long = identifiers.filter(identifiers.str.len_chars() >= SHORTEST)
    long = long.filter(long.str.contains(r"[ @\d]"))
    checked = 0
    for where, values in _published_texts(demo.published):
        if values.is_empty():
            continue
        checked += 1
        assert not values.is_in(identifiers.implode()).any(), where
        assert not values.str.contains_any(long.implode()).any(), where
        assert not values.str.contains(r"[\w.+-]+@[\w-]+\.\w+").any(), where
    assert checked > 100


def test_contact_files_name_only_customers_with_consent_on_the_day(demo: Company) -> None:
    manifests = [json.loads(path.read_text()) for path in demo.settings.exports_dir.glob("*/*/manifest.json")]
    assert len(manifests) >= 4
    contact = list(demo.settings.exports_dir.glob("*/*/manifest.json"))
    seen = 0
    for path in contact:
        definition = json.loads(path.read_text())["definition"]
        settings = definition["settings"]
        if settings["channel"] == "internal":
            continue
        with path.with_name("members.csv").open(encoding="utf-8-sig") as handle:
            keys = [row["customer_key"] for row in csv.DictReader(handle)]
        seen += len(keys)
        granted = {
            key
            for (key,) in demo.query(
                "with said as (select customer_key, consent_status, channel,"
                " row_number() over (partition by customer_key, channel order by recorded_at desc,"
                " case consent_status when 'withdrawn' then 0 else 1 end) as position from core.fct_consents"
                f" where purpose = '{settings['purpose']}' and channel in ('{settings['channel']}', 'any')"
                " and consent_status <> 'pending')"
                " select customer_key from said where position = 1 group by customer_key"
                " having bool_and(consent_status = 'granted')"
            )
        }
        assert set(keys) <= granted, path
        suppressed = {
            key
            for (key,) in demo.query(
                "select customer_key from core.dim_suppressions"
                f" where channel = '{settings['channel']}' or reason = 'deceased'"
            )
        }
        assert not set(keys) & suppressed, path
    assert seen > 0


def test_only_the_owner_can_read_what_a_run_leaves(demo: Company) -> None:
    for pattern in ("warehouse.duckdb", "exports/*/*/*", "quarantine/**/*.parquet"):
        for path in demo.data_dir.glob(pattern):
            assert path.stat().st_mode & 0o077 == 0, path
