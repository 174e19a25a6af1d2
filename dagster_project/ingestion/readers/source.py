"""The common shape of a file being read: its columns, its chunks of rows, and the refusal of what cannot be read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

LINE = "__line"
ROW = "__row"
MAX_CELL_BYTES = 2**20
"""A longer cell is no value of a business system: its row goes to quarantine."""
MAX_RECORD_BYTES = 64 * 2**20
"""A text file with a longer line is no table: reading stops there."""
MAX_ORIGINAL_CHARACTERS = 2**16
"""How much of a bad row's text is kept in quarantine."""


class RefusedFileError(Exception):
    """A file or batch that is refused whole; the text is one sentence for the operator."""


class OriginalText(Protocol):
    """Gives back rows of a chunk as they stand in the file."""

    def take(self, rows: Sequence[int]) -> list[str]:
        """The text of the rows with these numbers within the chunk."""


@dataclass(frozen=True)
class BadRecord:
    """A record that could not even be cut into columns."""

    line: int
    reason: str
    original_text: str


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file: source columns plus `__line` (in the file) and `__row` (in the chunk)."""

    frame: pl.DataFrame
    original: OriginalText
    bad: tuple[BadRecord, ...] = ()


@dataclass(frozen=True)
class Needs:
    """What the mapping wants from a file.

    Attributes:
        columns: Source columns as the mapping names them, dotted paths for nested values.
        explodes: Dotted paths of lists that become rows.
        keeps_unknown: Whether the other columns are wanted, too.
        names_unknown: Whether the names of the other columns must be found out.
    """

    columns: tuple[str, ...]
    explodes: tuple[str, ...] = ()
    keeps_unknown: bool = False
    names_unknown: bool = False


class SourceFile(ABC):
    """One file that has been opened far enough to know its columns."""

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Names of the columns (top-level keys) in the file; only those known to exist."""

    @abstractmethod
    def chunks(self) -> Iterator[Chunk]:
        """Read the rows, once.

        Raises:
            RefusedFileError: The file is cut off or broken.
        """

    def has(self, column: str) -> bool:
        """Whether a column, or for a dotted path the outermost key of it, is in the file."""
        return column in self.columns or column.split(".")[0] in self.columns


@dataclass(frozen=True)
class RenderedText:
    """Original text of files that have no text: the row as JSON."""

    frame: pl.DataFrame

    def take(self, rows: Sequence[int]) -> list[str]:
        """The rows as JSON objects."""
        picked = self.frame.select(pl.all().exclude(LINE, ROW))[list(rows)]
        plain = picked.with_columns(pl.selectors.binary().bin.encode("base64"), pl.selectors.duration().cast(pl.Int64))
        return plain.select(pl.struct(pl.all()).struct.json_encode()).to_series().to_list()


def clip(text: str) -> str:
    """The part of a bad row's text that quarantine keeps."""
    return text[:MAX_ORIGINAL_CHARACTERS]
