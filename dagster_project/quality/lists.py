"""What the outgoing door expects of a list: whole, addressable, and free of identities it was not asked to carry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from dagster_project.quality.expectations import Expectation

if TYPE_CHECKING:
    from dagster_project.activation.segments import SegmentDefinition

CHUNK_ROWS = 100_000
"""Longer lists are held against their expectations piece by piece."""

OCCURRENCES = "occurrences_of_the_key"
"""Counted over the whole list, so that a key in two pieces is found all the same."""

_FILLED = r"[\s\S]*\S"
_EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
_PHONE = r"^[+(]?[0-9][-0-9 ()/.]{4,}$"
_ADDRESS = {
    "email": {"email": _EMAIL},
    "phone": {"phone": _PHONE},
    "letter": {"street": _FILLED, "postal_code": _FILLED, "city": _FILLED},
}
_EMAIL_INSIDE = r"[\s\S]*[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"
_PHONE_INSIDE = r"[\s\S]*\+[0-9][-0-9 ()/.]{6,}"


def chunks(frame: pl.DataFrame, segment: SegmentDefinition) -> Iterator[pl.DataFrame]:
    """The list in bounded pieces, each with the number of times its keys occur in the whole.

    Args:
        frame: The members.
        segment: Whose list it is.
    """
    counted = frame.with_columns(pl.len().over(segment.settings.key).alias(OCCURRENCES))
    yield from counted.iter_slices(CHUNK_ROWS)


def list_expectations(frame: pl.DataFrame, segment: SegmentDefinition) -> tuple[Expectation, ...]:
    """Everything that has to hold for a list before it may leave.

    Args:
        frame: The members; only the types of its columns are looked at here.
        segment: Settings that say what the list is for.
    """
    return (*_shape(segment), *_keys(segment), *_addresses(segment), *_no_hidden_identity(frame, segment))


def _shape(segment: SegmentDefinition) -> Iterator[Expectation]:
    yield Expectation(
        "ExpectTableColumnsToMatchSet",
        {"column_set": [*segment.columns, OCCURRENCES], "exact_match": True},
        message="the list carries other columns than its settings name",
    )
    yield Expectation(
        "ExpectTableRowCountToBeBetween", {"min_value": 1, "max_value": CHUNK_ROWS}, message="the list is empty"
    )


def _keys(segment: SegmentDefinition) -> Iterator[Expectation]:
    for key in segment.keys:
        yield Expectation("ExpectColumnValuesToNotBeNull", {"column": key}, message=f"{key} is empty for some members")
    yield Expectation(
        "ExpectColumnMaxToBeBetween",
        {"column": OCCURRENCES, "max_value": 1},
        message=f"{segment.settings.key} is not unique: some members are listed more than once",
    )
    yield from _filled_as("reason", _FILLED, message="some members are listed without a reason")


def _addresses(segment: SegmentDefinition) -> Iterator[Expectation]:
    for column, pattern in _ADDRESS.get(segment.settings.channel, {}).items():
        message = f"{column} of some members is missing or cannot be used for the channel {segment.settings.channel}"
        yield from _filled_as(column, pattern, message=message)


def _filled_as(column: str, pattern: str, *, message: str) -> Iterator[Expectation]:
    yield Expectation("ExpectColumnValuesToNotBeNull", {"column": column}, message=message)
    yield Expectation("ExpectColumnValuesToMatchRegex", {"column": column, "regex": pattern}, message=message)


def _no_hidden_identity(frame: pl.DataFrame, segment: SegmentDefinition) -> Iterator[Expectation]:
    """No e-mail address and no telephone number in a column that is not there for it."""
    identifiers = segment.identifiers
    for column, dtype in frame.schema.items():
        if dtype == pl.String and column not in identifiers:
            yield Expectation(
                "ExpectColumnValuesToNotMatchRegexList",
                {"column": column, "regex_list": [_EMAIL_INSIDE, _PHONE_INSIDE]},
                message=f"{column} holds an e-mail address or a telephone number",
            )
