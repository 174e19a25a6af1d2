"""A step tells the most memory that was held while it ran, and not what others held before."""

from __future__ import annotations

import time

import pytest

from dagster_project.nightly import memory
from dagster_project.nightly.memory import Peak, watched_peak

MIB = 2**20
PATIENCE_SECONDS = 20


def _filled(mib: int) -> bytearray:
    held = bytearray(mib * MIB)
    held[::4096] = b"x" * len(held[::4096])  # every page is really there
    return held


def test_what_is_held_for_a_while_is_seen_and_what_was_freed_before_is_not() -> None:
    idle, busy, later = Peak(), Peak(), Peak()
    with watched_peak(idle):
        pass
    with watched_peak(busy):
        held = _filled(200)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while busy.mib < idle.mib + 150 and time.monotonic() < deadline:
            time.sleep(0.01)
        del held
    with watched_peak(later):
        pass
    assert busy.mib >= idle.mib + 150
    assert later.mib < busy.mib


def test_a_new_mark_is_told_exactly_however_short_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    peak, marks = Peak(), iter([100.0, 90_000.0])
    monkeypatch.setattr(memory, "highest_mark", lambda: next(marks))
    with watched_peak(peak):
        pass
    assert peak.mib == 90_000.0
