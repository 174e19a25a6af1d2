"""Where things are and how the machine is used, read once from the environment; business parameters live in seeds/."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dagster_project.errors import CrmError
from dagster_project.machine import core_count, memory_bytes

PROJECT_ROOT = Path(__file__).resolve().parent.parent
ENGINES = ("duckdb", "spark")
"""What may build the models; everything else is DuckDB's in either case."""
SPILL_WITHOUT_LIMIT = "90% of available disk space"
"""What DuckDB takes at most unless it is told otherwise, in its own words."""
LEAST_MEMORY = 256 * 2**20
"""With less the models cannot even hold what they work on at a time."""
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt])(i?)b?", re.IGNORECASE)


@dataclass(frozen=True)
class Settings:
    """Everything a run needs to know about its surroundings.

    Attributes:
        memory_limit: What DuckDB may hold in memory, such as `4096MiB`; the frames of Python come on top.
        threads: What DuckDB may use of the cores.
        spill_dir: Where what does not fit into memory goes; the run makes it and empties it.
        spill_limit: How much of it.
    """

    sources_dir: Path
    landing_dir: Path
    seeds_dir: Path
    data_dir: Path
    time_zone: ZoneInfo
    reporting_currency: str
    memory_limit: str
    threads: int
    spill_dir: Path
    spill_limit: str
    alert_webhook: str | None
    engine: str = "duckdb"
    spark_master: str = "local[*]"
    spark_conf: tuple[tuple[str, str], ...] = ()

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
    def spark_dir(self) -> Path:
        """What Spark reads and writes, as Parquet; not there while DuckDB builds the models."""
        return self.data_dir / "spark"

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
        memory_limit=_memory_limit(env.get("CRM_MEMORY_LIMIT")),
        threads=_positive(env.get("CRM_THREADS") or str(core_count()), "CRM_THREADS"),
        spill_dir=_spill_dir(env.get("CRM_SPILL_DIR"), data_dir),
        spill_limit=_spill_limit(env.get("CRM_SPILL_LIMIT")),
        alert_webhook=env.get("CRM_ALERT_WEBHOOK") or None,
        engine=_engine(env.get("CRM_ENGINE") or ENGINES[0]),
        spark_master=env.get("CRM_SPARK_MASTER") or "local[*]",
        spark_conf=_pairs(env.get("CRM_SPARK_CONF") or "", "CRM_SPARK_CONF"),
    )


def _engine(name: str) -> str:
    if name not in ENGINES:
        raise CrmError(f"unknown engine {name!r}", where="CRM_ENGINE", remedy=f"Use {' or '.join(ENGINES)}.")
    return name


def _pairs(text: str, variable: str) -> tuple[tuple[str, str], ...]:
    """Settings of Spark, written as key=value;key=value."""
    pairs = [part.partition("=") for part in text.split(";") if part.strip()]
    for key, equals, _ in pairs:
        if not (equals and key.strip()):
            raise CrmError(f"{key!r} has no value", where=variable, remedy="Write key=value;key=value.")
    return tuple((key.strip(), value.strip()) for key, _, value in pairs)


def _time_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise CrmError(
            f"unknown time zone {name!r}", where="CRM_TIME_ZONE", remedy="Use an IANA name such as Europe/Berlin."
        ) from error


def _memory_limit(text: str | None) -> str:
    """A fifth of the memory, on small machines up to half of it: Python's frames and cached files need the rest."""
    if not text:
        total = memory_bytes()
        return f"{max(total // 5, min(total // 2, 2**30)) // 2**20}MiB"
    limit = _size(text, "CRM_MEMORY_LIMIT")
    if int(limit.removesuffix("MiB")) * 2**20 < LEAST_MEMORY:
        raise CrmError(
            f"{text!r} is too little for the database",
            where="CRM_MEMORY_LIMIT",
            remedy=f"Allow at least {LEAST_MEMORY // 2**20}MiB, or unset it.",
        )
    return limit


def _spill_dir(text: str | None, data_dir: Path) -> Path:
    """Below a directory that is named, a folder of this company's own: it is emptied without a question."""
    if not text:
        return data_dir / "spill"
    return Path(text).resolve() / f"crm-{hashlib.sha256(str(data_dir).encode()).hexdigest()[:12]}"


def _spill_limit(text: str | None) -> str:
    return _size(text, "CRM_SPILL_LIMIT") if text and text != SPILL_WITHOUT_LIMIT else SPILL_WITHOUT_LIMIT


def _size(text: str, variable: str) -> str:
    """A size in whole mebibytes; `KB`, `MB`, `GB`, `TB` count in thousands, `KiB` and so on in 1,024."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise CrmError(f"{text!r} is no size", where=variable, remedy="Write it like 6GiB or 500MB, or unset it.")
    number, unit, binary = found.groups()
    size = float(number) * (1024 if binary else 1000) ** ("kmgt".index(unit.lower()) + 1)
    return f"{int(size) // 2**20}MiB"


def _positive(text: str, variable: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise CrmError(
            f"{text!r} is not a whole number above 0", where=variable, remedy="Set it to a number or unset it."
        )
    return int(text)
