"""Puts a finished list on disk whole or not at all: written beside, flushed, renamed; knows nothing of its content."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dagster_project.errors import CrmError

LATEST = "latest"
HELD_BACK = "held_back"

_OWNER_DIRECTORY = 0o700
_OWNER_FILE = 0o600
_WRITING = ".writing-"
_REPLACED = ".replaced-"
_COMPARED_BYTES = 2**20


@dataclass(frozen=True)
class ListFolder:
    """The folder of one segment: a directory per delivered night, `latest`, and `held_back/<date>` for refused ones.

    Args:
        path: `exports/<segment>`.
    """

    path: Path

    def delivered(self, as_of: date) -> Path:
        """Where the list of a night lies once it is delivered."""
        return self.path / as_of.isoformat()

    def held_back(self, as_of: date) -> Path:
        """Where the manifest of a list lies that was held back."""
        return self.path / HELD_BACK / as_of.isoformat()

    def prepare(self) -> None:
        """Create the folder and mend what a killed run left behind.

        Raises:
            CrmError: The folder cannot be written.
        """
        with _told(self.path):
            for folder in (self.path.parent, self.path, self.path / HELD_BACK):
                folder.mkdir(parents=True, exist_ok=True, mode=_OWNER_DIRECTORY)
                folder.chmod(_OWNER_DIRECTORY)
                _mend(folder)

    def deliver(self, as_of: date, files: Mapping[str, bytes], *, is_held_back: bool = False) -> Path:
        """Put the list of a night in place, point `latest` to the newest, and forget that it was ever held back.

        Args:
            as_of: The night.
            files: Name and content of every file.
            is_held_back: These are not tonight's people, but the last good list without some: the note stays.

        Raises:
            CrmError: The disk is full or the folder cannot be written; what was there before still is.
        """
        directory = self.delivered(as_of)
        with _told(directory):
            if not lies_there(directory, files):
                _replace(directory, files)
            self._point_to_latest()
            if not is_held_back:
                shutil.rmtree(self.held_back(as_of), ignore_errors=True)
        return directory

    def hold_back(self, as_of: date, files: Mapping[str, bytes]) -> Path:
        """Leave a note why the list of a night stayed in the house; delivered lists are not touched.

        Args:
            as_of: The night.
            files: Name and content of every file.

        Raises:
            CrmError: The disk is full or the folder cannot be written.
        """
        directory = self.held_back(as_of)
        with _told(directory):
            if not lies_there(directory, files):
                _replace(directory, files)
        return directory

    def nights(self) -> tuple[date, ...]:
        """The nights of the delivered lists, oldest first."""
        if not self.path.is_dir():
            return ()
        return tuple(sorted(date.fromisoformat(path.name) for path in self.path.iterdir() if _is_date(path.name)))

    def newest(self) -> str | None:
        """The night of the newest delivered list, as its directory is named."""
        nights = self.nights()
        return nights[-1].isoformat() if nights else None

    def _point_to_latest(self) -> None:
        newest = self.newest()
        link = self.path / LATEST
        if newest is None or (link.is_symlink() and link.readlink() == Path(newest)):
            return
        fresh = self.path / f"{_WRITING}{LATEST}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(newest)
        fresh.replace(link)
        _flush_directory(self.path)


def lies_there(directory: Path, files: Mapping[str, bytes]) -> bool:
    """Whether a directory holds these very files."""
    try:
        return all(_holds(directory / name, content) for name, content in files.items())
    except OSError:
        return False


def _holds(path: Path, content: bytes) -> bool:
    """Whether a file has this content, compared block by block: nobody needs a second copy of a long list."""
    if path.stat().st_size != len(content):
        return False
    with path.open("rb") as file, memoryview(content) as expected:
        starts = range(0, len(content), _COMPARED_BYTES)
        return all(file.read(_COMPARED_BYTES) == expected[start : start + _COMPARED_BYTES] for start in starts)


def _is_date(name: str) -> bool:
    with suppress(ValueError):
        return bool(date.fromisoformat(name))
    return False


def _replace(directory: Path, files: Mapping[str, bytes]) -> None:
    """Swap a whole directory; a run that is killed in between leaves something that `_mend` understands."""
    beside = directory.with_name(f"{_WRITING}{directory.name}")
    former = directory.with_name(f"{_REPLACED}{directory.name}")
    try:
        beside.mkdir(mode=_OWNER_DIRECTORY)
        for name, content in files.items():
            _write(beside / name, content)
        _flush_directory(beside)
    except OSError:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    if directory.exists():
        directory.rename(former)
    try:
        beside.rename(directory)
    except OSError:
        if former.exists():
            former.rename(directory)
        raise
    _flush_directory(directory.parent)
    shutil.rmtree(former, ignore_errors=True)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _mend(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(_REPLACED):
            original = folder / path.name.removeprefix(_REPLACED)
            if original.exists():
                shutil.rmtree(path)
            else:
                path.rename(original)
        elif path.name.startswith(_WRITING):
            path.unlink() if path.is_symlink() else shutil.rmtree(path)


@contextmanager
def _told(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CrmError(
            f"the list could not be written: {error.strerror or error}",
            where=str(place),
            remedy="Make room or grant access and run the night again; the last good list is untouched.",
        ) from error
