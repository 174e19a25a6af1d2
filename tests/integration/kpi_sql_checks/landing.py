"""Reads the demo company's files as text into DuckDB, one table per export; what they mean is said in base.sql."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

HERE = Path(__file__).parent


@dataclass(frozen=True)
class CsvExport:
    """How the files of one system are written."""

    system: str
    names: tuple[str, ...]
    separator: str = ","
    encoding: str = "utf8"


CSV_EXPORTS = (
    CsvExport("salesforce", ("Account", "Contact", "Lead", "Opportunity", "OpportunityHistory", "Task", "Event")),
    CsvExport("shopify", ("customers_export", "orders_export", "refunds_export")),
    CsvExport("mailchimp", ("activity", "recipients", "audience")),
    CsvExport(
        "navision",
        (
            *("Artikel", "Auftraege", "Positionen", "Gutschriften", "Vertraege"),
            *("Angebote", "Mitarbeiter", "Kostenbuchungen"),
        ),
        ";",
        "cp1252",
    ),
)


def open_landing(landing: Path, *, truth: Path, as_of: date) -> duckdb.DuckDBPyConnection:
    """A database in memory with one table per export (text columns, `file`) and the views of base.sql on top.

    Args:
        landing: The landing directory.
        truth: The simulation's truth; only who is who is taken from it.
        as_of: Day the figures are for.
    """
    connection = duckdb.connect(":memory:")
    connection.execute("load icu; set TimeZone = 'UTC'")
    for export in CSV_EXPORTS:
        for name in export.names:
            _store(connection, f"{export.system}_{name.lower()}", _read_csv(landing, export=export, name=name))
    _store(connection, "zendesk_tickets", _read_tickets(landing, comments=False))
    _store(connection, "zendesk_comments", _read_tickets(landing, comments=True))
    _store(connection, "web_sessions", _read_parquet(landing / "web", "sessions_*.parquet"))
    _store(connection, "identities", pl.read_parquet(truth / "identities.parquet"))
    connection.execute(f"create table run as select date '{as_of.isoformat()}' as as_of")
    connection.execute((HERE / "base.sql").read_text())
    return connection


def figures(connection: duckdb.DuckDBPyConnection, check: str) -> list[tuple[Any, ...]]:
    """The rows of one check, in order of all their columns."""
    return connection.execute(
        f"with figures as ({(HERE / f'{check}.sql').read_text()}) from figures order by all"
    ).fetchall()


def _store(connection: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame) -> None:
    connection.register("frame", frame)
    connection.execute(f"create table {table} as from frame")
    connection.unregister("frame")


def _read_csv(landing: Path, *, export: CsvExport, name: str) -> pl.DataFrame:
    frames = [
        pl.read_csv(
            path, separator=export.separator, encoding=export.encoding, infer_schema=False, truncate_ragged_lines=True
        ).with_columns(pl.lit(path.name).alias("file"), pl.int_range(pl.len()).alias("line"))
        for path in sorted((landing / export.system).glob(f"{name}_2*.csv*"))
        if "_resent" not in path.name
    ]
    return pl.concat(frames, how="diagonal")


def _read_parquet(folder: Path, pattern: str) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(path) for path in sorted(folder.glob(pattern))], how="diagonal_relaxed")


def _read_tickets(landing: Path, *, comments: bool) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    for path in sorted((landing / "zendesk").glob("tickets_*.ndjson*")):
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for line in text.decode().splitlines():
            ticket = json.loads(line)
            written = ticket.pop("comments")
            found = [{"ticket": ticket["id"], **comment} for comment in written] if comments else [ticket]
            rows += [{"file": path.name, "record": json.dumps(row)} for row in found]
    return pl.DataFrame(rows)
