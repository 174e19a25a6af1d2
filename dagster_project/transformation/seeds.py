"""Checks the files the business keeps by hand before dbt reads them: there, readable, with the declared columns."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml

from dagster_project.errors import CrmError

_TRUTHS = frozenset({"true", "false", "t", "f", "1", "0", "yes", "no"})


@dataclass(frozen=True)
class SeedColumn:
    """One declared column of a seed."""

    name: str
    data_type: str


@dataclass(frozen=True)
class Seed:
    """One declared seed."""

    name: str
    columns: tuple[SeedColumn, ...]


def check_seeds(*, seeds_dir: Path, declared_in: Path) -> tuple[Seed, ...]:
    """Check every declared seed file.

    Args:
        seeds_dir: Where the CSV files are.
        declared_in: Folder whose YAML files declare seeds.

    Returns:
        The declared seeds, sorted by name.

    Raises:
        CrmError: A seed is missing or cannot be loaded as declared.
    """
    seeds = tuple(sorted(_declared(declared_in), key=lambda seed: seed.name))
    for seed in seeds:
        path = seeds_dir / f"{seed.name}.csv"
        if not path.is_file():
            raise CrmError(
                f"the seed {seed.name}.csv is missing",
                where=str(seeds_dir),
                remedy="Put it there (an empty one needs its header line), or copy it from the project's seeds/.",
            )
        _check_file(path, seed)
    return seeds


def _declared(folder: Path) -> Iterator[Seed]:
    for path in folder.glob("*.y*ml"):
        for properties in _read_yaml(path).get("seeds") or []:
            yield _seed(properties)


def _read_yaml(path: Path) -> Mapping[str, Any]:
    try:
        document = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise CrmError("the YAML cannot be read", where=f"{path}{line}", remedy="Correct the file.") from error
    return document if isinstance(document, dict) else {}


def _seed(properties: Mapping[str, Any]) -> Seed:
    configured = (properties.get("config") or {}).get("column_types") or {}
    declared = {column["name"]: str(column.get("data_type") or "") for column in properties.get("columns") or []}
    types = {**declared, **{name: str(data_type) for name, data_type in configured.items()}}
    return Seed(
        name=properties["name"], columns=tuple(SeedColumn(name, data_type.lower()) for name, data_type in types.items())
    )


def _check_file(path: Path, seed: Seed) -> None:
    rows = _rows(path)
    _, header = next(rows, (1, []))
    _check_header(path, seed, header)
    checks = {column.name: _check_for(column.data_type) for column in seed.columns}
    for line, values in rows:
        if len(values) != len(header):
            raise CrmError(
                f"the line has {len(values)} values for {len(header)} columns",
                where=f"{path}, line {line}",
                remedy="Quote values that contain a comma.",
            )
        for column, value in zip(header, values, strict=True):
            problem = value and checks.get(column, _anything)(value)
            if problem:
                raise CrmError(f"{value!r} is not {problem}", where=f"{path}, line {line}, column {column}")


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="", errors="strict") as file:
            reader = csv.reader(file, strict=True)
            for values in reader:
                if values:
                    yield reader.line_num, values
    except (UnicodeDecodeError, csv.Error) as error:
        line = f", line {reader.line_num}" if isinstance(error, csv.Error) else ""
        raise CrmError(
            "the seed is no UTF-8 CSV file", where=f"{path}{line}", remedy="Save it as comma-separated UTF-8."
        ) from error


def _check_header(path: Path, seed: Seed, header: list[str]) -> None:
    wanted = [column.name for column in seed.columns]
    missing = [name for name in wanted if name not in header]
    unknown = [name for name in header if wanted and name not in wanted]
    if not missing and not unknown:
        return
    told = [f"lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}"] if missing else []
    told += [f"has the unknown column{'s' * (len(unknown) > 1)} {', '.join(unknown)}"] if unknown else []
    raise CrmError(
        f"the seed {' and '.join(told)}", where=f"{path}, line 1", remedy=f"Its header is {','.join(wanted)}."
    )


def _check_for(data_type: str) -> Callable[[str], str]:
    base = data_type.split("(")[0].strip()
    return _CHECKS.get(base, _anything)


def _anything(_value: str) -> str:
    return ""


def _integer(value: str) -> str:
    return "" if value.lstrip("+-").isdecimal() else "a whole number"


def _number(value: str) -> str:
    try:
        return "" if Decimal(value).is_finite() else "a number"
    except InvalidOperation:
        return "a number"


def _day(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError:
        return "a date (YYYY-MM-DD)"
    return ""


def _moment(value: str) -> str:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return "a timestamp (YYYY-MM-DD HH:MM:SS)"
    return ""


def _truth(value: str) -> str:
    return "" if value.lower() in _TRUTHS else "true or false"


_CHECKS: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(("integer", "int", "bigint", "smallint", "tinyint"), _integer),
    **dict.fromkeys(("decimal", "numeric", "double", "float", "real"), _number),
    **dict.fromkeys(("boolean", "bool"), _truth),
    **dict.fromkeys(("timestamp", "datetime"), _moment),
    "date": _day,
}
