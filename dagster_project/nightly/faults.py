"""What nobody expected: one sentence for the reader, the traceback into a log file that only the owner reads."""

from __future__ import annotations

import errno
import traceback
from pathlib import Path

from dagster_project.errors import CrmError
from dagster_project.nightly.clock import now
from dagster_project.nightly.scrubbing import scrub
from dagster_project.settings import Settings

_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_TRANSIENT = frozenset({errno.EAGAIN, errno.EBUSY, errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EINTR})
_DISK_FULL_TEXTS = ("no space left on device", "disk quota exceeded", "file too large", "could not write all bytes")


def log_path(settings: Settings) -> Path:
    """The log of unexpected errors."""
    return settings.data_dir / "logs" / "crm.log"


def is_transient(error: BaseException) -> bool:
    """Whether trying again in a moment may help: a network drive that hiccups, not a wrong file."""
    return isinstance(error, OSError) and error.errno in _TRANSIENT


def sentence_of(error: BaseException, *, settings: Settings) -> CrmError:
    """The one sentence for an error; what is not the user's to mend is logged and points to the log."""
    for cause in _chain(error):
        if isinstance(cause, CrmError):
            return cause
        if _is_disk_full(cause):
            return CrmError(
                "there is no space left to write",
                where=str(getattr(cause, "filename", None) or settings.data_dir),
                remedy="Make room and run again; what was written before is untouched.",
            )
        if isinstance(cause, PermissionError):
            return CrmError("not allowed to read or write", where=str(cause.filename or settings.data_dir))
    path = log_fault(error, settings=settings)
    return CrmError(
        f"something went wrong that nobody expected ({type(error).__name__})",
        where=f"log: {path}",
        remedy="Run again; if it comes back, report it with that log.",
    )


def log_fault(error: BaseException, *, settings: Settings) -> Path:
    """Append the traceback, without anything that looks like a person, to the log."""
    path = log_path(settings)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{now().isoformat(timespec='seconds')}\n")
            file.write(scrub("".join(traceback.format_exception(error))))
            file.write("\n")
        path.chmod(0o600)
    except OSError:
        pass
    return path


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    return chain


def _is_disk_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        return True
    return any(text in str(error).lower() for text in _DISK_FULL_TEXTS)
