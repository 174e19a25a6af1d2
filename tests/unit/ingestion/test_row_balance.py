"""Law 3 over generated broken files in any dialect: rows balance, no good row is lost, bad rows keep their text."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.ingestion import Catalog
from dagster_project.ingestion.candidates import Candidate, Reading, read_candidates
from dagster_project.ingestion.landing import LandingFile
from dagster_project.ingestion.mappings import FileFormat, SourceMapping
from dagster_project.ingestion.readers import content
from tests.unit.ingestion.company import DAY, SALES, SALES_CSV, Company

ALPHABET = "ab1 ,;|\t\"'\n\r.-äß€"
HEADER = ("id", "amount", "state")


@dataclass(frozen=True)
class Dialect:
    """How a generated file is written."""

    delimiter: str
    quote: str | None
    encoding: str
    line_end: str
    quotes_all: bool
    ends_with_newline: bool


@dataclass(frozen=True)
class GeneratedFile:
    """A file and what is known about it."""

    dialect: Dialect
    content: bytes
    text: str
    good: tuple[tuple[str, str], ...]
    bad_count: int


def written(value: str, dialect: Dialect) -> str:
    """One field as the dialect writes it."""
    quote = dialect.quote
    if quote is None:
        return "".join(" " if character in {dialect.delimiter, "\n", "\r"} else character for character in value)
    is_special = any(character in value for character in (dialect.delimiter, quote, "\n", "\r"))
    if not (dialect.quotes_all or is_special):
        return value
    return quote + value.replace(quote, quote * 2) + quote


def broken(kind: str, fields: list[str], dialect: Dialect) -> str:
    """A row with one mistake."""
    quote, delimiter = dialect.quote, dialect.delimiter
    if kind == "too_few":
        return delimiter.join(fields[:-1])
    if kind == "too_many":
        return delimiter.join([*fields, "x"])
    if kind == "no_number":
        return delimiter.join([fields[0], written("4x", dialect), fields[2]])
    if kind == "no_id":
        return delimiter.join([written("", dialect), *fields[1:]])
    if kind == "after_quote" and quote is not None:
        return delimiter.join([fields[0], fields[1], f"{quote}a{quote}b"])
    if kind == "open_quote" and quote is not None:
        return delimiter.join([fields[0], fields[1], f"{quote}a b"])
    return delimiter.join([fields[0], written("4.123456", dialect), fields[2]])


KINDS = ("good", "good", "good", "too_few", "too_many", "no_number", "no_id", "after_quote", "open_quote", "decimals")


@st.composite
def files(draw: st.DrawFn) -> GeneratedFile:
    """Files with good and broken rows in any order."""
    dialect = Dialect(
        delimiter=draw(st.sampled_from([",", ";", "\t", "|"])),
        quote=draw(st.sampled_from(['"', '"', "'", None])),
        encoding=draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])),
        line_end=draw(st.sampled_from(["\n", "\r\n"])),
        quotes_all=draw(st.booleans()),
        ends_with_newline=draw(st.booleans()),
    )
    alphabet = ALPHABET.replace("€", "") if dialect.encoding == "latin-1" else ALPHABET
    # A quote that is never closed and a quoted field that starts like the end of one cannot be told apart.
    ends = (dialect.delimiter, "\n", "\r")
    notes = st.text(alphabet=alphabet, max_size=12).filter(
        lambda note: note.lstrip(dialect.quote or "")[:1] not in ends
    )
    rows, good, bad_count = [dialect.delimiter.join(HEADER)], [], 0
    for number, (kind, note) in enumerate(draw(st.lists(st.tuples(st.sampled_from(KINDS), notes), max_size=14))):
        fields = [f"R{number}", f"{number}.50", "open"]
        if kind == "good":
            good.append((f"R{number}", note))
            rows.append(dialect.delimiter.join([*(written(one, dialect) for one in (*fields[:2], note))]))
        else:
            bad_count += 1
            rows.append(broken(kind, [written(one, dialect) for one in fields], dialect))
    text = dialect.line_end.join(rows) + (dialect.line_end if dialect.ends_with_newline else "")
    return GeneratedFile(dialect, text.encode(dialect.encoding), text, tuple(good), bad_count)


@cache
def catalog() -> Catalog:
    """One catalog for all examples; the contract takes any text, so that only broken rows break it."""
    company = Company(Path(tempfile.mkdtemp()))
    company.contract(SALES.replace("max_bad_share: 0.9", "max_bad_share: 1").replace(", allowed: [open, paid]", ""))
    company.mapping(SALES_CSV.replace("amount: amount", "amount: amount, state: {from: state, null_values: []}"))
    return company.catalog


def candidate_of(file: GeneratedFile, folder: Path) -> Candidate:
    """What ingestion makes of a file, without loading it."""
    path = folder / "sales_20240101.csv"
    path.write_bytes(file.content)
    base, dialect = catalog().mappings[0], file.dialect
    layout = FileFormat(delimiter=dialect.delimiter, quote=dialect.quote, encoding=dialect.encoding)
    mapping = SourceMapping(system="shop", files=base.files, feeds=base.feeds, format=layout)
    (candidate,), _ = read_candidates(
        LandingFile(mapping, path, path.name, DAY), feeds=["sales"], reading=Reading(catalog(), folder)
    )
    return candidate


@settings(max_examples=300, derandomize=True, deadline=None)
@given(file=files(), block_bytes=st.sampled_from([2**20, 64, 24]))
def test_every_row_is_loaded_or_quarantined_with_its_text(file: GeneratedFile, block_bytes: int) -> None:
    with tempfile.TemporaryDirectory() as folder, patch.object(content, "BLOCK_BYTES", block_bytes):
        candidate = candidate_of(file, Path(folder))
    if candidate.reason.startswith("truncated"):
        assert not file.dialect.ends_with_newline
        return
    if candidate.reason.startswith("unreadable"):
        raise AssertionError(candidate.reason)
    counts = candidate.counts
    assert counts.delivered_rows == counts.loaded_rows + counts.quarantined_rows + counts.duplicate_rows
    loaded = dict(candidate.rows.scan().select("sale_id", "state").collect().iter_rows())
    for number, note in file.good:
        assert number in loaded
        if file.dialect.quote is not None:
            assert loaded[number] == note
    assert counts.loaded_rows == len(file.good)
    assert counts.quarantined_rows >= file.bad_count
    physical = file.text.split("\n")
    for line, text in candidate.bad.scan().select("line", "original_text").collect().iter_rows():
        assert text in file.text
        assert physical[line - 1].startswith(text.split("\n")[0].removesuffix("\r"))
