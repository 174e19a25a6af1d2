"""A company of one test: its contracts, mappings and exports in a temporary folder, and what ingestion made of them."""

from __future__ import annotations

import gzip
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from dagster_project.ingestion import BatchResult, Catalog, Validator, ingest, load_catalog, replay_quarantine
from dagster_project.settings import Settings, load_settings
from dagster_project.warehouse import open_database

DAY = date(2024, 1, 31)
SALES = """
feed: sales
description: "One row per sale."
owner: accounting
mode: delta
key: [sale_id]
event_at: sold_at
bounds:
  max_bad_share: 0.9
columns:
  sale_id: {type: string, description: "Number", required: true}
  amount: {type: decimal, description: "Amount", minimum: 0}
  pieces: {type: integer, description: "Pieces", maximum: 1000}
  weight: {type: number, description: "Weight"}
  is_gift: {type: boolean, description: "Gift"}
  sold_date: {type: date, description: "Day", minimum: 1990-01-01}
  sold_at: {type: timestamp, description: "Time"}
  state: {type: string, description: "State", allowed: [open, paid]}
  code: {type: string, description: "Code", pattern: '^[A-Z]+$', max_length: 5}
"""
CUSTOMERS = """
feed: customers
description: "One row per customer."
owner: sales
mode: full
key: [customer_id]
bounds:
  max_bad_share: 0.5
  min_volume_ratio: 0.5
  max_volume_ratio: 3
  freshness_days: 10
columns:
  customer_id: {type: string, description: "Number", required: true}
  name: {type: string, description: "Name", personal: direct}
"""
SALES_CSV = """
system: shop
files: "sales_{date:%Y%m%d}*.csv*"
feeds:
  sales:
    columns: {sale_id: id, amount: amount}
"""
CUSTOMERS_CSV = """
system: shop
files: "customers_{date:%Y%m%d}.csv"
feeds:
  customers:
    columns: {customer_id: id, name: name}
"""


@dataclass(frozen=True)
class Company:
    """The folders of one company."""

    root: Path

    @property
    def settings(self) -> Settings:
        """Where its things are."""
        return load_settings(
            {
                "CRM_DATA_DIR": str(self.root / "data"),
                "CRM_LANDING_DIR": str(self.root / "landing"),
                "CRM_SOURCES_DIR": str(self.root / "sources"),
                "CRM_THREADS": "1",
                "CRM_MEMORY_LIMIT": "512MiB",
            }
        )

    @property
    def catalog(self) -> Catalog:
        """Its contracts and mappings as they are now."""
        return load_catalog(self.root / "sources")

    def contract(self, text: str) -> Path:
        """Declare a contract."""
        feed = next(line.split(": ")[1] for line in text.splitlines() if line.startswith("feed: "))
        return self._write(self.root / "sources" / "feeds" / f"{feed}.yml", text.encode())

    def mapping(self, text: str, *, name: str = "export") -> Path:
        """Declare a mapping."""
        system = next(line.split(": ")[1] for line in text.splitlines() if line.startswith("system: "))
        return self._write(self.root / "sources" / system / f"{name}.yml", text.encode())

    def deliver(self, file: str, content: str | bytes, *, system: str = "shop", packed: bool = False) -> Path:
        """Put an export into the landing folder."""
        data = content.encode() if isinstance(content, str) else content
        return self._write(self.root / "landing" / system / file, gzip.compress(data, mtime=0) if packed else data)

    def ingest(
        self, as_of: date = DAY, *, feeds: Collection[str] | None = None, validate: Validator | None = None
    ) -> tuple[BatchResult, ...]:
        """Run ingestion; what is stale is left out."""
        results = ingest(catalog=self.catalog, settings=self.settings, as_of=as_of, feeds=feeds, validate=validate)
        return tuple(result for result in results if result.status != "stale")

    def ingest_one(self, as_of: date = DAY) -> BatchResult:
        """Run ingestion where one batch is expected."""
        (result,) = self.ingest(as_of)
        return result

    def replay(self, *, batch_id: str | None = None, feed: str | None = None) -> tuple[BatchResult, ...]:
        """Replay quarantine."""
        return replay_quarantine(catalog=self.catalog, settings=self.settings, as_of=DAY, batch_id=batch_id, feed=feed)

    def query(self, sql: str) -> list[Any]:
        """Rows of the warehouse; single columns as plain values."""
        with open_database(self.settings.warehouse_path, settings=self.settings) as connection:
            rows = connection.execute(sql).fetchall()
        return [row[0] if len(row) == 1 else row for row in rows]

    def column(self, column: str, feed: str = "sales") -> list[Any]:
        """One column of a raw table in file order."""
        return self.query(f'select "{column}" from raw.{feed} order by _batch_date, _file, _line, "{column}"')

    def bad_rows(self) -> list[tuple[Any, ...]]:
        """Line, column, reason and text of every quarantined row."""
        folder = self.settings.quarantine_dir
        if not list(folder.rglob("*.parquet")):
            return []
        source = f"read_parquet('{folder}/*/*/*.parquet')"
        return self.query(f"select line, column_name, reason, original_text from {source} order by file, line, reason")

    def table(self) -> list[Any]:
        """Everything law 1 is about: raw rows, the ledger and its columns, without the night they were loaded on."""
        with open_database(self.settings.warehouse_path, settings=self.settings) as connection:
            tables = [
                row[0]
                for row in connection.execute(
                    "select table_name from duckdb_tables() where schema_name = 'raw' and table_name <> 'runs'"
                ).fetchall()
            ]
            rows = [connection.execute(f"select * from raw.{table} order by all").fetchall() for table in tables]
            ledger = connection.execute("select * exclude loaded_as_of from journal.batches order by all").fetchall()
            columns = connection.execute("select * from journal.batch_columns order by all").fetchall()
        return [*rows, ledger, columns]

    def _write(self, path: Path, content: bytes) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path
