"""What goes wrong on the way to the landing directory: bad rows, copies, delays, new columns, a torn file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any

import polars as pl

from dagster_project.simulation.exports import Format, Slice
from dagster_project.simulation.horizon import Horizon

OF_WHOLE_FILES = ("truncated", "late", "resent")
FEWEST_ROWS = 60
MOST_BAD_ROWS = 5
BAD_SHARE = 0.02
KEPT_OF_TORN = 0.4


@dataclass(frozen=True)
class BadValue:
    """A few additional rows whose `column` holds `value`; nothing true is lost with them."""

    system: str
    export: str
    at: float
    key: str
    column: str
    value: str
    reason: str


@dataclass(frozen=True)
class Mishap:
    """Something that happens to one file of an export: the one at a share of the history, or at a numbered night."""

    kind: str
    system: str
    export: str
    at: float
    night: int
    days: int = 0


@dataclass(frozen=True)
class NewColumn:
    """A column that an export has from some file on."""

    system: str
    export: str
    at: float
    column: str
    value: str


BAD_VALUES = (
    BadValue("shopify", "customers", 0.30, "Customer ID", "Email", "keine-adresse", "no e-mail address"),
    BadValue("shopify", "refunds", 0.40, "Refund ID", "Amount", "-5.00", "below the minimum"),
    BadValue("salesforce", "opportunities", 0.35, "Id", "CloseDate", "2024-02-31", "no such day"),
    BadValue("salesforce", "tasks", 0.50, "Id", "CallDurationInSeconds", "lang", "no number"),
    BadValue("navision", "positionen", 0.25, "Auftragsnr.", "Menge", "zwölf", "no number"),
    BadValue("navision", "auftraege", 0.60, "Auftragsnr.", "Status", "unbekannt", "not allowed"),
    BadValue("mailchimp", "recipients", 0.45, "Recipient ID", "Sent At", "", "required"),
    BadValue("mailchimp", "consent_log", 0.70, "Log ID", "Event", "vielleicht", "not allowed"),
    BadValue("navision", "angebote", 0.40, "Angebotsnr.", "Status", "verschollen", "not allowed"),
    BadValue("navision", "kostenbuchungen", 0.30, "Buchungsnr.", "Betrag", "folgt", "no number"),
    BadValue("store", "besuche", 0.55, "Besuch-Nr.", "Ankunft", "31.02.2024 10:00:00", "no such day"),
    BadValue("social", "engagements", 0.50, "id", "type", "poke", "not allowed"),
)

MISHAPS = (
    Mishap("late", "salesforce", "opportunity_history", 0.55, 3, days=4),
    Mishap("late", "mailchimp", "activity", 0.65, 6, days=3),
    Mishap("late", "zendesk", "tickets", 0.80, 9, days=2),
    Mishap("late", "store", "besuche", 0.70, 4, days=2),
    Mishap("resent", "shopify", "orders", 0.45, 5, days=3),
    Mishap("resent", "loyalty", "members", 0.60, 7, days=2),
    Mishap("resent", "salesforce", "tasks", 0.75, 12, days=1),
    Mishap("truncated", "navision", "debitoren", 0.72, 14),
    Mishap("repeated_rows", "navision", "gutschriften", 0.50, 8),
    Mishap("repeated_rows", "store", "besuche", 0.25, 11),
    Mishap("repeated_rows", "navision", "kostenbuchungen", 0.65, 13),
    Mishap("repeated_key", "salesforce", "contacts", 0.60, 10),
)

NEW_COLUMNS = (
    NewColumn("salesforce", "opportunities", 0.50, "ForecastCategory__c", "Pipeline"),
    NewColumn("navision", "debitoren", 0.60, "USt-IdNr.", "DE123456789"),
)


@dataclass(frozen=True)
class Incident:
    """One piece of dirt as it came to pass, for the truth."""

    kind: str
    file: str
    rows: int = 0
    detail: str = ""

    def grown(self, rows: int) -> Incident:
        """The same when the file has so many more rows by now."""
        return replace(self, rows=self.rows + rows) if self.kind in OF_WHOLE_FILES else self

    def as_record(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class LandingFile:
    """A file as it arrives, or what one branch adds to it; `laid_out` makes its rows when asked.

    Args:
        path: Path below the landing directory.
        arrival: The night on which it arrives.
        rows: Rows with all copies and bad ones.
        laid_out: These rows in the columns of the system.
        format: How they become a file.
        is_packed: Compressed with gzip.
        kept: Share of the bytes that a torn file keeps.
        copies: Path and night of other files of the same content.
        incidents: What goes wrong with it and with its copies.
    """

    path: str
    arrival: date
    rows: int
    laid_out: Callable[[], pl.DataFrame]
    format: Format
    is_packed: bool
    kept: float
    copies: tuple[tuple[str, date], ...]
    incidents: tuple[Incident, ...]


def spoil(parts: Sequence[Slice], horizon: Horizon, *, is_first: bool = True) -> Iterator[LandingFile]:
    """Turn the slices of one export into files with everything that goes wrong with them.

    Args:
        parts: The slices of one branch.
        horizon: Simulated time.
        is_first: The first branch decides what goes wrong with which file; the others add clean rows to it.
    """
    columns = [(horizon.bulk_count * entry.at, entry) for entry in NEW_COLUMNS if _concerns(parts, entry)]
    if not is_first:
        yield from (_file(part, bad=None, added=_added(part, columns), mishaps=[], horizon=horizon) for part in parts)
        return
    bad = {
        _place(parts, horizon, at=entry.at, fewest=FEWEST_ROWS): entry
        for entry in BAD_VALUES
        if _concerns(parts, entry)
    }
    mishaps = _mishaps(parts, horizon)
    for place, part in enumerate(parts):
        happened = mishaps.get(place, [])
        yield _file(part, bad=bad.get(place), added=_added(part, columns), mishaps=happened, horizon=horizon)


def _added(part: Slice, columns: list[tuple[float, NewColumn]]) -> list[NewColumn]:
    return [entry for since, entry in columns if part.index >= since]


def _concerns(parts: Sequence[Slice], entry: BadValue | Mishap | NewColumn) -> bool:
    return bool(parts) and parts[0].export.system == entry.system and parts[0].export.name == entry.export


def _place(parts: Sequence[Slice], horizon: Horizon, *, at: float, fewest: int) -> int:
    """The first file from a share of the history on that has enough rows; -1 if there is none."""
    since = int(horizon.bulk_count * at)
    found = [
        place
        for place, part in enumerate(parts)
        if since <= part.index < horizon.bulk_count and part.rows.height >= fewest
    ]
    return found[0] if found else -1


def _mishaps(parts: Sequence[Slice], horizon: Horizon) -> dict[int, list[Mishap]]:
    """Files that something happens to; never the last one, so that the newest data stays whole."""
    found: dict[int, list[Mishap]] = {}
    for entry in MISHAPS:
        if not _concerns(parts, entry):
            continue
        nights = [place for place, part in enumerate(parts) if part.index == horizon.bulk_count + entry.night]
        for place in (_place(parts, horizon, at=entry.at, fewest=6), *nights):
            if 0 <= place < len(parts) - 1:
                found.setdefault(place, []).append(entry)
    return found


def _file(
    part: Slice, *, bad: BadValue | None, added: list[NewColumn], mishaps: list[Mishap], horizon: Horizon
) -> LandingFile:
    kinds = {entry.kind: entry for entry in mishaps}
    incidents = [Incident("new_column", part.path, detail=entry.column) for entry in added]
    extra = _bad_count(part.rows.height) if bad else 0
    if bad:
        incidents.append(Incident("bad_rows", part.path, rows=extra, detail=f"{bad.column}: {bad.reason}"))
    repeated = min(3, part.rows.height) if {"repeated_rows", "repeated_key"} & kinds.keys() else 0
    incidents += [
        Incident(kind, part.path, rows=repeated) for kind in ("repeated_rows", "repeated_key") if kind in kinds
    ]
    if "truncated" in kinds:
        incidents.append(
            Incident("truncated", part.path, rows=part.rows.height, detail="cut off in the middle of a line")
        )

    def rows() -> pl.DataFrame:
        laid_out = part.export.layout(part.rows)
        for entry in added:
            laid_out = laid_out.with_columns(pl.lit(entry.value).alias(entry.column))
        laid_out = _with_bad_rows(laid_out, bad, extra) if bad else laid_out
        return _with_repeats(laid_out, repeated, stale="repeated_key" in kinds)

    arrival = part.arrival
    if "late" in kinds:
        arrival = min(arrival + timedelta(days=kinds["late"].days), horizon.end)
        incidents.append(Incident("late", part.path, rows=part.rows.height, detail=f"arrives {arrival}"))
    height = part.rows.height + extra + repeated
    copies = [_resent(part, days=kinds["resent"].days, end=horizon.end)] if "resent" in kinds else []
    incidents += [Incident("resent", path, rows=height, detail=f"same content as {part.path}") for path, _ in copies]
    return LandingFile(
        path=part.path,
        arrival=arrival,
        rows=height,
        laid_out=rows,
        format=part.export.format,
        is_packed=part.is_packed,
        kept=KEPT_OF_TORN if "truncated" in kinds else 1.0,
        copies=tuple(copies),
        incidents=tuple(incidents),
    )


def _resent(part: Slice, *, days: int, end: date) -> tuple[str, date]:
    """Another name for the same bytes, with the date of the later night in it."""
    again = min(part.arrival + timedelta(days=days), end)
    stem, _, ending = part.path.partition(f"{part.period.last:%Y%m%d}")
    return f"{stem}{again:%Y%m%d}_resent{ending}", again


def _bad_count(height: int) -> int:
    return max(1, min(MOST_BAD_ROWS, int(height * BAD_SHARE)))


def _with_bad_rows(frame: pl.DataFrame, bad: BadValue, count: int) -> pl.DataFrame:
    is_nested = any(kind.is_nested() for kind in frame.dtypes)
    text = frame if is_nested else frame.select(pl.all().cast(pl.String))
    ghosts = text.filter(pl.col(bad.column).is_not_null()).head(count) if bad.value else text.head(count)
    ghosts = text.head(count) if ghosts.height < count else ghosts
    marks = pl.Series([f"BAD-{bad.export}-{number}" for number in range(count)])
    spoiled = ghosts.with_columns(marks.alias(bad.key), pl.lit(bad.value or None, pl.String).alias(bad.column))
    middle = text.height // 2
    return pl.concat([text.head(middle), spoiled, text.tail(text.height - middle)])


def _with_repeats(frame: pl.DataFrame, count: int, *, stale: bool) -> pl.DataFrame:
    if not count:
        return frame
    repeats = frame.head(count)
    if stale:
        repeats = repeats.with_columns(pl.lit("veraltet").alias("Title"), pl.col("CreatedDate").alias("SystemModstamp"))
        return pl.concat([repeats, frame])
    return pl.concat([frame, repeats])
