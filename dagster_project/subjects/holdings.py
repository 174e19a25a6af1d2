"""What is held about a subject, place by place, as values; how it is located and taken out is decided elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from dagster_project.subjects.identifiers import Identifier, Subject

Place = Literal[
    "raw", "journal", "derived", "quarantine", "exports", "destination", "published", "landing", "truth", "other"
]

CLEANED: tuple[Place, ...] = ("quarantine", "exports", "destination")
"""Places whose files are written anew without the subject."""

OUTSIDE: tuple[Place, ...] = ("landing", "truth")
"""Places that are never changed, only named: what systems delivered, and what a simulation knows."""


@dataclass(frozen=True)
class TableHeld:
    """Rows of a subject in one table of the warehouse, and cells of it in rows of others."""

    place: Place
    schema: str
    table: str
    rows: int
    cells: int = 0


@dataclass(frozen=True)
class FileHeld:
    """A file in which the subject is found.

    Args:
        place: Which part of the data directory it lies in.
        path: Where.
        kinds: Kinds of identifiers found.
        lines: Lines of a text or rows of a table; none for other files.
    """

    place: Place
    path: Path
    kinds: tuple[str, ...]
    lines: tuple[int, ...] = ()


@dataclass(frozen=True)
class OnList:
    """One thing that was said about the subject and a target group on a night."""

    as_of_date: date
    segment: str
    verdict: str
    reason: str | None
    arm: str | None = None


@dataclass(frozen=True)
class Sent:
    """A list with the subject on it that went to a destination or was taken by a person."""

    as_of_date: date
    segment: str
    to: str
    content: str


@dataclass(frozen=True)
class Holdings:
    """Everything that is held about one subject: what is shown is what is erased.

    Args:
        subject: Who.
        identifiers: Texts that only this subject has.
        shared: How many of its texts others have, too, by kind: they prove nothing and are not searched for.
        tables: Tables of the warehouse with rows about it.
        files: Files with it, the landing directory included.
        consents: Statements in force, as the warehouse has them.
        suppressions: Why it is not contacted.
        lists: In which lists it was or was left out of, and why.
        sent: Lists with it that left the house.
    """

    subject: Subject
    identifiers: tuple[Identifier, ...]
    shared: Mapping[str, int]
    tables: tuple[TableHeld, ...]
    files: tuple[FileHeld, ...]
    consents: Sequence[Mapping[str, Any]] = ()
    suppressions: Sequence[Mapping[str, Any]] = ()
    lists: tuple[OnList, ...] = ()
    sent: tuple[Sent, ...] = ()

    def in_place(self, place: Place) -> tuple[FileHeld, ...]:
        """The files of one place."""
        return tuple(one for one in self.files if one.place == place)

    @property
    def inside(self) -> tuple[FileHeld, ...]:
        """Files that must not hold the subject once it is erased."""
        return tuple(one for one in self.files if one.place not in OUTSIDE)
