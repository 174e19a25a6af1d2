"""Where things are and how the machine is used, read once from the environment; business parameters live in seeds/."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psutil

from dagster_project.errors import CrmError

PROJECT_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """Everything a run needs to know about its surroundings."""

    sources_dir: Path
    landing_dir: Path
    seeds_dir: Path
    data_dir: Path
    time_zone: ZoneInfo
    reporting_currency: str
    memory_limit: str
    threads: int
    alert_webhook: str | None

    @property
    def warehouse_path(self) -> Path:
        """The database only the nightly run opens for writing."""
        return self.data_dir / "warehouse.duckdb"

    @property
    def published_path(self) -> Path:
        """The read-only database that analysts open."""
        return self.data_dir / "published" / "crm.duckdb"

    @property
    def quarantine_dir(self) -> Path:
        """Bad rows with their original text, one file per batch and feed."""
        return self.data_dir / "quarantine"

    @property
    def exports_dir(self) -> Path:
        """Target-group files that leave the house."""
        return self.data_dir / "exports"

    @property
    def docs_dir(self) -> Path:
        """Generated documentation: dbt docs and Great Expectations' Data Docs."""
        return self.data_dir / "docs"

    @property
    def spill_dir(self) -> Path:
        """Where DuckDB puts what does not fit into memory."""
        return self.data_dir / "spill"

    @property
    def dagster_home(self) -> Path:
        """Dagster's own storage."""
        return self.data_dir / "dagster"


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the CRM_ variables; every one has a default.

    Args:
        environment: Variables to read instead of the process environment.

    Raises:
        CrmError: A variable holds something unusable.
    """
    env = os.environ if environment is None else environment
    data_dir = Path(env.get("CRM_DATA_DIR") or PROJECT_ROOT / "data").resolve()
    return Settings(
        sources_dir=Path(env.get("CRM_SOURCES_DIR") or PROJECT_ROOT / "sources").resolve(),
        landing_dir=Path(env.get("CRM_LANDING_DIR") or data_dir / "landing").resolve(),
        seeds_dir=Path(env.get("CRM_SEEDS_DIR") or PROJECT_ROOT / "seeds").resolve(),
        data_dir=data_dir,
        time_zone=_time_zone(env.get("CRM_TIME_ZONE") or "Europe/Berlin"),
        reporting_currency=env.get("CRM_REPORTING_CURRENCY") or "EUR",
        memory_limit=env.get("CRM_MEMORY_LIMIT") or _half_of_memory(),
        threads=_positive(env.get("CRM_THREADS") or str(os.cpu_count() or 1), "CRM_THREADS"),
        alert_webhook=env.get("CRM_ALERT_WEBHOOK") or None,
    )


def _time_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise CrmError(
            f"unknown time zone {name!r}", where="CRM_TIME_ZONE", remedy="Use an IANA name such as Europe/Berlin."
        ) from error


def _half_of_memory() -> str:
    return f"{psutil.virtual_memory().total // 2 // 2**20}MiB"


def _positive(text: str, variable: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise CrmError(
            f"{text!r} is not a whole number above 0", where=variable, remedy="Set it to a number or unset it."
        )
    return int(text)
