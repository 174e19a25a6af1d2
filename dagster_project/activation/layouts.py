"""Lays a list out as the files that a tool takes, whole and as changes; bytes only, nothing is sent from here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

import polars as pl

from dagster_project.activation.audiences import google_customer_match, meta_custom_audience, text
from dagster_project.activation.delta import REMOVAL_REASON, Delta, compare, delta_frame
from dagster_project.activation.formats import Format, write
from dagster_project.activation.judging import LAWFUL
from dagster_project.activation.letters import letter_shop
from dagster_project.activation.segments import IDENTIFIERS, Channel, SegmentDefinition
from dagster_project.errors import CrmError

if TYPE_CHECKING:
    from dagster_project.activation.destinations import Destination

ContentKind = Literal["full", "delta"]
LayOut = Callable[[pl.DataFrame, SegmentDefinition], pl.DataFrame]

_MACHINE = Format(encoding="utf-8", quoting="needed", is_spreadsheet_safe=False)


@dataclass(frozen=True)
class Layout:
    """How a list is laid out for a tool.

    An address comes with the channel or not at all (law 4): a list for e-mail carries no telephone number, no street
    and no postal code, so these columns of an audience stay empty in it, whatever the platform would also match by.

    Args:
        title: For whom it is.
        channels: Lists of which channels it can take.
        needs: Columns of the customer that it takes beyond those of the list.
        form: How its files are written unless the destination wants otherwise.
        lay_out: Makes its columns of the rows of a list.
        recognised_by: Its columns by any one of which the tool recognises a person; empty for a layout whose changes
            are one file that says in each row what happened to it.
        recognised_by_all: Its columns which only together say who it is.
    """

    title: str
    channels: frozenset[Channel]
    needs: tuple[str, ...]
    form: Format
    lay_out: LayOut
    recognised_by: tuple[str, ...] = ()
    recognised_by_all: tuple[str, ...] = ()

    @property
    def is_for_machines(self) -> bool:
        """Its tool takes people who come and people who go in files of their own."""
        return bool(self.recognised_by)


@dataclass(frozen=True)
class RenderedFile:
    """A file as it would be sent.

    Args:
        name: Its name; the same for the same list, night and kind.
        as_of: The night.
        content_kind: The whole list or its changes.
        row_count: How many rows it holds.
        content: Its bytes.
        sha256: Hex digest of them.
        note: What is to be known about it, as a sentence; empty if nothing is.
    """

    name: str
    as_of: date
    content_kind: ContentKind
    row_count: int
    content: bytes
    sha256: str
    note: str = ""


def render(
    destination: Destination, *, members: pl.DataFrame, delta: Delta | None, segment: SegmentDefinition, as_of: date
) -> tuple[RenderedFile, ...]:
    """The files that a destination gets of a list: `<segment>_<night>[_delta[_removed]].<extension>`.

    Changes are one file if the layout says in each row what happened, else one of the people who are new or changed and
    one of those to take out: who is off the list, and former addresses of who is still on it, unless another member has
    them now. Changes leave even when there are none, so that a file that is missing means a night that failed.

    Args:
        destination: For whom: layout, format, and whether it takes the whole list, its changes or both.
        members: The list in its order, with the columns that the layout needs.
        delta: What it changes against the last one that arrived; None if none ever did: then everybody is new.
        segment: Whose list.
        as_of: The night.

    Raises:
        CrmError: The layout is not for lists of this channel, or values are hashed already.
    """
    layout = LAYOUTS[destination.layout]
    _check(layout, segment)
    laid_out = layout.lay_out(members, segment)
    parts: list[_Part] = []
    if destination.content in ("full", "both"):
        parts.append(_people(layout, laid_out, kind="full", suffix=""))
    if destination.content in ("delta", "both"):
        none = pl.DataFrame(schema={segment.keys[-1]: pl.String, "verdict": pl.String})
        known = delta or compare(None, members, keys=segment.keys, removal_reasons=none)
        parts.extend(_changes(layout, members, laid_out, delta=known, segment=segment))
    return tuple(_file(part, form=destination.form, segment=segment, as_of=as_of) for part in parts)


@dataclass(frozen=True)
class _Part:
    """The rows of one file.

    Args:
        frame: The rows as they are laid out.
        kind: The whole list or its changes.
        suffix: What the file's name ends with.
        left_out: How many rows are missing because the tool could recognise nobody by them.
    """

    frame: pl.DataFrame
    kind: ContentKind
    suffix: str
    left_out: int = 0


def _check(layout: Layout, segment: SegmentDefinition) -> None:
    if segment.settings.channel not in layout.channels:
        raise CrmError(
            f"the layout for {layout.title} takes lists for {', '.join(sorted(layout.channels))}, and {segment.name} is"
            f" for {segment.settings.channel}",
            where=segment.file,
            remedy="Take the destination out of the segment's settings, or give it another layout.",
        )


def _people(layout: Layout, laid_out: pl.DataFrame, *, kind: ContentKind, suffix: str) -> _Part:
    """Rows as they are laid out, without those by which the tool could recognise nobody."""
    kept = laid_out.filter(_is_recognisable(layout)) if layout.is_for_machines else laid_out
    return _Part(kept, kind=kind, suffix=suffix, left_out=laid_out.height - kept.height)


def _changes(
    layout: Layout, members: pl.DataFrame, laid_out: pl.DataFrame, *, delta: Delta, segment: SegmentDefinition
) -> tuple[_Part, ...]:
    """The changes laid out: one file that tells what happened, or one of who comes and one of who goes."""
    if not layout.is_for_machines:
        return (_Part(delta_frame(delta), kind="delta", suffix="_delta"),)
    key = segment.keys[-1]
    moved = pl.concat([delta.added, delta.changed]).select(key)
    rows = members.select(key).with_row_index("_row").join(moved, on=key, how="semi", maintain_order="left")
    going = layout.lay_out(pl.concat([delta.removed, delta.replaced], how="diagonal"), segment)
    return (
        _people(layout, laid_out[rows["_row"]], kind="delta", suffix="_delta"),
        _Part(_going(layout, going, still_there=laid_out), kind="delta", suffix="_delta_removed"),
    )


def _going(layout: Layout, going: pl.DataFrame, *, still_there: pl.DataFrame) -> pl.DataFrame:
    """Who has to leave the tool: addresses that a member still has are blanked, rows without any other are dropped."""
    free = going.with_columns(
        pl.when(~pl.col(name).is_in(still_there[name].implode())).then(pl.col(name)) for name in layout.recognised_by
    )
    together = list(layout.recognised_by_all)
    if together:
        free = free.join(
            still_there.select(*together, is_taken=pl.lit(value=True)).unique(),
            on=together,
            how="left",
            maintain_order="left",
        )
        freed = [pl.when(pl.col("is_taken").is_null()).then(pl.col(name)).alias(name) for name in together]
        free = free.with_columns(freed).drop("is_taken")
    return free.filter(_is_recognisable(layout)).unique(maintain_order=True)


def _is_recognisable(layout: Layout) -> pl.Expr:
    by_one = [pl.col(name).is_not_null() for name in layout.recognised_by]
    by_all = [pl.all_horizontal(pl.col(*layout.recognised_by_all).is_not_null())] if layout.recognised_by_all else []
    return pl.any_horizontal(*by_one, *by_all)


def _file(part: _Part, *, form: Format, segment: SegmentDefinition, as_of: date) -> RenderedFile:
    written = write(part.frame, form)
    notes = []
    if part.left_out:
        notes.append(f"{part.left_out} rows by which nobody can be recognised were left out")
    if written.replaced_count:
        notes.append(f"{written.replaced_count} characters that {form.encoding} does not know were replaced")
    return RenderedFile(
        name=f"{segment.name}_{as_of.isoformat()}{part.suffix}.{form.kind}",
        as_of=as_of,
        content_kind=part.kind,
        row_count=part.frame.height,
        content=written.content,
        sha256=hashlib.sha256(written.content).hexdigest(),
        note="; ".join(notes),
    )


def _as_it_is(frame: pl.DataFrame, _: SegmentDefinition) -> pl.DataFrame:
    return frame


def _google(frame: pl.DataFrame, _: SegmentDefinition) -> pl.DataFrame:
    return google_customer_match(frame)


def _meta(frame: pl.DataFrame, _: SegmentDefinition) -> pl.DataFrame:
    return meta_custom_audience(frame)


def _letters(frame: pl.DataFrame, _: SegmentDefinition) -> pl.DataFrame:
    return letter_shop(frame)


def _mailchimp(frame: pl.DataFrame, segment: SegmentDefinition) -> pl.DataFrame:
    """Columns of mailchimp.com/help/format-guidelines-for-your-import-file: the tag is the segment.

    Who leaves a list only loses the tag. Who may not be written to any more (no consent, suppressed, deleted) has the
    status `unsubscribed`; for everybody else it stays empty, because an import must not subscribe anybody.
    """
    why = text(frame, REMOVAL_REASON)
    return frame.select(
        text(frame, "email").alias("Email Address"),
        text(frame, "first_name").alias("First Name"),
        text(frame, "last_name").alias("Last Name"),
        pl.lit(segment.name).alias("Tags"),
        pl.when(why.is_in(LAWFUL)).then(pl.lit("unsubscribed")).alias("Status"),
    )


def _hubspot(frame: pl.DataFrame, segment: SegmentDefinition) -> pl.DataFrame:
    """Default property names of HubSpot's import, and two properties of one's own.

    See knowledge.hubspot.com/import-and-export/set-up-your-import-file: HubSpot knows contacts by e-mail; the customer
    key, kept as a property with unique values, finds them again after their address has changed.
    """
    return frame.select(
        text(frame, "customer_key").alias("Customer Key"),
        text(frame, "email").alias("Email"),
        text(frame, "phone").alias("Phone Number"),
        text(frame, "first_name").alias("First Name"),
        text(frame, "last_name").alias("Last Name"),
        pl.lit(segment.name).alias("Segment"),
        text(frame, REMOVAL_REASON).alias("Removal Reason"),
    )


_NAMES = ("first_name", "last_name")
_CHANNELS: frozenset[Channel] = frozenset(IDENTIFIERS)
_CONTACT: frozenset[Channel] = _CHANNELS - {"internal"}

LAYOUTS: Mapping[str, Layout] = {
    "plain": Layout(title="people", channels=_CHANNELS, needs=(), form=Format(), lay_out=_as_it_is),
    "google_customer_match": Layout(
        title="Google Customer Match",
        channels=_CONTACT,
        needs=(*_NAMES, "country_code"),
        form=_MACHINE,
        lay_out=_google,
        recognised_by=("Email", "Phone"),
        recognised_by_all=("First Name", "Last Name", "Country", "Zip"),
    ),
    "meta_custom_audience": Layout(
        title="Meta custom audiences",
        channels=_CONTACT,
        needs=(*_NAMES, "country_code", "city"),
        form=_MACHINE,
        lay_out=_meta,
        recognised_by=("email", "phone"),
        recognised_by_all=("fn", "ln", "zip", "country"),
    ),
    "mailchimp": Layout(
        title="Mailchimp",
        channels=frozenset({"email"}),
        needs=_NAMES,
        form=_MACHINE,
        lay_out=_mailchimp,
        recognised_by=("Email Address",),
    ),
    "hubspot": Layout(
        title="HubSpot",
        channels=frozenset({"email", "phone"}),
        needs=_NAMES,
        form=_MACHINE,
        lay_out=_hubspot,
        recognised_by=("Customer Key",),
    ),
    "letter_shop": Layout(
        title="a letter shop",
        channels=frozenset({"letter"}),
        needs=("salutation", *_NAMES, "customer_type"),
        form=Format(
            delimiter=";",
            encoding="cp1252",
            line_end="crlf",
            is_spreadsheet_safe=False,
        ),
        lay_out=_letters,
        recognised_by=("Kundennummer",),
    ),
}
"""Every layout by its name in the configuration of a destination."""
