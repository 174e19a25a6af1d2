"""A warehouse of a few customers, handmade, and the manifest of its segments; used by the tests of this folder only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from dagster_project.activation import ExportResult, SegmentDefinition, export_segments
from dagster_project.quality.findings import Finding
from dagster_project.settings import Settings, load_settings

NIGHT = date(2025, 3, 31)
SEGMENT = "seg_win_back"

EMAIL_LIST: Mapping[str, Any] = {
    "title": "Win back",
    "owner": "marketing",
    "purpose": "marketing",
    "legal_basis": "consent",
    "channel": "email",
    "min_size": 0,
    "max_size": 1000,
    "export_columns": ["score"],
    "sort_by": ["-score"],
}

_SCHEMA = """
    create schema core;
    create schema segments;
    create table core.dim_customers (
        customer_key varchar, is_current boolean, name varchar, email varchar, phone varchar, street varchar,
        postal_code varchar, city varchar, country_code varchar, language varchar, is_test boolean, is_deleted boolean
    );
    create table core.dim_consents (
        customer_key varchar, purpose varchar, channel varchar, is_granted boolean, since_date date
    );
    create table core.dim_suppressions (customer_key varchar, channel varchar, reason varchar);
    insert into core.dim_customers (customer_key, is_current, name, is_test, is_deleted)
    values ('unknown', true, null, false, false);
"""


@dataclass(frozen=True)
class Customer:
    """One customer with everything that lets it into a list; tests take single things away."""

    key: str
    email: str | None = ""
    phone: str | None = "+49 30 1234567"
    street: str | None = "Hauptweg 1"
    language: str = "de"
    is_test: bool = False
    is_deleted: bool = False

    def row(self) -> tuple[object, ...]:
        email = f"{self.key}@example.org" if self.email == "" else self.email
        name = f"Person {self.key}"
        return (
            *(self.key, True, name, email, self.phone, self.street, "10115", "Berlin", "DE", self.language),
            *(self.is_test, self.is_deleted),
        )


@dataclass(frozen=True)
class Consent:
    """What a customer allowed."""

    key: str
    is_granted: bool = True
    since: date = date(2025, 1, 1)
    purpose: str = "marketing"
    channel: str = "email"


@dataclass(frozen=True)
class World:
    """Everything an export reads, under one folder."""

    folder: Path
    head: Mapping[str, Any] = field(default_factory=lambda: dict(EMAIL_LIST))

    @property
    def settings(self) -> Settings:
        return load_settings({"CRM_DATA_DIR": str(self.folder), "CRM_THREADS": "1"})

    @property
    def manifest_path(self) -> Path:
        return self.folder / "manifest.json"

    @property
    def list_folder(self) -> Path:
        return self.settings.exports_dir / SEGMENT

    def with_head(self, **changes: object) -> World:
        return replace(self, head={**self.head, **changes})

    def build(
        self,
        customers: Iterable[Customer],
        *,
        consents: Iterable[Consent] | None = None,
        suppressions: Iterable[tuple[str, str, str]] = (),
        members: Iterable[tuple[str, str, float]] | None = None,
    ) -> World:
        """Fill the tables anew; by default everybody is a candidate and agreed to e-mail."""
        people = list(customers)
        agreed = [Consent(person.key) for person in people] if consents is None else consents
        listed = [(person.key, "because", 1.0) for person in people] if members is None else members
        with duckdb.connect(str(self.settings.warehouse_path)) as connection:
            connection.execute("drop schema if exists core cascade; drop schema if exists segments cascade")
            connection.execute(_SCHEMA)
            _insert(connection, "core.dim_customers", [person.row() for person in people])
            _insert(
                connection,
                "core.dim_consents",
                [(one.key, one.purpose, one.channel, one.is_granted, one.since) for one in agreed],
            )
            _insert(connection, "core.dim_suppressions", list(suppressions))
            connection.execute(f"create table segments.{SEGMENT} (customer_key varchar, reason varchar, score double)")
            _insert(connection, f"segments.{SEGMENT}", list(listed))
        return self

    def export(
        self,
        as_of: date = NIGHT,
        *,
        validate: Callable[[pl.DataFrame, SegmentDefinition], tuple[Finding, ...]] = lambda _frame, _segment: (),
        **arguments: Any,
    ) -> ExportResult:
        """Export the one segment."""
        self.write_manifest()
        settings = self.settings
        results = export_segments(
            **{"manifest_path": self.manifest_path, "settings": settings, "run_id": "run-1", **arguments},
            as_of=as_of,
            validate=validate,
        )
        assert len(results) == 1
        return results[0]

    def write_manifest(self) -> None:
        node = {
            "resource_type": "model",
            "schema": "segments",
            "name": SEGMENT,
            "package_name": "kreislauf",
            "original_file_path": f"models/segments/{SEGMENT}.sql",
            "description": "A list",
            "columns": {},
            "config": {"materialized": "table", "meta": {"segment": self.head}},
            "raw_code": "select 1",
            "compiled_code": "select 2",
        }
        self.manifest_path.write_text(json.dumps({"nodes": {f"model.kreislauf.{SEGMENT}": node}}))

    def members(self, as_of: date = NIGHT) -> pl.DataFrame:
        return pl.read_parquet(self.list_folder / as_of.isoformat() / "members.parquet")

    def manifest(self, place: str = NIGHT.isoformat()) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.list_folder / place / "manifest.json").read_text())
        return document

    def journal(self) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.settings.warehouse_path)) as connection:
            return connection.execute("select * from journal.deliveries order by all").fetchall()


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        row = f"({', '.join('?' * len(rows[0]))})"
        cells = [cell for one in rows for cell in one]
        connection.execute(f"insert into {table} values {', '.join([row] * len(rows))}", cells)
