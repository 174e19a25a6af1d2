"""The bytes of a file: unpacked, recognised and decoded to UTF-8 block by block; knows nothing of rows."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from dagster_project.ingestion.readers.source import RefusedFileError

BLOCK_BYTES = 32 * 2**20
GZIP_MAGIC = b"\x1f\x8b"
MAX_UNPACK_RATIO = 200
UNPACK_ALLOWANCE = 64 * 2**20
"""A packed file may always unpack to this much; beyond it the ratio above is the limit."""
_BINARY = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word document",
    b"SQLite format 3": "a database",
    b"BZh": "a bzip2 archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
}


def raw_blocks(path: Path) -> Iterator[bytes]:
    """The content of a file in blocks, gzip read through.

    Raises:
        RefusedFileError: The file is empty, a truncated or broken archive, or unpacks without end.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(2)
        if not magic:
            raise RefusedFileError("unreadable: the file is empty")
        if magic == GZIP_MAGIC:
            yield from _unpacked(path)
        elif path.suffix == ".gz":
            raise RefusedFileError("unreadable: the file is named .gz but is not packed with gzip")
        else:
            with path.open("rb") as file:
                while block := file.read(BLOCK_BYTES):
                    yield block
    except OSError as error:
        raise RefusedFileError(f"unreadable: {error.strerror or error}") from error


def _unpacked(path: Path) -> Iterator[bytes]:
    packed, total = path.stat().st_size, 0
    try:
        with gzip.open(path) as file:
            while block := file.read(BLOCK_BYTES):
                total += len(block)
                if total > UNPACK_ALLOWANCE and total > packed * MAX_UNPACK_RATIO:
                    what = f"the file unpacks to more than {MAX_UNPACK_RATIO} times its size, as a gzip bomb does"
                    raise RefusedFileError(f"unreadable: {what}")
                yield block
    except EOFError as error:
        raise RefusedFileError("truncated: the gzip file ends before its end mark") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise RefusedFileError("unreadable: the gzip file is damaged") from error
    if total == 0:
        raise RefusedFileError("unreadable: the file is empty")


def text_blocks(path: Path, encoding: str) -> Iterator[bytes]:
    """The content of a text file in blocks of valid UTF-8 without byte order mark.

    Raises:
        RefusedFileError: The content is binary or not in the declared encoding; offset and line are told.
    """
    wide = encoding.startswith(("utf-16", "utf-32"))
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, lines, is_first = 0, 0, True
    for block in raw_blocks(path):
        if is_first:
            _check_binary(block)
        if not wide and (zero := block.find(b"\0")) >= 0:
            raise RefusedFileError(f"unreadable: byte {offset + zero} is a zero byte, so this is no text file")
        pending = decoder.getstate()[0]
        try:
            text = decoder.decode(block)
        except UnicodeDecodeError as error:
            raise _undecodable(error, encoding, offset=offset - len(pending), lines=lines) from error
        lines += text.count("\n")
        offset += len(block)
        yield _encoded(block, text, encoding=encoding, pending=pending, is_first=is_first, rest=decoder.getstate()[0])
        is_first = False
    _check_complete(decoder, encoding=encoding, offset=offset, lines=lines)


def _encoded(block: bytes, text: str, *, encoding: str, pending: bytes, is_first: bool, rest: bytes) -> bytes:
    """UTF-8 bytes of a decoded block; a block that is UTF-8 already is not encoded again."""
    as_is = encoding in ("utf-8", "ascii")
    data = (pending + block)[: len(pending) + len(block) - len(rest)] if as_is else text.encode("utf-8", "replace")
    return data.removeprefix(codecs.BOM_UTF8) if is_first else data


def _check_complete(decoder: codecs.IncrementalDecoder, *, encoding: str, offset: int, lines: int) -> None:
    pending = decoder.getstate()[0]
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise _undecodable(error, encoding, offset=offset - len(pending), lines=lines) from error


def _check_binary(block: bytes) -> None:
    for magic, name in _BINARY.items():
        if block.startswith(magic):
            raise RefusedFileError(f"unreadable: the content is {name}, not text")


def _undecodable(error: UnicodeDecodeError, encoding: str, *, offset: int, lines: int) -> RefusedFileError:
    good = error.object[: error.start]
    line = lines + good.decode(encoding, "replace").count("\n") + 1
    what = f"byte {offset + error.start} in line {line} is not {encoding}"
    return RefusedFileError(f"unreadable: {what}; the mapping declares this encoding")
