"""Copies, flushes and swaps the files of the analysts' database; knows nothing of what is in them."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

BESIDE = ".crm-"
_READABLE_BY_GROUP = 0o640
_AT_ONCE = 1 << 30
_CANNOT = {errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


def copy_file(source: Path, target: Path) -> None:
    """Copy a file, by reference where the file system can; the copy is its owner's only.

    Args:
        source: A file that nobody writes.
        target: Where no file is yet.

    Raises:
        OSError: It cannot be read or written.
    """
    with source.open("rb") as reading, open(target, "xb", opener=_private) as writing:
        try:
            while os.copy_file_range(reading.fileno(), writing.fileno(), _AT_ONCE):
                pass
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
            reading.seek(0)
            writing.seek(0)
            shutil.copyfileobj(reading, writing)


def swap(beside: Path, target: Path) -> None:
    """Let a finished file take the place of the old one, once it is on the disk.

    Args:
        beside: The finished file.
        target: The old one, if there is one.

    Raises:
        OSError: It cannot be written; the old one stays.
    """
    beside.chmod(_READABLE_BY_GROUP)
    _flush(beside)
    beside.replace(target)
    _flush(target.parent)


def tidy(folder: Path) -> None:
    """Remove what killed or refused runs left behind; only one run writes at a time."""
    for path in folder.glob(f"{BESIDE}*"):
        path.unlink()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
