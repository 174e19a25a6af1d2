"""SQL expressions of a mapping (Polars SQL): checked when the mapping is read, evaluated row by row in meaning."""

from __future__ import annotations

import re
from collections.abc import Iterable

import polars as pl

_CLOCK = re.compile(
    r"\b(now|current_date|current_timestamp|current_time|localtime|localtimestamp|random|rand)\b", re.IGNORECASE
)
MAX_FAILING_ROWS = 1000
"""An expression that fails on more rows of a chunk than this is a mistake in the mapping."""
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_NUMBER_CAST = re.compile(
    r"(\b(?:try_)?cast\s*\(\s*)(\"(?:[^\"]|\"\")+\"|[a-z_]\w*)"
    r"(\s+as\s+(?:double|float|real|decimal|numeric|\w*int\w*)\b)",
    re.IGNORECASE,
)


def parse_expression(text: str) -> pl.Expr:
    """Compile a SQL expression over source columns.

    Raises:
        ValueError: The text is no single SQL expression.
    """
    try:
        return pl.sql_expr(text)
    except pl.exceptions.PolarsError as error:
        raise ValueError(str(error).splitlines()[0]) from error


def check_expression(text: str) -> None:
    """Refuse an expression that looks beyond its row or at the clock.

    Raises:
        ValueError: The expression does not parse, aggregates, numbers rows or reads the clock.
    """
    bare = _QUOTED.sub("", text)
    if found := _CLOCK.search(bare):
        raise ValueError(f"{found[0]!r} reads the clock or chance, and the same file must always give the same rows")
    expression = parse_expression(text)
    if re.search(r"\bover\s*\(", bare, re.IGNORECASE) or _aggregates(expression):
        raise ValueError(f"{text!r} looks at more than one row")


def columns_of(text: str) -> list[str]:
    """Names of the source columns an expression reads, each once, in order of appearance."""
    return list(dict.fromkeys(parse_expression(text).meta.root_names()))


def number_columns(text: str) -> list[str]:
    """Columns an expression casts to a number: their text is read in the file's notation (`1.234,50`)."""
    return [_unquoted(match[2]) for match in _NUMBER_CAST.finditer(text)]


def with_number_columns(text: str) -> str:
    """The expression with those columns replaced by `number:<column>`, which holds plain numbers."""

    def replaced(match: re.Match[str]) -> str:
        name = _unquoted(match[2]).replace('"', '""')
        return f'{match[1]}"number:{name}"{match[3]}'

    return _NUMBER_CAST.sub(replaced, text)


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _aggregates(expression: pl.Expr) -> bool:
    names = dict.fromkeys(expression.meta.root_names())
    return bool(names) and any(_shrinks(expression, names, kind) for kind in (pl.String(), pl.Int64(), pl.Date()))


def _shrinks(expression: pl.Expr, names: Iterable[str], kind: pl.DataType) -> bool:
    frame = pl.DataFrame({name: pl.Series([None, None, None], dtype=kind) for name in names})
    try:
        return frame.select(expression.alias("value")).height != frame.height
    except pl.exceptions.PolarsError:
        return False


def failing_rows(frame: pl.DataFrame, expression: pl.Expr) -> list[bool]:
    """Which rows an expression cannot be evaluated on, found by halving.

    Raises:
        ValueError: It fits the columns' types in no row, or fails on more rows than are worth telling apart.
    """
    verdicts = [False] * frame.height
    if problem := _problem(frame.clear(), expression):
        raise ValueError(f"does not fit the columns of the file ({problem})")
    spans = [(0, frame.height)]
    while spans:
        start, length = spans.pop()
        if length == 0 or not _problem(frame.slice(start, length), expression):
            continue
        if length == 1:
            verdicts[start] = True
            if sum(verdicts) > MAX_FAILING_ROWS:
                raise ValueError(f"fails on more than {MAX_FAILING_ROWS:,} rows")
            continue
        half = length // 2
        spans += [(start, half), (start + half, length - half)]
    return verdicts


def _problem(frame: pl.DataFrame, expression: pl.Expr) -> str:
    try:
        frame.select(expression.alias("value"))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        return str(error).splitlines()[0][:200] or type(error).__name__
    return ""
