"""Proves that a subject is gone: every table is asked and every file is searched again, and what remains is named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster_project.publication.ducklake import opened_lake
from dagster_project.publication.ducklake_attaching import LAKE
from dagster_project.publication.ducklake_settings import read_lake
from dagster_project.subjects.holdings import OUTSIDE, Sent
from dagster_project.subjects.identifiers import Identifier
from dagster_project.subjects.locating import count_tables, find_files, walk
from dagster_project.subjects.searching import needles_of, search
from dagster_project.subjects.working import Work, told
from dagster_project.warehouse import open_database

if TYPE_CHECKING:
    from dagster_project.settings import Settings

PROVEN, FAILED, REMAINS = 0, 1, 2


@dataclass(frozen=True)
class PlaceProof:
    """One table or file: how many rows or lines of the subject it held before, and holds now."""

    place: str
    before: int
    after: int


@dataclass(frozen=True)
class Remainder:
    """A file that is never changed and still holds the subject, with its lines."""

    file: str
    kinds: tuple[str, ...]
    lines: tuple[int, ...]


@dataclass(frozen=True)
class Proof:
    """What an erasure can show; it names no identifier.

    Args:
        places: Every place that held the subject before or holds it now.
        searched_files: How many files were searched byte by byte.
        searched_for: How many identifiers of each kind.
        unproven: Texts of the subject that others have, too, by kind: they were not searched for.
        remaining: Files that are left as they are: deliveries of systems, and what a simulation knows.
        sent: Lists with the subject that left the house, and to whom: they must be told.
        night: How the rebuild of the warehouse ended: fine, warnings, failed.
    """

    places: tuple[PlaceProof, ...]
    searched_files: int
    searched_for: dict[str, int]
    unproven: dict[str, int]
    remaining: tuple[Remainder, ...]
    sent: tuple[Sent, ...]
    night: str

    @property
    def exit_code(self) -> int:
        """0 gone everywhere, 1 something is left inside or the rebuild failed, 2 something is left outside."""
        if self.night == "failed" or any(one.after for one in self.places):
            return FAILED
        return REMAINS if self.remaining or self.sent else PROVEN


def prove(work: Work, *, settings: Settings, sent: tuple[Sent, ...], night: str) -> Proof:
    """Search everything for the identifiers of a subject.

    Args:
        work: What was held, and by which identifiers it is searched.
        settings: Which data directory.
        sent: Lists with the subject that left the house and that no later one has replaced.
        night: How the rebuild ended.

    Raises:
        CrmError: A database cannot be opened.
        OSError: A file cannot be read.
    """
    after: dict[str, int] = dict(_in_databases(settings, work.identifiers))
    remaining = {name: Remainder(name, ("row",), tuple(lines)) for name, lines in work.outside.items()}
    for file in find_files(settings, work.identifiers):
        name = told(file.path, settings)
        if file.place in OUTSIDE:
            lines = {*file.lines, *work.outside.get(name, ())}
            remaining[name] = Remainder(name, file.kinds, tuple(sorted(lines)))
        else:
            after[name] = after.get(name, 0) + max(1, len(file.lines))
    places = (PlaceProof(name, work.rows.get(name, 0), after.get(name, 0)) for name in {**work.rows, **after})
    kinds = sorted({one.kind for one in work.identifiers if one.is_searchable})
    return Proof(
        places=tuple(places),
        searched_files=sum(1 for _ in walk(settings)),
        searched_for={kind: sum(one.kind == kind and one.is_searchable for one in work.identifiers) for kind in kinds},
        unproven=work.shared,
        remaining=tuple(one for name, one in sorted(remaining.items()) if (settings.data_dir / name).exists()),
        sent=sent,
        night=night,
    )


def _in_databases(settings: Settings, identifiers: Iterable[Identifier]) -> Iterator[tuple[str, int]]:
    """Rows by query, and bytes of the files themselves: what is deleted may still lie in a free block."""
    every = tuple(identifiers)
    for path, prefix in ((settings.warehouse_path, ""), (settings.published_path, "published: ")):
        if not path.exists():
            continue
        with open_database(path, settings=settings, read_only=True) as connection:
            for (schema, table), count in count_tables(connection, every, source=path.stem).items():
                yield f"{prefix}{schema}.{table}", count
    lake = read_lake()
    if lake is not None:
        with opened_lake(lake, settings=settings) as connection:
            for (schema, table), count in count_tables(connection, every, source=LAKE).items():
                yield f"lake: {schema}.{table}", count
    for path in (settings.warehouse_path, settings.warehouse_path.with_suffix(".duckdb.wal")):
        if path.exists() and search(path, needles_of(every)):
            yield f"bytes of {path.name}", 1
