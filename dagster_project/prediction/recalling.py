"""Remembers what each family was made of, so that it rests while that stays the same; formulas are elsewhere."""

from __future__ import annotations

import hashlib
import json
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster_project.prediction.family import Family, Outcome, Score
from dagster_project.prediction.run import COMMON, FITS, PredictionRun, prepare_tables
from dagster_project.settings import PROJECT_ROOT, Settings
from dagster_project.warehouse import open_database

if TYPE_CHECKING:
    import duckdb

_MEMORY = "restated.families"
_ALWAYS_READ = ("core.dim_parameters", "predictions.pred_cutoffs")
_DATES = ("learned_through", "watched_until")


@dataclass(frozen=True)
class Basis:
    """Two fingerprints: of all that a family reads tonight, and of all that it has written for tonight."""

    read: str
    written: str


def recalled(family: Family, *, settings: Settings) -> PredictionRun | None:
    """What the family said when it ran on these very rows, on this date, with this code; None means that it has to run.

    Args:
        family: Which one.
        settings: Where the warehouse is.

    Raises:
        CrmError: The warehouse cannot be opened.
    """
    import duckdb

    with open_database(settings.warehouse_path, settings=settings, leaves_log=True) as connection:
        try:
            basis = _basis(connection, family)
            row = connection.execute(
                f"select told from {_MEMORY} where family = ? and read = ? and written = ?",
                [family.name, basis.read, basis.written],
            ).fetchone()
        except duckdb.CatalogException:  # something is not there yet: running the family will tell what
            return None
        if row is None:
            _prepare(connection)
            connection.execute(f"delete from {_MEMORY} where family = ?", [family.name])
            return None
    return _retold(json.loads(row[0]))


def remember(family: Family, run: PredictionRun, *, settings: Settings) -> None:
    """Keep what a family said, beside what it read and wrote; a run that was killed before has left nothing.

    Args:
        family: Which one.
        run: What became of it.
        settings: Where the warehouse is.
    """
    with open_database(settings.warehouse_path, settings=settings, leaves_log=True) as connection:
        _prepare(connection)
        basis = _basis(connection, family)
        row = [family.name, basis.read, basis.written, json.dumps(_told(run), default=str)]
        connection.execute(f"insert into {_MEMORY} values (?, ?, ?, ?)", row)


def _prepare(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create schema if not exists restated")
    connection.execute(
        f"create table if not exists {_MEMORY} (family varchar, read varchar, written varchar, told varchar)"
    )


def _basis(connection: duckdb.DuckDBPyConnection, family: Family) -> Basis:
    """By contents, not by what is remembered of them: whoever changed a table by hand has changed it."""
    prepare_tables(connection, (family,))
    [(as_of,)] = connection.execute("select max(as_of_date) from core.dim_parameters").fetchall()
    own = f"family = '{family.name}'"
    before, tonight = f"as_of_date < date '{as_of}'", f"as_of_date = date '{as_of}'"
    read = (*_ALWAYS_READ, *family.models, f"{FITS.relation} where {own} and {before}")
    written = [
        *(f"{table.relation} where {tonight}" if table.is_journal else table.relation for table in family.writes),
        *(f"{table.relation} where {tonight} and {own}" for table in COMMON),
    ]
    declared = (family.name, str(as_of), *sorted(family.reads.values()), code_fingerprint())
    return Basis(
        read=_sha256((*declared, *_contents(connection, read))), written=_sha256(_contents(connection, written))
    )


def _contents(connection: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> list[str]:
    """One text per table, the same as long as its rows are, in whatever order."""
    return [
        str(connection.execute(f"select count(*), sum(hash(_row)) from (select * from {table}) as _row").fetchall())
        for table in tables
    ]


@cache
def code_fingerprint() -> str:
    """A fingerprint of our own code, of Python, and of when a package was last installed."""
    installed = Path(sysconfig.get_path("purelib")).stat().st_mtime_ns
    files = sorted((PROJECT_ROOT / "dagster_project").rglob("*.py"))
    return _sha256((sys.version, str(installed), *(f"{path}\n{path.read_text(encoding='utf-8')}" for path in files)))


def _sha256(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def _told(run: PredictionRun) -> dict[str, Any]:
    outcome = run.outcome
    return {
        "scores": [asdict(score) for score in outcome.scores],
        "warnings": outcome.warnings,
        "notes": outcome.notes,
        "detail": outcome.detail,
        "row_counts": dict(run.row_counts),
    }


def _retold(told: dict[str, Any]) -> PredictionRun:
    scores = (score | {name: date.fromisoformat(score[name]) for name in _DATES} for score in told["scores"])
    outcome = Outcome(
        tables={},
        scores=tuple(Score(**score) for score in scores),
        warnings=tuple(told["warnings"]),
        notes=tuple(told["notes"]),
        detail=told["detail"],
    )
    return PredictionRun(outcome=outcome, row_counts=told["row_counts"], fresh_fit_count=0)
