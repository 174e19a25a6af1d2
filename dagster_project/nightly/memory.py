"""How much memory this process holds while a step runs; who wants to know, and why, is decided elsewhere."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread

import psutil

SECONDS_BETWEEN_LOOKS = 0.05
_MIB = 2**20
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass
class Peak:
    """The most memory held so far, in MiB of resident set."""

    mib: float = 0.0


@contextmanager
def watched_peak(peak: Peak) -> Iterator[None]:
    """Watch this process while the block runs.

    The system only knows the highest mark since the process began. A block that raises it is told exactly; of any other
    the highest of many looks is told, which may miss a peak of a few milliseconds.

    Args:
        peak: Where it is told; final when the block has ended.
    """
    before, is_over = highest_mark(), Event()
    watcher = Thread(target=_watch, args=(peak, is_over), name="memory", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()
        after = highest_mark()
        peak.mib = after if after > before else max(peak.mib, _held())


def highest_mark() -> float:
    """The most memory this process has ever held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT / _MIB


def _watch(peak: Peak, is_over: Event) -> None:
    process = psutil.Process()
    while not is_over.wait(SECONDS_BETWEEN_LOOKS):
        peak.mib = max(peak.mib, process.memory_info().rss / _MIB)


def _held() -> float:
    return float(psutil.Process().memory_info().rss / _MIB)
