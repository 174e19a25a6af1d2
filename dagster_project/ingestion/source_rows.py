"""Rows of a file as a feed's mapping addresses them: exploded, flattened, with null where a text means nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import polars as pl

from dagster_project.ingestion.mappings import ColumnMapping, FeedMapping, ValueFormat
from dagster_project.ingestion.parsing import plain_number
from dagster_project.ingestion.readers.source import LINE, ROW
from dagster_project.ingestion.sql import columns_of, number_columns

EXTRA = "_extra"
UNTOUCHED = "untouched:"
"""Prefix of a source column before texts that mean nothing became null."""
NUMBER_TEXT = "number:"
"""Prefix of a source column whose text is written as a plain number, for casts in SQL."""
_ELEMENT = "__element"


def column_inputs(one: ColumnMapping) -> tuple[str, ...]:
    """Source columns one contract column is made of."""
    if one.sql is not None:
        return tuple(columns_of(one.sql))
    return (*((one.source,) if one.source else ()), *(one.coalesce or ()), *(one.number_within or ()))


def feed_inputs(feed_mapping: FeedMapping) -> tuple[str, ...]:
    """Source columns a feed reads, each once."""
    names = dict.fromkeys(columns_of(feed_mapping.filter) if feed_mapping.filter else ())
    for one in feed_mapping.columns.values():
        names.update(dict.fromkeys(column_inputs(one)))
    return tuple(names)


@dataclass(frozen=True)
class SourceShape:
    """Expressions that bring source columns of one schema into the shape the mapping speaks of.

    Attributes:
        addressed: The columns that the mapping names.
        meant: Null where a text means nothing, and helper columns; to be added to them.
    """

    addressed: tuple[pl.Expr, ...]
    meant: tuple[pl.Expr, ...]


def source_shape(schema: Mapping[str, pl.DataType], feed_mapping: FeedMapping, style: ValueFormat) -> SourceShape:
    """Build the expressions for one schema.

    Args:
        schema: Source columns, exploded ones included.
        feed_mapping: What the feed reads.
        style: How values are written in the file.
    """
    names = feed_inputs(feed_mapping)
    columns = [_addressed(name, schema, feed_mapping.explode).alias(name) for name in names]
    kinds = pl.DataFrame(schema=schema).select(columns).schema
    texts = {name for name in names if kinds[name] == pl.String}
    helpers = [pl.col(name).alias(UNTOUCHED + name) for name in sorted(_own_nulls(feed_mapping) & texts)]
    helpers += [_number_text(name, style, is_text=name in texts) for name in sorted(_sql_numbers(feed_mapping))]
    meaning = [nullified(pl.col(name), style.null_values).alias(name) for name in names if name in texts]
    return SourceShape(addressed=tuple(columns), meant=(*helpers, *meaning))


def source_rows(frame: pl.DataFrame, shape: SourceShape, *, extra: pl.Expr) -> pl.DataFrame:
    """Bring a chunk into the shape the mapping speaks of.

    Args:
        frame: Source columns with `__line` and `__row`, exploded.
        shape: Expressions for its schema.
        extra: Columns to keep as JSON (`extra_columns`).
    """
    return frame.select(ROW, LINE, extra, *shape.addressed).with_columns(*shape.meant)


def nullified(value: pl.Expr, null_values: Sequence[str]) -> pl.Expr:
    """Null where a text means nothing."""
    if not null_values:
        return value
    means_nothing = value == null_values[0] if len(null_values) == 1 else value.is_in(list(null_values))
    return pl.when(~means_nothing).then(value)


def _own_nulls(feed_mapping: FeedMapping) -> set[str]:
    """Source columns that a contract column reads with null values of its own."""
    return {one.source for one in feed_mapping.columns.values() if one.source and one.null_values is not None}


def _sql_numbers(feed_mapping: FeedMapping) -> set[str]:
    texts = [one.sql for one in feed_mapping.columns.values() if one.sql] + [feed_mapping.filter or ""]
    return {name for text in texts for name in number_columns(text)}


def _number_text(name: str, style: ValueFormat, *, is_text: bool) -> pl.Expr:
    """Text as a plain number; what is no number stays as it is, so that a cast of it fails."""
    value = pl.col(name)
    if is_text:
        meant = nullified(value, style.null_values)
        value = pl.coalesce(plain_number(meant.str.strip_chars(), style), meant)
    return value.alias(NUMBER_TEXT + name)


def extra_columns(frame: pl.DataFrame, unknown: Sequence[str] | None) -> pl.Expr:
    """Columns that no feed uses as one JSON text in `_extra`.

    Args:
        frame: Source columns.
        unknown: Columns to keep; None when none are kept.
    """
    names = [name for name in frame.columns if name in set(unknown)] if unknown else []
    kept = pl.struct(names).struct.json_encode() if names else pl.lit(None, dtype=pl.String)
    return kept.alias(EXTRA)


def exploded(frame: pl.DataFrame, path: str | None) -> pl.DataFrame:
    """One row per element of the list at a path; no row where there is no element.

    Args:
        frame: Source columns.
        path: Dotted path of the list; None leaves the rows as they are.
    """
    if path is None:
        return frame
    with_list = frame.with_columns(_addressed(path, frame.schema, None).alias(_ELEMENT))
    if not isinstance(with_list.schema[_ELEMENT], pl.List):
        return with_list.clear()
    return with_list.filter(pl.col(_ELEMENT).list.len() > 0).explode(_ELEMENT)


def _addressed(name: str, schema: Mapping[str, pl.DataType], exploded: str | None) -> pl.Expr:
    """The value a mapping means by a name: a column, a dotted path, or a path into the exploded element."""
    if exploded is not None and (name == exploded or name.startswith(f"{exploded}.")):
        rest = name[len(exploded) + 1 :]
        return _descend(pl.col(_ELEMENT), schema[_ELEMENT], rest.split(".") if rest else [])
    if name in schema:
        return pl.col(name)
    top, *parts = name.split(".")
    return _descend(pl.col(top), schema[top], parts) if top in schema else pl.lit(None, dtype=pl.String)


def _descend(value: pl.Expr, dtype: pl.DataType, parts: Sequence[str]) -> pl.Expr:
    for part in parts:
        fields = dict(dtype.to_schema()) if isinstance(dtype, pl.Struct) else {}
        if part not in fields:
            return pl.lit(None, dtype=pl.String)
        value, dtype = value.struct.field(part), cast("pl.DataType", fields[part])
    return value
