"""What the machine, or the container the run lives in, has to give: memory and processor cores; sets nothing."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")


def memory_bytes() -> int:
    """The machine's memory, or what the container may use of it."""
    import psutil

    limits = [_number(folder / name) for folder in _groups("memory") for name in _MEMORY_FILES]
    return min(int(psutil.virtual_memory().total), *(int(limit) for limit in limits if limit), _UNLIMITED)


def core_count() -> int:
    """Processor cores that this process may use, at least one; a container's share is rounded up."""
    quotas = [quota for folder in _groups("cpu") if (quota := _quota(folder))]
    return max(1, min(len(os.sched_getaffinity(0)), *(math.ceil(quota) for quota in quotas), _UNLIMITED))


_MEMORY_FILES = ("memory.max", "memory.limit_in_bytes")
_UNLIMITED = 2**62


def _groups(controller: str) -> Iterator[Path]:
    """The folders in which the control groups of this process tell their limits, its own first, then those above."""
    for line in _text(_OWN_CGROUP).splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = _CGROUPS / controller if controllers else _CGROUPS
        own = top / name.strip("/")
        yield from (folder for folder in (own, *own.parents) if folder == top or top in folder.parents)


def _quota(folder: Path) -> float | None:
    """Cores' worth of time: `cpu.max` of today's control groups, two files of yesterday's."""
    share, _, period = _text(folder / "cpu.max").partition(" ")
    if not share:
        share, period = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
    return int(share) / int(period) if share.isdecimal() and period.isdecimal() else None


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
