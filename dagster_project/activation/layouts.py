"""Lays a list out as the file that a tool takes; bytes only, nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

import polars as pl

from dagster_project.activation.delta import Delta
from dagster_project.activation.segments import SegmentDefinition

if TYPE_CHECKING:
    from dagster_project.activation.destinations import Destination

ContentKind = Literal["full", "delta"]


@dataclass(frozen=True)
class Layout:
    """How a list is laid out for a tool.

    Args:
        needs: Columns of the customer that it takes beyond those of the list.
    """

    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class RenderedFile:
    """A file as it would be sent."""

    name: str
    content_kind: ContentKind
    row_count: int
    content: bytes
    sha256: str


LAYOUTS: Mapping[str, Layout] = {"plain": Layout()}


def render(
    destination: Destination, *, members: pl.DataFrame, delta: Delta | None, segment: SegmentDefinition, as_of: date
) -> tuple[RenderedFile, ...]:
    """The files that a destination gets of a list."""
    raise NotImplementedError
