"""Runs a `crm` command and watches what it takes; what is measured is decided by the benchmarks."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Measured:
    """One command's cost: wall seconds and peak memory of it and its children in MiB."""

    seconds: float
    peak_mib: float
    exit_code: int


def run(*arguments: str, data_dir: Path) -> Measured:
    """Run `crm` and watch its memory until it ends."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    started = time.perf_counter()
    process = subprocess.Popen(
        [BIN / "crm", *arguments], env=env | {"CRM_DATA_DIR": str(data_dir)}, stdout=subprocess.DEVNULL
    )
    watched, peak = psutil.Process(process.pid), 0
    while process.poll() is None:
        peak = max(peak, _memory(watched))
        time.sleep(0.1)
    return Measured(time.perf_counter() - started, peak / 2**20, process.returncode)


def _memory(process: psutil.Process) -> int:
    try:
        return int(sum(one.memory_info().rss for one in [process, *process.children(recursive=True)]))
    except psutil.Error:
        return 0
