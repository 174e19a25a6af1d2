"""Remembers that somebody was erased without remembering who: hashes in an append-only file and in `journal.erasures`.

A hash serves to recognise an address that a system delivers again, so it has no salt: who knows an address can ask
whether it was erased, and a telephone number can be guessed. The file is readable by its owner only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from dagster_project.activation.audit import append_entry
from dagster_project.errors import CrmError
from dagster_project.settings import Settings
from dagster_project.warehouse import Table, create_missing, read_frame, replace_table

if TYPE_CHECKING:
    import duckdb

ERASURES = Table(
    name="erasures",
    description="One row per erased e-mail address, telephone number or record, hashed: it is not contacted any more.",
    columns={"identifier_sha256": "varchar"},
    is_journal=True,
)


@dataclass(frozen=True)
class Erasure:
    """One time somebody was erased.

    Args:
        as_of_date: The night on which the warehouse stood.
        erased_at: When, in UTC.
        erased_by: Who did it, as the machine knows them.
        identifier_sha256: Hashes of addresses, numbers and records (`system:id`).
        rows: How many rows went, by table.
    """

    as_of_date: date
    erased_at: datetime
    erased_by: str
    identifier_sha256: tuple[str, ...]
    rows: Mapping[str, int]


@dataclass(frozen=True)
class Returned:
    """Rows of erased people that a system delivered again."""

    source_system: str
    feed: str
    rows: int

    @property
    def warning(self) -> str:
        """What the night says about it."""
        return (
            f"an erased person was delivered again by {self.source_system} ({self.feed}, {self.rows} rows): nobody "
            "contacts them; delete the person there, then repeat `crm subject erase`"
        )


def erasures_path(settings: Settings) -> Path:
    """The file that remembers."""
    return settings.data_dir / "audit" / "erasures.jsonl"


def note_erasure(settings: Settings, erasure: Erasure) -> None:
    """Append one line and have it on the disk before anything is erased; what stands there already is not repeated.

    Args:
        settings: Where the data directory is.
        erasure: What is about to be erased.

    Raises:
        CrmError: The file cannot be written: then nothing is erased.
    """
    path = erasures_path(settings)
    if set(erasure.identifier_sha256) <= set(_hashes(path)["identifier_sha256"].to_list()):
        return
    try:
        append_entry(path, asdict(erasure))
    except OSError as error:
        raise CrmError(
            f"the ledger of erasures cannot be written: {error.strerror or error}",
            where=str(path),
            remedy="Make room or grant access; without its entry nothing is erased.",
        ) from error


def record_erasures(connection: duckdb.DuckDBPyConnection, *, settings: Settings) -> None:
    """Bring what the file remembers into `journal.erasures`, which suppresses whoever is delivered again.

    Args:
        connection: The warehouse.
        settings: Where the data directory is.

    Raises:
        CrmError: A line of the file cannot be read.
    """
    create_missing(connection, [ERASURES])
    declared = {"as_of_date": "date", **ERASURES.columns}
    replace_table(connection, ERASURES.relation, columns=declared, frame=_hashes(erasures_path(settings)))


def returned(connection: duckdb.DuckDBPyConnection) -> tuple[Returned, ...]:
    """Whom a system delivered again after the erasure, without saying who; needs the staging models.

    Args:
        connection: The warehouse with `journal.erasures`.
    """
    if not connection.execute("select count(*) from journal.erasures").fetchone()[0]:  # type: ignore[index]
        return ()
    return tuple(Returned(*row) for row in read_frame(connection, _RETURNED).rows())


def _hashes(path: Path) -> pl.DataFrame:
    schema = {"as_of_date": pl.Date, "identifier_sha256": pl.String}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        lines = []
    try:
        rows = list(_rows(lines))
    except (ValueError, KeyError, TypeError) as error:
        raise CrmError(
            "the ledger of erasures has a line that is none of ours",
            where=str(path),
            remedy="Look at its last lines; move what does not belong there to another file.",
        ) from error
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.group_by("identifier_sha256").agg(pl.col("as_of_date").min()).select(list(schema)).sort(list(schema))


def _rows(lines: Iterable[str]) -> Iterable[tuple[date, str]]:
    for line in lines:
        entry = json.loads(line)
        night = date.fromisoformat(entry["as_of_date"])
        yield from ((night, str(one)) for one in entry["identifier_sha256"])


_RETURNED = """
    with delivered as (

        select source_system, 'accounts' as feed, account_id as id, email, phone from staging.stg_accounts
        union all
        select source_system, 'contacts', contact_id, email, phone from staging.stg_contacts
        union all
        select source_system, 'leads', lead_id, email, phone from staging.stg_leads

    ),

    hashed as (

        select
            source_system,
            feed,
            sha256(source_system || ':' || id) as id_sha256,
            sha256(email) as email_sha256,
            sha256(phone) as phone_sha256
        from delivered

    )

    select source_system, feed, count(*) as row_count
    from hashed
    where
        id_sha256 in (select identifier_sha256 from journal.erasures)
        or email_sha256 in (select identifier_sha256 from journal.erasures)
        or phone_sha256 in (select identifier_sha256 from journal.erasures)
    group by source_system, feed
    order by source_system, feed
"""
