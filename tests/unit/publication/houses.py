"""A handmade warehouse with its manifest, ready to be published; used by the tests of this folder only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.publication import PublishResult, publish
from dagster_project.settings import Settings, load_settings

NIGHT = date(2025, 3, 31)

_TABLES = """
    create schema raw;
    create schema core;
    create schema kpi;
    create schema staging;
    create table raw.accounts (account_id varchar, name varchar, first_name varchar, last_name varchar, email varchar,
        phone varchar, street varchar);
    insert into raw.accounts values
        ('1', 'Anna Müller', 'Anna', 'Müller', 'anna@example.org', '030 / 123 45-67', 'Am Markt 5'),
        ('2', 'Rotes Kreuz Nord GmbH', null, null, 'office@example.org', '+49 40 7654321', null);
    create table raw.employees (employee_id varchar, employee_name varchar, email varchar);
    insert into raw.employees values ('Eva Nord', 'Eva Nord', 'eva@example.org');
    create table core.dim_customers (customer_key varchar, name varchar, email varchar, city varchar,
        country_code varchar, postal_code varchar, account_id varchar, note varchar, marker bigint);
    insert into core.dim_customers values
        ('a', 'Anna Müller', 'anna@example.org', 'Berlin', 'DE', '10115', '1', 'ok', 1),
        ('b', 'Rotes Kreuz Nord GmbH', 'office@example.org', 'Hamburg', 'DE', '20095', '2', 'ok', 1);
    create table kpi.kpi_things (member varchar, value double, marker bigint);
    insert into kpi.kpi_things values ('total', 1.5, 1);
    create table kpi.kpi_leftover (name varchar);
    create table staging.stg_accounts (name varchar);
"""

_DIM_CUSTOMERS: dict[str, dict[str, Any]] = {
    "customer_key": {},
    "name": {"personal": "direct"},
    "email": {},
    "city": {"personal": "indirect"},
    "country_code": {},
    "postal_code": {"personal": "none"},
    "account_id": {},
    "marker": {},
}


@dataclass(frozen=True)
class House:
    """A data directory with a warehouse and a manifest."""

    folder: Path

    @property
    def settings(self) -> Settings:
        return load_settings({"CRM_DATA_DIR": str(self.folder), "CRM_THREADS": "1"})

    def build(self) -> House:
        self.run(_TABLES)
        self.describe("core", "dim_customers", _DIM_CUSTOMERS)
        self.describe("kpi", "kpi_things", {"member": {}, "value": {}, "marker": {}})
        self.describe("staging", "stg_accounts", {"name": {}})
        return self

    def run(self, sql: str) -> None:
        """Change the warehouse."""
        with duckdb.connect(str(self.settings.warehouse_path)) as connection:
            connection.execute(sql)

    def describe(
        self, schema: str, name: str, columns: dict[str, dict[str, Any]], meta: dict[str, Any] | None = None
    ) -> None:
        """Put a model into the manifest."""
        path = self.folder / "manifest.json"
        document = json.loads(path.read_text()) if path.exists() else {"nodes": {}}
        document["nodes"][f"model.kreislauf.{name}"] = {
            "resource_type": "model",
            "schema": schema,
            "name": name,
            "original_file_path": f"models/{schema}/{name}.sql",
            "description": f"All of {name}, it's said",
            "config": {"materialized": "table", "meta": meta or {}},
            "columns": {
                column: {"description": f"The {column}", "config": {"meta": said}} for column, said in columns.items()
            },
        }
        path.write_text(json.dumps(document))

    def publish(self, run_id: str = "run-1", *, as_of: date = NIGHT) -> PublishResult:
        return publish(manifest_path=self.folder / "manifest.json", settings=self.settings, as_of=as_of, run_id=run_id)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the published database, as an analyst would."""
        with duckdb.connect(str(self.settings.published_path), read_only=True) as connection:
            return connection.execute(sql).fetchall()
