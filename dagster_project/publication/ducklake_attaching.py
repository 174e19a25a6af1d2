"""Attaches a lake to DuckDB and turns what PostgreSQL and DuckLake refuse into sentences; reads and writes no table."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import duckdb

from dagster_project.errors import CrmError
from dagster_project.publication.ducklake_settings import DATA, OBJECTS, Lake

LAKE = "lake"
"""Name of the lake in a connection."""

_INSTALL = "pip install 'kreislauf[ducklake]'"
_READABLE_BY_GROUP = 0o750
_MISSING = "does not exist"
_REASONS = (
    re.compile(r"connection to server [^\n]*failed: (?:FATAL: +)?([^\n]*)"),
    re.compile(r"(?:ERROR|FATAL): +([^\n]*)"),
    re.compile(r"IO Error: +([^\n]*)"),
)
"""What PostgreSQL or the file system said; the first that is found."""
_FORMATS = re.compile(r"catalog version is (\S+), but the extension requires version (\S+?)\.? ")


def attach(connection: duckdb.DuckDBPyConnection, lake: Lake, *, read_only: bool) -> None:
    """Attach a lake as `lake`; a new one is made unless `read_only`.

    Rows are never kept in the catalog itself (`data_inlining_row_limit 0`): files can be deleted, and are.

    Args:
        connection: An open engine.
        lake: Which one.
        read_only: Whether nothing is written.

    Raises:
        CrmError: The extension is missing, the catalog cannot be reached or is of another format, there is no lake
            to read, or the folder of a new one holds something.
    """
    load_extensions(connection, lake)
    with told(lake):
        if read_only:
            path = f", data_path {_literal(lake.data)}, override_data_path true" if lake.data else ""
            connection.execute(f"attach {_literal(lake.address)} as {LAKE} (read_only{path})")
            return
        if lake.data is None:
            raise CrmError(
                "nobody said where the lake's files are", where=DATA, remedy="Set it to a folder of its own."
            )
        options = f"data_path {_literal(lake.data)}, data_inlining_row_limit 0"
        try:
            connection.execute(f"attach {_literal(lake.address)} as {LAKE} ({options}, create_if_not_exists false)")
        except duckdb.InvalidInputException as error:
            if _MISSING not in str(error):
                raise
            _demand_empty(connection, lake.data)
            connection.execute(f"attach {_literal(lake.address)} as {LAKE} ({options})")
            connection.execute(f"call {LAKE}.set_option('parquet_compression', 'zstd')")  # half of what snappy takes


def attach_statement(lake: Lake) -> str:
    """What a reader types; it holds no secret, and the reader's own user takes the place of ours."""
    address = re.sub(r"\buser\s*=\s*('[^']*'|\S+)", "user=…", lake.address)
    return f"attach {_literal(address)} as crm (read_only);"


def load_extensions(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Load what a lake needs from installed packages, never from the network.

    Args:
        connection: An open engine.
        lake: Which one.

    Raises:
        CrmError: A package is missing, or made for another version of DuckDB.
    """
    is_remote = (lake.data or "").startswith(OBJECTS)
    wanted = ["ducklake", "postgres_scanner", *(["httpfs"] if is_remote else [])]
    for name in wanted:
        connection.execute(f"load {_literal(str(_extension(name)))}")
    if is_remote:
        connection.execute(_secret())


@contextmanager
def told(lake: Lake) -> Iterator[None]:
    """Say in one sentence what the lake refused; statements, which may hold values, are not repeated."""
    try:
        yield
    except duckdb.Error as error:
        raise _sentence(str(error), lake) from error
    except OSError as error:
        raise CrmError(
            f"the lake could not be written: {error.strerror}",
            where=lake.data or "",
            remedy="Make room or grant access.",
        ) from error


def _sentence(text: str, lake: Lake) -> CrmError:
    formats = _FORMATS.search(text)
    if formats:
        return CrmError(
            f"the lake's catalog has format {formats[1]}, and this DuckLake needs {formats[2]}",
            where=lake.catalog,
            remedy="All machines need one version; docs/guides/sharing.md says how a catalog moves to a newer one.",
        )
    if "does not match existing data path" in text:
        return CrmError(
            "the lake's files are somewhere else", where=DATA, remedy="`crm lake status` says where; set it to that."
        )
    if _MISSING in text and "creating a new DuckLake" in text:
        return CrmError(
            "there is no lake yet", where=lake.catalog, remedy="Run `crm lake publish` where the warehouse is."
        )
    said = next((found for found in (reason.search(text) for reason in _REASONS) if found), None)
    reason = said[1].strip().rstrip(".") if said else text.split(":")[0]
    return CrmError(
        f"the lake cannot be used: {reason}",
        where=lake.catalog,
        remedy="It holds what it held before; `crm lake publish` repeats this night's.",
    )


def _demand_empty(connection: duckdb.DuckDBPyConnection, data: str) -> None:
    """Of a folder of its own, whatever no snapshot knows may be deleted; of one with other files, it must not be."""
    if data.startswith(OBJECTS):
        is_empty = connection.execute(f"select 1 from glob({_literal(data + '/**')}) limit 1").fetchone() is None
    else:
        folder = Path(data)
        folder.mkdir(parents=True, exist_ok=True, mode=_READABLE_BY_GROUP)
        is_empty = next(folder.iterdir(), None) is None
    if not is_empty:
        raise CrmError(
            "a new lake needs a folder of its own, and this one is not empty",
            where=data,
            remedy=f"Empty it, or set {DATA} to another.",
        )


def _extension(name: str) -> Path:
    """The file of an extension in its package."""
    package = find_spec(f"duckdb_extension_{name}")
    if package is None or package.origin is None:
        raise CrmError(f"DuckDB's extension {name} is not installed", remedy=f"Run `{_INSTALL}`.")
    path = Path(package.origin).parent / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    if not path.exists():
        raise CrmError(
            f"DuckDB's extension {name} is not made for DuckDB {duckdb.__version__}",
            remedy=f"Run `{_INSTALL}`, which installs versions that fit.",
        )
    return path


def _secret() -> str:
    """How S3 is reached: AWS's own variables, as every tool reads them."""
    names = {
        "key_id": "AWS_ACCESS_KEY_ID",
        "secret": "AWS_SECRET_ACCESS_KEY",
        "session_token": "AWS_SESSION_TOKEN",
        "region": "AWS_REGION",
    }
    parts = [f"{name} {_literal(os.environ[variable])}" for name, variable in names.items() if os.environ.get(variable)]
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    if endpoint:
        scheme, _, host = endpoint.rpartition("://")
        parts += [f"endpoint {_literal(host)}", f"use_ssl {str(scheme != 'http').lower()}", "url_style 'path'"]
    return f"create or replace temporary secret lake_files ({', '.join(['type s3', *parts])})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
