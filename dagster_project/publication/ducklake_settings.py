"""Where the lake is that machines share the published tables by, read from the environment; opens nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dagster_project.errors import CrmError

CATALOG = "CRM_LAKE_CATALOG"
DATA = "CRM_LAKE_DATA"
NIGHTS = "CRM_LAKE_NIGHTS"
OBJECTS = "s3://"

_NIGHTS_KEPT = "7"
_PASSWORD = re.compile(r"\b(ssl)?password\s*=", re.IGNORECASE)


@dataclass(frozen=True)
class Lake:
    """A DuckLake: a catalog that says what belongs to which night, and Parquet files.

    Args:
        catalog: A PostgreSQL database as libpq writes it (`dbname=crm host=db.example.org user=crm`), never with a
            password.
        data: The folder or `s3://` path of the files; None on machines that only read.
        nights: How many nights stay readable.
    """

    catalog: str
    data: str | None
    nights: int

    @property
    def address(self) -> str:
        """What DuckDB attaches."""
        return f"ducklake:postgres:{self.catalog}"


def read_lake(environment: Mapping[str, str] | None = None) -> Lake | None:
    """The lake of this machine; None if nobody set one up.

    Args:
        environment: Variables to read instead of the process environment.

    Raises:
        CrmError: A variable holds something unusable, or a password.
    """
    env = os.environ if environment is None else environment
    catalog = (env.get(CATALOG) or "").strip()
    if not catalog:
        return None
    _demand_plain(catalog)
    return Lake(
        catalog=catalog,
        data=_data(env.get(DATA) or ""),
        nights=_nights(env.get(NIGHTS) or _NIGHTS_KEPT),
    )


def demand_lake(environment: Mapping[str, str] | None = None) -> Lake:
    """The lake of this machine.

    Args:
        environment: Variables to read instead of the process environment.

    Raises:
        CrmError: Nobody set one up, or a variable holds something unusable.
    """
    lake = read_lake(environment)
    if lake is None:
        raise CrmError(
            "no lake is set up on this machine", where=CATALOG, remedy="docs/guides/sharing.md says how to set one up."
        )
    return lake


def _demand_plain(catalog: str) -> None:
    if _PASSWORD.search(catalog):
        raise CrmError(
            "a password stands in the address of the lake's catalog",
            where=CATALOG,
            remedy="Take it out; PostgreSQL reads it from PGPASSWORD or from ~/.pgpass.",
        )
    if "://" in catalog or "=" not in catalog:
        raise CrmError(
            "the address of the lake's catalog cannot be read",
            where=CATALOG,
            remedy="Write it like `dbname=crm host=db.example.org user=crm`.",
        )


def _data(text: str) -> str | None:
    if not text or text.startswith(OBJECTS):
        return text.rstrip("/") or None
    if not Path(text).is_absolute():
        raise CrmError(
            f"{text!r} is neither an absolute path nor an s3:// one",
            where=DATA,
            remedy="Every machine has to find the lake's files there.",
        )
    return str(Path(text))


def _nights(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise CrmError(
            f"{text!r} is not a whole number above 0", where=NIGHTS, remedy="Set it to a number or unset it."
        )
    return int(text)
