"""Shows and erases a subject step by step, so that the next erasure finishes a killed one; the steps live elsewhere.

The order keeps the subject findable until the end: what is to be done is written down and its hashes are remembered,
then files are cleaned, then the warehouse without it takes the place of the old one, then everything made of it is
built anew, and at last it is proven and the note goes. Landing files are never changed: they are named.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster_project.errors import CrmError
from dagster_project.ingestion import load_catalog
from dagster_project.nightly.activating import warehouse_date
from dagster_project.nightly.lock import exclusive_run
from dagster_project.publication.ducklake import forget_past
from dagster_project.publication.ducklake_settings import read_lake
from dagster_project.subjects import working
from dagster_project.subjects.copying import (
    BEFORE,
    attach_before,
    checkpoint,
    clear_working,
    copy_without,
    fresh_path,
    swap,
)
from dagster_project.subjects.finding import find
from dagster_project.subjects.holdings import FileHeld, Holdings, Sent
from dagster_project.subjects.identifiers import Subject, fingerprints, sql_pattern
from dagster_project.subjects.ledger import Erasure, note_erasure, record_erasures
from dagster_project.subjects.locating import find_files, folder_of, local_destinations, locate
from dagster_project.subjects.proof import FAILED, Proof, prove
from dagster_project.subjects.rebuilding import Rebuilt
from dagster_project.subjects.rewriting import clean, mend_manifests, sweep
from dagster_project.subjects.rows import collect
from dagster_project.warehouse import open_database

if TYPE_CHECKING:
    import duckdb

    from dagster_project.settings import Settings

_KEPT_COUNTS = ("raw.", "journal.", "quarantine")

Rebuild = Callable[["Settings"], Rebuilt]


@dataclass(frozen=True)
class Order:
    """Who erases whom, and when (UTC)."""

    who: str
    by: str
    at: datetime


def look(settings: Settings, who: str) -> Holdings:
    """Everything that is held about somebody; nothing is changed.

    Args:
        settings: Which data directory.
        who: Customer key, e-mail address, telephone number or `system:id`.

    Raises:
        CrmError: Nobody or several people are meant, or the warehouse is in use.
    """
    with _opened(settings) as connection:
        return _locate(connection, find(connection, who), settings=settings, source=settings.warehouse_path.stem)


def look_whole(settings: Settings, who: str) -> tuple[Holdings, dict[str, list[dict[str, Any]]]]:
    """What is held, and every raw row about somebody with its values, by feed: what Art. 15 GDPR asks for.

    Args:
        settings: Which data directory.
        who: As for `look`.

    Raises:
        CrmError: As for `look`.
    """
    with _opened(settings) as connection:
        holdings = _locate(connection, find(connection, who), settings=settings, source=settings.warehouse_path.stem)
        feeds = [one.table for one in holdings.tables if one.place == "raw"]
        return holdings, {feed: list(_values(connection, feed)) for feed in feeds}


def erase(settings: Settings, order: Order, *, rebuild: Rebuild) -> Proof:
    """Erase somebody from the data directory, and prove it.

    Args:
        settings: Which data directory.
        order: Whom.
        rebuild: Builds everything that is made of the raw rows anew.

    Raises:
        CrmError: Nobody or several people are meant, a night runs, or another erasure was begun and has not ended.
        OSError: A file cannot be written; the next erasure goes on from there.
    """
    with exclusive_run(settings, purpose="the erasure of a person"):
        checkpoint(settings)
        work, holdings = _begin(settings, order)
        _clean(settings, work, files=holdings.files if holdings else None)
        if holdings is not None:
            _renew(settings, holdings.subject, work)
        shutil.rmtree(settings.spark_dir, ignore_errors=True)  # rows as Spark reads and wrote them
        rebuilt = rebuild(settings)
        _forget_shared(settings, rebuilt)
        sent = _unreplaced(settings, work.sent, rebuilt)
        proof = prove(work, settings=settings, sent=sent, night=rebuilt.outcome)
        if proof.exit_code != FAILED:
            working.forget(settings)
    return proof


# Steps ----------------------------------------------------------------------------------------------------------------


def _begin(settings: Settings, order: Order) -> tuple[working.Work, Holdings | None]:
    """Write down what is to be done; no holdings if a killed erasure had already taken them out of the warehouse."""
    former = working.kept(settings)
    try:
        holdings = look(settings, order.who)
    except CrmError:
        if former is None or order.who.strip().lower() not in former.who:
            raise
        return former, None
    if former and holdings.subject.name not in former.who:
        raise CrmError(
            "another erasure was begun and has not ended",
            where=str(settings.data_dir),
            remedy="Repeat the command that was interrupted, then this one.",
        )
    work = working.start(holdings, who=order.who, settings=settings)
    work = former.joined(work) if former else work
    working.keep(work, settings)
    records = [str(one) for one in holdings.subject.records]
    addresses = [one for one in holdings.identifiers if one.kind in ("email", "phone")]
    note_erasure(
        settings,
        Erasure(
            as_of_date=warehouse_date(settings),
            erased_at=order.at,
            erased_by=order.by,
            identifier_sha256=tuple(sorted(fingerprints(addresses, records=records))),
            rows={name: count for name, count in work.rows.items() if name.startswith(_KEPT_COUNTS)},
        ),
    )
    return work, holdings


def _clean(settings: Settings, work: working.Work, *, files: Sequence[FileHeld] | None) -> None:
    """Write files anew: lists, quarantine, and folders of this machine that lists were sent to."""
    sweep([settings.quarantine_dir, settings.exports_dir, *map(folder_of, local_destinations(settings).values())])
    clean(find_files(settings, work.identifiers) if files is None else files)
    mend_manifests(Path(folder) for folder in work.folders)


def _renew(settings: Settings, subject: Subject, work: working.Work) -> None:
    """Copy the warehouse without the subject and let the copy take its place."""
    clear_working(settings)
    contracts = load_catalog(settings.sources_dir).contracts
    with open_database(fresh_path(settings), settings=settings) as connection:
        attach_before(connection, settings)
        held = collect(connection, subject, contracts=contracts, source=BEFORE)
        copy_without(
            connection,
            target=fresh_path(settings).stem,
            keys=subject.keys,
            pattern=sql_pattern(held.identifiers),
            bad_rows=work.bad_rows,
            tombstone=work.tombstone,
        )
        record_erasures(connection, settings=settings)
    swap(settings)


def _forget_shared(settings: Settings, rebuilt: Rebuilt) -> None:
    """Have the lake hold the rebuilt tables only: earlier nights go with their files."""
    lake = read_lake()
    if lake is not None and rebuilt.outcome != "failed":
        forget_past(lake, settings=settings)


def _unreplaced(settings: Settings, sent: tuple[Sent, ...], rebuilt: Rebuilt) -> tuple[Sent, ...]:
    """Lists out of the house that nobody can search, and no full list without the subject has replaced since."""
    if not sent:
        return ()
    with _opened(settings) as connection:
        rows = connection.execute(
            "select segment, destination from journal.destination_deliveries"
            " where run_id = $1 and content = 'full' and status <> 'failed'",
            [rebuilt.run_id],
        ).fetchall()
    replaced = {(segment, destination) for segment, destination in rows}
    searched = {name for name, one in local_destinations(settings).items() if one.encrypt_to is None}
    return tuple(one for one in sent if (one.segment, one.to) not in replaced and one.to not in searched)


def _locate(connection: duckdb.DuckDBPyConnection, subject: Subject, *, settings: Settings, source: str) -> Holdings:
    contracts = load_catalog(settings.sources_dir).contracts
    return locate(connection, subject, settings=settings, contracts=contracts, source=source)


def _values(connection: duckdb.DuckDBPyConnection, feed: str) -> Iterator[dict[str, Any]]:
    """Whole rows of the subject, and of other rows the cells that name it with the place they came from."""
    whole = connection.execute(
        f'select * from raw."{feed}" where rowid in (select row_id from held_rows where feed = $1)'
        " order by _batch_date, _file, _line",
        [feed],
    )
    names = [column[0] for column in whole.description or ()]
    yield from (dict(zip(names, row, strict=True)) for row in whole.fetchall())
    cells = connection.execute("select distinct column_name from held_cells where feed = $1", [feed]).fetchall()
    for (column,) in cells:
        rows = connection.execute(
            f'select source_system, _file, _line, "{column}" from raw."{feed}" where rowid in'
            " (select row_id from held_cells where feed = $1 and column_name = $2) order by all",
            [feed, column],
        ).fetchall()
        names = ["source_system", "_file", "_line", column]
        yield from (dict(zip(names, row, strict=True)) for row in rows)


@contextmanager
def _opened(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_database(settings.warehouse_path, settings=settings, read_only=True) as connection:
        yield connection
