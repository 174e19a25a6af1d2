"""Whatever goes wrong ends in one sentence; tracebacks go to the log, persons to neither."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from dagster_project.errors import CrmError
from dagster_project.nightly.faults import is_transient, log_path, sentence_of
from dagster_project.nightly.scrubbing import scrub
from dagster_project.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"CRM_DATA_DIR": str(tmp_path)})


def test_what_a_user_can_mend_is_passed_on_from_below(settings: Settings) -> None:
    known = CrmError("the file is empty", where="a.csv")
    wrapper = RuntimeError("wrapped")
    wrapper.__cause__ = known
    assert sentence_of(wrapper, settings=settings) is known


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "/exports/a.csv"),
        OSError(errno.EFBIG, "File too large", "/exports/a.csv"),
        RuntimeError("IO Error: Could not write all bytes to file: No space left on device"),
    ],
)
def test_a_full_disk_is_called_a_full_disk(error: Exception, settings: Settings) -> None:
    assert sentence_of(error, settings=settings).what == "there is no space left to write"


def test_the_unexpected_is_logged_with_its_traceback_and_without_persons(settings: Settings) -> None:
    with pytest.raises(ValueError, match="customer") as raised:
        raise ValueError("no such customer: anna.mueller@example.com, +49 170 1234567")
    told = sentence_of(raised.value, settings=settings)
    assert "ValueError" in told.what
    assert str(log_path(settings)) in told.where
    log = log_path(settings).read_text()
    assert "test_faults.py" in log
    assert "anna" not in log
    assert "1234567" not in log


def test_only_hiccups_of_the_file_system_are_worth_a_second_try() -> None:
    assert is_transient(OSError(errno.EIO, "Input/output error"))
    assert not is_transient(OSError(errno.ENOSPC, "No space left on device"))
    assert not is_transient(CrmError("no"))


def test_scrubbing_keeps_dates_counts_and_paths() -> None:
    text = "night of 2025-12-31 02:15:00: 1,234,567 rows of orders_20251231.csv, line 12345678901"
    assert scrub(text).startswith("night of 2025-12-31 02:15:00: 1,234,567 rows of orders_20251231.csv")
