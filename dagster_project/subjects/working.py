"""Keeps what an erasure must not forget when it is killed: the last file with the subject, and gone at the end."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from dagster_project.settings import Settings
from dagster_project.subjects.copying import BadRows
from dagster_project.subjects.holdings import OUTSIDE, Holdings, Sent
from dagster_project.subjects.identifiers import Identifier
from dagster_project.subjects.locating import WORKING
from dagster_project.subjects.rewriting import bad_rows_of

_NAME = "subject.json"


@dataclass(frozen=True)
class Work:
    """An erasure under way.

    Args:
        who: What the user typed, and the name of the subject: either finds the work again.
        identifiers: Texts to search for at the end.
        tombstone: The random key that stands for the subject in journals.
        folders: Folders of lists whose manifests must tell new checksums.
        rows: How many rows were held by table, and lines by file, before anything was erased.
        sent: Lists with the subject that left the house.
        shared: How many of its texts others have, too, by kind.
        bad_rows: Its rows in quarantine, as the ledger of batches counts them.
        outside: Lines of files that are never changed, as the warehouse and the search knew them.
    """

    who: tuple[str, ...]
    identifiers: tuple[Identifier, ...]
    tombstone: str
    folders: tuple[str, ...]
    rows: dict[str, int]
    sent: tuple[Sent, ...]
    shared: dict[str, int]
    bad_rows: tuple[BadRows, ...]
    outside: dict[str, list[int]]

    def joined(self, now: Work) -> Work:
        """This work with what is still located: after a kill less may be left than the first time."""
        return replace(
            self,
            who=tuple(dict.fromkeys([*self.who, *now.who])),
            identifiers=tuple(sorted({*self.identifiers, *now.identifiers})),
            folders=tuple(dict.fromkeys([*self.folders, *now.folders])),
            rows={**now.rows, **self.rows},
        )


def start(holdings: Holdings, *, who: str, settings: Settings) -> Work:
    """The work to do about a subject.

    Args:
        holdings: What is held.
        who: What the user typed.
        settings: Which data directory.
    """
    lists = {str(one.path.parent) for one in holdings.in_place("exports")}
    return Work(
        who=tuple(dict.fromkeys([who.strip().lower(), holdings.subject.name])),
        identifiers=holdings.identifiers,
        tombstone=f"erased-{secrets.token_hex(12)}",
        folders=tuple(sorted(lists)),
        rows=dict(counted(holdings, settings=settings)),
        sent=holdings.sent,
        shared=dict(holdings.shared),
        bad_rows=bad_rows_of(holdings.files),
        outside={told(one.path, settings): list(one.lines) for one in holdings.files if one.place in OUTSIDE},
    )


def counted(holdings: Holdings, *, settings: Settings) -> Iterable[tuple[str, int]]:
    """Rows and cells by table, lines by file; files that are only named are not among them."""
    for table in holdings.tables:
        yield f"{table.schema}.{table.table}", table.rows + table.cells
    for file in holdings.inside:
        yield told(file.path, settings), max(1, len(file.lines))


def told(path: Path, settings: Settings) -> str:
    """A path as it is told: inside the data directory from there on."""
    return str(path.relative_to(settings.data_dir)) if path.is_relative_to(settings.data_dir) else str(path)


def keep(work: Work, settings: Settings) -> None:
    """Write the work down, readable by its owner only."""
    path = settings.data_dir / WORKING / _NAME
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(work), file, default=str)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def kept(settings: Settings) -> Work | None:
    """The erasure that was begun and has not ended, if there is one."""
    try:
        document: dict[str, Any] = json.loads((settings.data_dir / WORKING / _NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Work(
        who=tuple(document["who"]),
        identifiers=tuple(Identifier(**one) for one in document["identifiers"]),
        tombstone=document["tombstone"],
        folders=tuple(document["folders"]),
        rows=document["rows"],
        sent=tuple(Sent(**{**one, "as_of_date": date.fromisoformat(one["as_of_date"])}) for one in document["sent"]),
        shared=document["shared"],
        bad_rows=tuple(BadRows(**one) for one in document["bad_rows"]),
        outside=document["outside"],
    )


def forget(settings: Settings) -> None:
    """Remove everything an erasure needed while it was under way."""
    shutil.rmtree(settings.data_dir / WORKING, ignore_errors=True)
