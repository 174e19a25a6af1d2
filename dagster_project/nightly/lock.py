"""One run at a time per data directory, by a lock that dies with its process; DuckDB's own lock is the second fence."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from dagster_project.errors import CrmError
from dagster_project.nightly.clock import now
from dagster_project.settings import Settings


@dataclass(frozen=True)
class LockHolder:
    """Who is running now."""

    process_id: int
    started_at: datetime
    purpose: str


def lock_path(settings: Settings) -> Path:
    """The file that is locked while something writes into the data directory."""
    return settings.data_dir / "run.lock"


@contextmanager
def exclusive_run(settings: Settings, *, purpose: str) -> Iterator[None]:
    """Hold the only right to write into the data directory.

    Args:
        settings: Says which data directory.
        purpose: What is being done, for whoever is turned away meanwhile.

    Raises:
        CrmError: Another process holds the lock.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with lock_path(settings).open("a+", encoding="utf-8") as file:
        _acquire(file, settings)
        note = {"process_id": os.getpid(), "started_at": now().isoformat(), "purpose": purpose}
        file.seek(0)
        file.truncate()
        file.write(json.dumps(note))
        file.flush()
        try:
            yield
        finally:
            file.seek(0)
            file.truncate()
            fcntl.flock(file, fcntl.LOCK_UN)


def current_holder(settings: Settings) -> LockHolder | None:
    """Who runs now, or None; asks the lock itself, so a killed run is never reported."""
    path = lock_path(settings)
    if not path.exists():
        return None
    with path.open("r", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return _read_holder(path)
    return None


def _acquire(file: IO[str], settings: Settings) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = _read_holder(lock_path(settings))
        who = (
            f"{holder.purpose} is already running (process {holder.process_id}, since {holder.started_at:%H:%M:%S} UTC)"
            if holder
            else "another run is already writing"
        )
        raise CrmError(
            who, where=str(settings.data_dir), remedy="Wait for it to end, or watch it with `crm status`."
        ) from error


def _read_holder(path: Path) -> LockHolder | None:
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        return LockHolder(
            process_id=int(note["process_id"]),
            started_at=datetime.fromisoformat(note["started_at"]),
            purpose=str(note["purpose"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
