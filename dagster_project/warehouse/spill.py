"""Folders for what a database engine cannot hold in memory: private, one per process, emptied after a killed one."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dagster_project.settings import Settings

DBT = "dbt"
"""dbt's own folder: its profile must not change from run to run, or dbt would parse the whole project anew."""
_PREFIX = "process-"
_OWNER_ONLY = 0o700
_held: dict[tuple[Path, int], Path] = {}
"""Folders of this process; an open descriptor locks each until the process ends, however it ends."""


def private_spill(settings: Settings) -> Path:
    """This process's own folder; two processes must not share one, since the engine names its files alike in each.

    Args:
        settings: Where spilled data may lie.

    Raises:
        OSError: It cannot be made.
    """
    key = (settings.spill_dir, os.getpid())
    if key not in _held or not _held[key].is_dir():
        _make(settings.spill_dir)
        with _locked(settings.spill_dir):
            _sweep(settings.spill_dir)
            _held[key] = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=settings.spill_dir))
            fcntl.flock(os.open(_held[key], os.O_RDONLY), fcntl.LOCK_EX)
        atexit.register(_remove_empty, _held[key])
    return _held[key]


def dbt_spill(settings: Settings) -> Path:
    """The folder for dbt, made if it is missing; only one dbt at a time works on a warehouse.

    Args:
        settings: Where spilled data may lie.
    """
    folder = settings.spill_dir / DBT
    _make(settings.spill_dir)
    _make(folder)
    return folder


def sweep_dbt(settings: Settings) -> None:
    """Remove what a killed dbt left behind; the caller holds the warehouse for writing, so that no dbt is at work.

    Args:
        settings: Where spilled data may lie.
    """
    shutil.rmtree(settings.spill_dir / DBT, ignore_errors=True)
    for path in settings.spill_dir.glob("duckdb_temp*"):
        path.unlink(missing_ok=True)


def _make(folder: Path) -> None:
    folder.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
    folder.chmod(_OWNER_ONLY)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sweep(spill_dir: Path) -> None:
    """Remove the folders of processes that are gone."""
    for path in spill_dir.glob(f"{_PREFIX}*"):
        if not _is_locked(path):
            shutil.rmtree(path, ignore_errors=True)


def _is_locked(folder: Path) -> bool:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
