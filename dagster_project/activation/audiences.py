"""Normalises and hashes what advertising platforms recognise people by, each by its own rules; writes no file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import polars as pl

from dagster_project.activation.formats import ROWS_AT_A_TIME, WITHOUT_PARTS
from dagster_project.errors import CrmError

HASHED_INPUT = ("email", "phone", "first_name", "last_name", "name")
"""Columns that go through the hash function, and so must not have been through one before."""

_HASH = r"^\s*(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})\s*$"
_E164 = r"^\+[1-9][0-9]{6,14}$"
_PREFIXES = r"^(?:(?:herr|frau|mr|mrs|ms|dr|prof)\b\.?\s*)+"
_SUFFIXES = r"(?:[\s,]+(?:jr|sr|ii|iii|iv)\b\.?)+$"
_GMAIL = r"^([^@]+)@(?:gmail|googlemail)\.com$"


def text(frame: pl.DataFrame, name: str) -> pl.Expr:
    """A column as trimmed text, null where it is empty or the frame has no such column.

    Args:
        frame: The rows.
        name: The column.
    """
    if name not in frame.columns:
        return pl.lit(None, dtype=pl.String)
    return _or_null(pl.col(name).cast(pl.String).str.strip_chars())


def refuse_hashed(frame: pl.DataFrame) -> None:
    """Refuse values that look like an MD5, SHA-1 or SHA-256 digest: hashed twice, nobody would be recognised by them.

    Args:
        frame: The rows before they are hashed.

    Raises:
        CrmError: A column holds some; it is named with their number, never with a value.
    """
    columns = [name for name in HASHED_INPUT if frame.schema.get(name) == pl.String]
    counts = frame.select(pl.col(columns).str.contains(_HASH).sum()).row(0) if columns else ()
    for name, count in zip(columns, counts, strict=True):
        if count:
            raise CrmError(
                f"{count} of {frame.height} values of {name} are hashed already",
                remedy="This layout takes plain values and hashes them itself; mend the data or choose another layout.",
            )


def google_customer_match(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns of Google's Customer Match, whatever of them the list has.

    Headers and what is hashed follow support.google.com/google-ads/answer/7659867: Email, Phone, First Name and Last
    Name as SHA-256, Country and Zip as they are. Normalisation follows
    developers.google.com/data-manager/api/devguides/concepts/formatting: lower case; no white space within an address,
    at gmail.com and googlemail.com no dots and nothing from a plus sign on; numbers in E.164; names without
    punctuation, prefixes (Mrs.) and suffixes (Jr.).

    Args:
        frame: Rows with any of email, phone, first_name, last_name, country_code and postal_code.
    """
    refuse_hashed(frame)
    plain = frame.select(
        _google_email(text(frame, "email")).alias("Email"),
        _e164(text(frame, "phone")).alias("Phone"),
        _google_name(text(frame, "first_name"), without=_PREFIXES).alias("First Name"),
        _google_name(text(frame, "last_name"), without=_SUFFIXES).alias("Last Name"),
        text(frame, "country_code").str.to_uppercase().alias("Country"),
        text(frame, "postal_code").alias("Zip"),
    )
    return _hashed(plain, ("Email", "Phone", "First Name", "Last Name"))


def meta_custom_audience(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns of a Meta custom audience, whatever of them the list has, all of them as SHA-256.

    Headers follow facebook.com/business/help/2082575038703844, normalisation
    developers.facebook.com/docs/marketing-api/audiences/guides/custom-audiences: e-mail trimmed and in lower case;
    numbers as digits with country code and without leading zeros; names in lower case, letters only, Umlauts as they
    are; cities with a to z only (ü becomes u); postal codes in lower case without white space, of the US the first five
    digits, of the UK without the last two letters; countries as two letters in lower case.

    Args:
        frame: Rows with any of email, phone, first_name, last_name, postal_code, city and country_code.
    """
    refuse_hashed(frame)
    country = text(frame, "country_code").str.to_lowercase()
    plain = frame.select(
        text(frame, "email").str.to_lowercase().alias("email"),
        _e164(text(frame, "phone")).str.strip_prefix("+").alias("phone"),
        _letters(text(frame, "first_name")).alias("fn"),
        _letters(text(frame, "last_name")).alias("ln"),
        _meta_zip(text(frame, "postal_code"), country=country).alias("zip"),
        _a_to_z(text(frame, "city")).alias("ct"),
        country.alias("country"),
    )
    return _hashed(plain, plain.columns)


def _google_email(address: pl.Expr) -> pl.Expr:
    whole = address.str.to_lowercase().str.replace_all(r"\s", "")
    mailbox = _or_null(whole.str.extract(_GMAIL).str.replace(r"\+.*$", "").str.replace_all(".", "", literal=True))
    is_gmail = whole.str.contains(_GMAIL)
    return pl.when(is_gmail).then(mailbox + "@" + whole.str.extract(r"@(.*)$")).otherwise(whole)


def _google_name(name: pl.Expr, *, without: str) -> pl.Expr:
    bare = name.str.normalize("NFC").str.to_lowercase().str.replace(without, "")
    spaced = bare.str.replace_all(r"[\p{P}\p{S}]", "").str.replace_all(r"\s+", " ")
    return _or_null(spaced.str.strip_chars())


def _e164(number: pl.Expr) -> pl.Expr:
    """Numbers with a country code as + and digits, others null: a guessed country would be somebody else's number."""
    digits = number.str.replace_all(r"[^+0-9]", "").str.replace(r"^00", "+")
    return pl.when(digits.str.contains(_E164)).then(digits)


def _letters(name: pl.Expr) -> pl.Expr:
    return _or_null(name.str.normalize("NFC").str.to_lowercase().str.replace_all(r"[^\p{L}\p{M}]", ""))


def _a_to_z(name: pl.Expr) -> pl.Expr:
    split = name.str.replace_many(WITHOUT_PARTS).str.normalize("NFKD").str.to_lowercase()
    return _or_null(split.str.replace_all(r"[^a-z]", ""))


def _meta_zip(code: pl.Expr, *, country: pl.Expr) -> pl.Expr:
    whole = code.str.to_lowercase().str.replace_all(r"\s", "")
    is_british = (country == "gb") & whole.str.contains(r"^[a-z]{1,2}[0-9][0-9a-z]?[0-9][a-z]{2}$")
    return (
        pl.when(country == "us")
        .then(whole.str.slice(0, 5))
        .when(is_british)
        .then(whole.str.replace(r"[a-z]{2}$", ""))
        .otherwise(whole)
    )


def _or_null(value: pl.Expr) -> pl.Expr:
    return pl.when(value != "").then(value)


def _hashed(plain: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """The frame with SHA-256 as lower-case hexadecimal digits in some of its columns."""
    return plain.with_columns(_digests(plain[name]) for name in columns)


def _digests(column: pl.Series) -> pl.Series:
    """Polars has no SHA-256, so each different value goes through Python's once."""
    values = column.drop_nulls().unique()
    parts = [_digests_of(part) for part in values.to_frame().iter_slices(ROWS_AT_A_TIME)]
    digests = pl.concat(parts) if parts else values
    return column.replace_strict(values, digests, default=None, return_dtype=pl.String)


def _digests_of(values: pl.DataFrame) -> pl.Series:
    return pl.Series([hashlib.sha256(value.encode()).hexdigest() for value in values.to_series()], dtype=pl.String)
