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

from dagster_project.activation import ExportResult, SegmentDefinition
from dagster_project.activation.destinations import Destination
from dagster_project.activation.export import ExportNight, export_segments
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

SCHEMA = """
    create schema core;
    create schema segments;
    create table core.dim_customers (
        customer_key varchar, is_current boolean, name varchar, email varchar, phone varchar, street varchar,
        postal_code varchar, city varchar, country_code varchar, language varchar, is_test boolean, is_deleted boolean
    );
    create table core.dim_customer_records (account_key varchar, customer_key varchar);
    create table core.dim_consents (
        customer_key varchar, purpose varchar, channel varchar, is_granted boolean, since_date date,
        is_double_opt_in boolean
    );
    create table core.dim_suppressions (customer_key varchar, channel varchar, reason varchar);
    create table core.dim_campaigns (campaign_key varchar, segment varchar);
    create table core.fct_campaign_contacts (
        campaign_key varchar, customer_key varchar, contact_date date, is_control boolean, is_deleted boolean
    );
    create table core.fct_order_lines (customer_key varchar, order_date date, is_countable boolean);
    create table core.dim_parameters (
        contact_cap_count bigint, contact_cap_days bigint, global_holdout_share double, outcome_window_days bigint
    );
    create schema quality;
    create table quality.dq_customer_record_scores (customer_key varchar, record_score double);
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
    is_double: bool = True


@dataclass(frozen=True)
class World:
    """Everything an export reads, under one folder."""

    folder: Path
    head: Mapping[str, Any] = field(default_factory=lambda: dict(EMAIL_LIST))
    others: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

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
        records: Iterable[tuple[str, str]] = (),
        global_share: float = 0.0,
        cap: int = 4,
    ) -> World:
        """Fill the tables anew; by default everybody is a candidate, agreed to e-mail, and nobody is held out.

        Args:
            customers: Who there is.
            consents: What they allowed.
            suppressions: Customer, channel and reason.
            members: Candidates: customer, reason and score.
            records: Former key and the customer it became; every customer is a record of its own anyway.
            global_share: Share held out of all lists.
            cap: Contacts in thirty days.
        """
        people = list(customers)
        agreed = [Consent(person.key) for person in people] if consents is None else consents
        listed = [(person.key, "because", 1.0) for person in people] if members is None else members
        with duckdb.connect(str(self.settings.warehouse_path)) as connection:
            connection.execute("drop schema if exists core cascade; drop schema if exists segments cascade")
            connection.execute("drop schema if exists quality cascade")
            connection.execute(SCHEMA)
            _insert(connection, "core.dim_customers", [person.row() for person in people])
            _insert(
                connection,
                "core.dim_consents",
                [(one.key, one.purpose, one.channel, one.is_granted, one.since, one.is_double) for one in agreed],
            )
            own = [(person.key, person.key) for person in people]
            _insert(connection, "core.dim_customer_records", [*dict.fromkeys(own), *records])
            connection.execute("insert into core.dim_parameters values (?, 30, ?, 30)", [cap, global_share])
            _insert(connection, "core.dim_suppressions", list(suppressions))
            for name in (SEGMENT, *self.others):
                connection.execute(f"create table segments.{name} (customer_key varchar, reason varchar, score double)")
                _insert(connection, f"segments.{name}", list(listed))
        return self

    def export(
        self,
        as_of: date = NIGHT,
        *,
        validate: Callable[[pl.DataFrame, SegmentDefinition], tuple[Finding, ...]] = lambda _frame, _segment: (),
        run_id: str = "run-1",
        release: Iterable[str] | None = None,
        only: list[str] | None = None,
        destinations: Mapping[str, Destination] | None = None,
    ) -> ExportResult:
        """Export the first segment; as long as nothing was delivered it is released, as a person would do."""
        released = frozenset((SEGMENT,) if not any(self.list_folder.glob("2*")) else ()) if release is None else release
        self.write_manifest()
        night = ExportNight(
            settings=self.settings,
            as_of=as_of,
            run_id=run_id,
            validate=validate,
            released=frozenset(released),
            released_by="somebody",
            destinations=destinations or {},
        )
        return export_segments(night, manifest_path=self.manifest_path, only=only)[0]

    def write_manifest(self) -> None:
        heads = {SEGMENT: self.head, **self.others}
        nodes = {
            f"model.kreislauf.{name}": {
                "resource_type": "model",
                "schema": "segments",
                "name": name,
                "package_name": "kreislauf",
                "original_file_path": f"models/segments/{name}.sql",
                "description": "A list",
                "columns": {},
                "config": {"materialized": "table", "meta": {"segment": head}},
                "raw_code": "select 1",
                "compiled_code": "select 2",
            }
            for name, head in heads.items()
        }
        self.manifest_path.write_text(json.dumps({"nodes": nodes}, default=str))

    def verdicts(self, as_of: date = NIGHT, segment: str = SEGMENT) -> dict[str, str]:
        """Tonight's verdict of everybody who ever was a candidate."""
        rows = self.query(
            "select member_key, max_by(verdict, as_of_date) from journal.segment_changes"
            f" where segment = '{segment}' and as_of_date <= date '{as_of}' group by member_key order by member_key"
        )
        return {str(key): str(verdict) for key, verdict in rows}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.settings.warehouse_path)) as connection:
            return connection.execute(sql).fetchall()

    def members(self, as_of: date = NIGHT) -> pl.DataFrame:
        return pl.read_parquet(self.list_folder / as_of.isoformat() / "members.parquet")

    def manifest(self, place: str = NIGHT.isoformat()) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.list_folder / place / "manifest.json").read_text())
        return document

    def journal(self) -> list[tuple[Any, ...]]:
        return self.query("select segment, as_of_date, status, message from journal.deliveries order by all")


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        row = f"({', '.join('?' * len(rows[0]))})"
        cells = [cell for one in rows for cell in one]
        connection.execute(f"insert into {table} values {', '.join([row] * len(rows))}", cells)
