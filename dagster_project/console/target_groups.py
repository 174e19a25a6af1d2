"""Shows and moves target groups for `crm segments`; what is on a list and may leave, the activation room decides."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from dagster_project.console import figures, output
from dagster_project.console.tables import plain, print_table
from dagster_project.errors import CrmError
from dagster_project.nightly.clock import now
from dagster_project.settings import Settings, load_settings

if TYPE_CHECKING:
    from dagster_project.activation.manifests import LastNights
    from dagster_project.activation.preview import Preview
    from dagster_project.activation.segments import SegmentDefinition

_LIST_COLUMNS = ("segment", "title", "channel", "prio", "state", "night", "members", "held out", "in all")
_DIFF_COLUMNS = ("change", "key", "why")
_EXPORT_COUNTS = ("members", "added", "kept", "changed", "removed", "held_out")
_EXPORT_COLUMNS = ("segment", *(name.replace("_", " ") for name in _EXPORT_COUNTS), "detectable")
_EFFECT_MONEY = ("incremental_margin_amount", "cost_amount", "incremental_profit_amount")
_EFFECT_COLUMNS = ("argument", "bought", "held out", "points (95 %)", "margin", "cost", "profit")
_EFFECT = """
    select *
    from kpi.kpi_segment_effect
    where segment = '{segment}'
    order by dimension <> 'total', member
"""
_SUGGESTIONS = "select * from kpi.kpi_segment_suggestions where segment = '{segment}' order by all"
JOURNALS = ("segments", "segment_changes", "segment_assignments", "holdouts", "deliveries", "destination_deliveries")


def listing(*, as_json: bool) -> None:
    """Every target group with its settings and what became of its newest list."""
    settings = load_settings()
    rows = [_overview(one, settings=settings) for one in _segments(settings)]
    if as_json:
        output.write(json.dumps(rows, indent=2, ensure_ascii=False, default=plain))
        return
    console = output.results()
    print_table(_LIST_COLUMNS, [_list_cells(row) for row in rows], console=console, limit=None)
    waiting = [row["segment"] for row in rows if row["is_waiting"]]
    if waiting:
        console.print(
            f"\n{len(waiting)} wait for a person: look with [head]crm segments diff {waiting[0]}[/head], let out with "
            f"[head]crm segments release {waiting[0]}[/head] (or --all)."
        )


def show(name: str, *, as_json: bool) -> None:
    """One target group: settings, what became of its newest list, what it can show and has shown."""
    from dagster_project.activation.manifests import last_nights

    settings = load_settings()
    segment = _segment(settings, name)
    nights = last_nights(settings, name)
    effect, suggestions = _known(settings, _EFFECT, name), _known(settings, _SUGGESTIONS, name)
    if as_json:
        document = {
            "segment": name,
            "settings": segment.settings.model_dump(mode="json"),
            "is_waiting": nights.is_waiting,
            "newest": nights.newest,
            "effect": effect,
            "suggestions": suggestions,
        }
        output.write(json.dumps(document, indent=2, ensure_ascii=False, default=plain))
        return
    console = output.results()
    console.print(f"[head]{escape(segment.settings.title)}[/head]  {name}")
    console.print(_pairs(_settings_words(segment)))
    _print_newest(nights, name=name, console=console)
    _print_effect(effect, suggestions, console=console)


def diff(name: str, *, limit: int, as_json: bool) -> None:
    """What the list of now would change against the one that left last, person by person (keys only)."""
    from dagster_project.activation.delta import delta_frame

    (preview,) = _previews([name])
    delta = preview.decision.delta
    key = preview.made.segment.settings.key
    if delta is None:
        rows = [("added", str(one), "first list") for one in preview.made.members[key].to_list()]
    else:
        frame = delta_frame(delta)
        reasons = frame["removal_reason"].to_list() if "removal_reason" in frame.columns else [None] * frame.height
        rows = list(zip(frame["change"].to_list(), map(str, frame[key].to_list()), reasons, strict=True))
    if as_json:
        output.write(json.dumps([dict(zip(_DIFF_COLUMNS, row, strict=True)) for row in rows], indent=2))
        return
    console = output.results()
    console.print(_export_table([preview]))
    if rows:
        console.print()
        shown = [(change, row_key, figures.words(why or "")) for change, row_key, why in rows]
        print_table(_DIFF_COLUMNS, shown, console=console, limit=limit)


def export(names: Sequence[str], *, dry_run: bool, as_json: bool) -> int:
    """Write the lists of the night on which the warehouse stands anew, or say what would be written."""
    if not dry_run:
        return _run(names or [one.name for one in _segments(load_settings())], released=(), as_json=as_json)
    previews = _previews(names or None, released=False)
    if as_json:
        output.write(json.dumps([_export_document(one) for one in previews], indent=2, default=plain))
    else:
        output.results().print(_export_table(previews))
    return 0


def release(names: Sequence[str], *, release_all: bool, as_json: bool) -> int:
    """Let waiting lists out: with the smallest effect they can detect told before, the night's lists are made again."""
    from dagster_project.activation.manifests import last_nights

    settings = load_settings()
    known = [one.name for one in _segments(settings)]
    waiting = [name for name in known if last_nights(settings, name).is_waiting]
    for name in names:
        _segment(settings, name)
    wanted = waiting if release_all else list(names)
    if not wanted:
        if release_all:
            output.results().print("No list waits.")
            return 0
        raise CrmError("no segment is named", remedy="Name one, or use --all: `crm segments list` shows what waits.")
    if not as_json:
        output.notices().print(_export_table(_previews(wanted)))
    return _run(wanted, released=wanted, as_json=as_json)


def pull(name: str, *, to: Path, file_format: str, changes_only: bool, as_json: bool) -> None:
    """Hand the last list that left to a person."""
    from dagster_project.activation.pulling import Taker, pull_list

    settings = load_settings()
    _segment(settings, name)
    pulled = pull_list(
        settings,
        name,
        to=to.resolve(),
        taker=Taker(name=getpass.getuser(), at=now()),
        file_format=file_format,  # type: ignore[arg-type]
        changes_only=changes_only,
    )
    if as_json:
        document = {"path": pulled.path, "segment": name, "as_of_date": pulled.as_of, "rows": pulled.row_count}
        output.write(json.dumps(document, default=str))
    else:
        output.write(f"{pulled.path}: {pulled.row_count:,} rows of {pulled.as_of} (it holds personal data)")


def _segments(settings: Settings) -> tuple[SegmentDefinition, ...]:
    from dagster_project.activation import read_segments
    from dagster_project.transformation import prepare_manifest

    return read_segments(prepare_manifest(settings))


def _segment(settings: Settings, name: str) -> SegmentDefinition:
    from dagster_project.activation.export import choose

    return choose(_segments(settings), only=[name])[0]


def _previews(names: Iterable[str] | None, *, released: bool = True) -> tuple[Preview, ...]:
    from dagster_project.activation.preview import preview_lists
    from dagster_project.nightly.activating import warehouse_date
    from dagster_project.transformation import dbt_layout

    settings = load_settings()
    return preview_lists(
        settings=settings,
        manifest_path=dbt_layout(settings).manifest_path,
        as_of=warehouse_date(settings),
        names=None if names is None else list(names),
        released=released,
    )


def _run(names: Sequence[str], *, released: Sequence[str], as_json: bool) -> int:
    """Make lists again on the date the warehouse stands on, with all that is made of their journals."""
    from dagster_project.console.screens import nightly
    from dagster_project.nightly.activating import warehouse_date

    lists = [f'key:"exports/{name}"' for name in names]
    journals = [f'key:"journal/{name}"+' for name in JOURNALS]
    return nightly(
        as_of=warehouse_date(load_settings()),
        select=" or ".join([*lists, *journals]),
        released=released,
        as_json=as_json,
    )


def _overview(segment: SegmentDefinition, *, settings: Settings) -> dict[str, Any]:
    from dagster_project.activation.manifests import last_nights

    nights = last_nights(settings, segment.name)
    newest = nights.newest or {}
    counts, measured = newest.get("counts", {}), newest.get("measurement") or {}
    return {
        "segment": segment.name,
        **segment.settings.model_dump(mode="json", include={"title", "owner", "purpose", "channel"}),
        "priority": segment.settings.priority if segment.settings.is_contact else None,
        "holdout_share": segment.settings.holdout_share,
        "destinations": list(segment.settings.destinations),
        "state": "waiting" if nights.is_waiting else newest.get("status"),
        "is_waiting": nights.is_waiting,
        "as_of_date": newest.get("as_of_date"),
        "candidates": counts.get("candidates"),
        "members": counts.get("members"),
        "held_out": measured.get("held_out"),
        "message": newest.get("held_back", {}).get("message"),
    }


def _list_cells(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        row["segment"],
        row["title"],
        row["channel"],
        row["priority"],
        figures.words(row["state"] or "never made"),
        row["as_of_date"],
        row["members"],
        row["held_out"],
        row["candidates"],
    )


def _settings_words(segment: SegmentDefinition) -> Iterator[tuple[str, str]]:
    one = segment.settings
    yield "owner", one.owner
    yield "purpose", f"{one.purpose}, {one.legal_basis}"
    yield "channel", one.channel if not one.is_contact else f"{one.channel}, priority {one.priority}"
    yield "size", f"{one.min_size:,} to {one.max_size:,}"
    if one.is_contact:
        cap = f", at most {one.contact_cap} contacts" if one.contact_cap else ""
        yield (
            "measured",
            f"{one.holdout_share:.0%} held out"
            + (f", {one.outcome_days} days for an answer" if one.outcome_days else ""),
        )
        yield "pressure", f"{one.cool_down_days} days of rest{cap}"
    yield "sent to", ", ".join(one.destinations) or "nobody: people pull it"
    if one.expires:
        yield "ends", str(one.expires)


def _print_newest(nights: LastNights, *, name: str, console: Console) -> None:
    newest = nights.newest
    if newest is None:
        console.print("\nNo night has made this list yet.")
        return
    counts = newest["counts"]
    state = "waits for a person" if nights.is_waiting else figures.words(newest["status"])
    console.print(f"\n[head]Night of {newest['as_of_date']}[/head]: {state}")
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    table.add_column(justify="right")
    table.add_column()
    table.add_row(figures.count(counts["candidates"]), "candidates")
    for one in newest["dropped"].values():
        table.add_row(f"[quiet]- {one['count']:,}[/quiet]", f"[quiet]{escape(one['meaning'])}[/quiet]")
    table.add_row(f"[head]{counts['members']:,}[/head]", "members")
    console.print(table)
    for line in _newest_words(newest, nights=nights, name=name):
        console.print(line)


def _newest_words(newest: dict[str, Any], *, nights: LastNights, name: str) -> Iterator[str]:
    changes, measured = newest["changes"], newest["measurement"]
    if changes and "added" in changes:
        yield (
            f"Against {changes['against']['as_of_date']}: {changes['added']:,} added, {changes['kept']:,} kept, "
            f"{changes['changed']:,} changed, {changes['removed']:,} removed"
        )
    if measured and measured["minimum_detectable_effect"] is not None:
        yield (
            f"{measured['held_out']:,} held out; {measured['base_rate']:.1%} answer anyway, so the smallest effect "
            f"that can be seen is {measured['minimum_detectable_effect'] * 100:.1f} points"
        )
    if newest["held_back"]["message"]:
        yield f"[warning]{escape(newest['held_back']['message'])}[/warning]"
    if nights.is_waiting:
        yield f"Let it out: [head]crm segments release {name}[/head]"
    if nights.left:
        yield f"[quiet]last list: exports/{name}/{nights.left['as_of_date']} (crm segments pull {name})[/quiet]"


def _print_effect(effect: list[dict[str, Any]], suggestions: list[dict[str, Any]], *, console: Console) -> None:
    measured = [row for row in effect if row["absolute_lift"] is not None]
    if measured:
        console.print("\n[head]What it changed[/head], against those held out of it (kpi.kpi_segment_effect)")
        print_table(_EFFECT_COLUMNS, [_effect_cells(row) for row in measured], console=console, limit=None)
    for one in suggestions:
        value = "" if one["suggested_value"] is None else f" ({one['setting']}: {one['suggested_value']})"
        name = figures.words(one["suggestion"])
        console.print(f"[warning]{name}[/warning]  {escape(one['sentence'] + value)}")


def _effect_cells(row: dict[str, Any]) -> tuple[str, ...]:
    points = [f"{row[name] * 100:+.1f}" for name in ("absolute_lift", "lower_bound", "upper_bound")]
    return (
        "all" if row["dimension"] == "total" else str(row["member"]),
        f"{row['treated_converted_count']:,} of {row['treated_count']:,}",
        f"{row['holdout_converted_count']:,} of {row['holdout_count']:,}",
        f"{points[0]} ({points[1]} to {points[2]})",
        *("" if row[name] is None else f"{row[name]:,.0f}" for name in _EFFECT_MONEY),
    )


def _known(settings: Settings, sql: str, segment: str) -> list[dict[str, Any]]:
    """Rows of the published database; none before the first publication."""
    from dagster_project.console.query import asked

    if not settings.published_path.exists():
        return []
    try:
        with asked(sql.format(segment=segment), settings=settings) as answer:
            return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows()]
    except CrmError:
        return []


def _pairs(pairs: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in pairs:
        table.add_row(Text(f" {name}", style="quiet"), Text(value, overflow="fold"))
    return table


def _export_table(previews: Sequence[Preview]) -> Group:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="quiet", pad_edge=False)
    for name in _EXPORT_COLUMNS:
        table.add_column(name, justify="left" if name == "segment" else "right", no_wrap=True)
    documents = [_export_document(one) for one in previews]
    for one in documents:
        counts = (figures.count(one[name]) for name in _EXPORT_COUNTS)
        table.add_row(one["segment"], *counts, _detectable(one["minimum_detectable_effect"]))
    held = [one for one in documents if one["objection"]]
    return Group(table, *(Text(f"{one['segment']}: {one['objection']}", style="warning") for one in held))


def _detectable(effect: float | None) -> str:
    """The smallest effect that can be seen; a holdout of a handful sees nothing."""
    if effect is None:
        return figures.MISSING
    return f"{effect * 100:.1f} pp" if effect < 1 else "nothing"


def _export_document(preview: Preview) -> dict[str, Any]:
    made, delta = preview.made, preview.decision.delta
    return {
        "segment": made.segment.name,
        "members": made.members.height,
        "added": delta.added.height if delta else None if made.former else made.members.height,
        "kept": delta.kept_count if delta else None,
        "changed": delta.changed.height if delta else None,
        "removed": delta.removed.height if delta else None,
        "held_out": made.holdout_count,
        "minimum_detectable_effect": made.prospects.minimum_detectable_effect if made.prospects else None,
        "objection": preview.decision.objection,
        "destinations": list(made.segment.settings.destinations),
    }
