"""The one screen after a night: what came in, the checks, the figures, the lists, where everything is, and the cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dagster_project.console import figures
from dagster_project.nightly.record import CheckTally, FeedLoad, Headline, ListOutcome, Outcome, RunRecord, StepTime

SHOWN_PROBLEMS = 8

_OUTCOMES: dict[Outcome, tuple[str, str, str]] = {
    "fine": ("✓", "good", "finished"),
    "warnings": ("!", "warning", "finished with warnings"),
    "failed": ("✗", "bad", "failed"),
}
_HIGHER_IS_WORSE = (
    *("churn", "cycle", "time_in_stage", "cost", "backlog", "complaint"),
    *("service_time", "liability", "pipeline"),
)


def print_summary(record: RunRecord, *, console: Console) -> None:
    """Print the screen of one run."""
    console.print(_title(record, console.width))
    for section in _sections(record, console.width):
        console.print(section)
    console.print()


def print_failure(record: RunRecord, *, console: Console) -> None:
    """Say why a run failed, if it did."""
    if record.failure:
        where = f"[bad]✗ failed in {escape(record.failure.step)}:[/bad]"
        console.print(f"{where} {escape(record.failure.sentence)}\n", soft_wrap=True)


def _sections(record: RunRecord, width: int) -> Iterable[RenderableType]:
    if record.loads:
        yield _section("Exports in", _loads(record.loads))
    problems = _problems(record)
    if problems:
        yield _section("Worth a look", problems)
    if record.headlines:
        yield _section("Headline figures", _headlines(record.headlines))
    if record.lists:
        yield _section("Lists out", _lists(record.lists, width))
    if record.tallies:
        yield _section("Checks", _checks(record.tallies))
    yield _section("Steps", _steps(record.steps))
    yield _section("Where", _places(record))


def _section(title: str, content: RenderableType) -> RenderableType:
    return Group(Text(f"\n{title}", style="head"), Padding(content, (0, 0, 0, 1)))


def _title(record: RunRecord, width: int) -> RenderableType:
    mark, style, words = _OUTCOMES[record.outcome]
    night = f"night of {record.as_of}" if record.as_of else "night"
    left = f"[head]Kreislauf[/head]  {night}"
    right = f"[{style}]{mark} {words}[/{style}] in {figures.seconds(record.seconds)}"
    return Group(Text.from_markup(f"{left}   {right}"), Text("─" * min(width, 100), style="quiet"))


def _table(*columns: tuple[str, str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="quiet", pad_edge=False, show_edge=False)
    for name, justify in columns:
        table.add_column(name, justify=justify, overflow="fold", no_wrap=justify == "right")  # type: ignore[arg-type]
    return table


def _loads(loads: Iterable[FeedLoad]) -> Table:
    by_system: dict[str, list[FeedLoad]] = defaultdict(list)
    for load in loads:
        by_system[load.system].append(load)
    table = _table(
        ("system", "left"),
        ("feeds", "right"),
        ("new batches", "right"),
        ("known", "right"),
        ("sent twice", "right"),
        ("refused", "right"),
        ("rows loaded", "right"),
        ("quarantined", "right"),
        ("duplicates", "right"),
    )
    for system, of_system in sorted(by_system.items()):
        table.add_row(system, *_load_cells(of_system))
    if len(by_system) > 1:
        table.add_row("all", *_load_cells([load for group in by_system.values() for load in group]), style="head")
    return table


def _load_cells(loads: list[FeedLoad]) -> list[str]:
    refused = sum(load.refused_batches for load in loads)
    quarantined = sum(load.quarantined_rows for load in loads)
    return [
        str(len({load.feed for load in loads})),
        figures.count_or_blank(sum(load.new_batches for load in loads)),
        figures.count_or_blank(sum(load.unchanged_batches for load in loads)),
        figures.count_or_blank(sum(load.duplicate_batches for load in loads)),
        f"[bad]{refused}[/bad]" if refused else "",
        figures.count(sum(load.loaded_rows for load in loads)),
        f"[warning]{quarantined:,}[/warning]" if quarantined else "",
        figures.count_or_blank(sum(load.duplicate_rows for load in loads)),
    ]


def _problems(record: RunRecord) -> RenderableType | None:
    lines = [
        f"[bad]refused[/bad]  {escape(one.system)}/{escape(one.file)} ({one.feed}): {escape(one.reason)}"
        for one in record.refusals
    ]
    lines += [
        f"[{'bad' if one.severity == 'error' else 'warning'}]{escape(one.check)}[/]  "
        f"{escape(one.asset)}: {escape(one.message)}"
        for one in record.findings
    ]
    lines += [f"[warning]warning[/warning]  {escape(text)}" for text in record.warnings]
    lines += [f"[quiet]note[/quiet]  {escape(text)}" for text in record.notes]
    if not lines:
        return None
    shown = lines[:SHOWN_PROBLEMS]
    if len(lines) > len(shown):
        shown.append(f"[quiet]… and {len(lines) - len(shown)} more: crm status --json, crm quarantine list[/quiet]")
    return Group(*(Text.from_markup(line) for line in shown))


def _headlines(headlines: Iterable[Headline]) -> Table:
    table = _table(
        ("KPI", "left"), ("month", "left"), ("value", "right"), ("", "left"), ("change", "right"), ("target", "right")
    )
    for one in headlines:
        arrow, difference = figures.change(one.value, one.previous_value, one.unit)
        style = _direction_style(one)
        table.add_row(
            _label(one),
            figures.month(one.month) + ("" if one.is_final else " (open)"),
            figures.figure(one.value, one.unit),
            f"[{style}]{arrow}[/{style}]" if style else arrow,
            difference,
            figures.figure(one.target, one.unit) if one.target is not None else "",
        )
    return table


def _label(one: Headline) -> str:
    reading = "" if one.reading in one.kpi else f", {figures.words(one.reading)}"
    return f"{figures.words(one.kpi).capitalize()}{reading}"


def _direction_style(one: Headline) -> str:
    if one.value is None or one.previous_value is None or one.value == one.previous_value:
        return ""
    is_up = one.value > one.previous_value
    is_worse_up = any(word in one.kpi for word in _HIGHER_IS_WORSE)
    return "warning" if is_up == is_worse_up else "good"


def _lists(lists: Sequence[ListOutcome], width: int) -> RenderableType:
    table = _table(("list", "left"), ("", "left"), ("members", "right"), ("change", "right"), ("left out", "left"))
    for one in lists:
        style = "warning" if one.is_warning else "quiet" if one.status == "held_back" else "good"
        words = "waits" if one.is_releasable else figures.words(one.status)
        dropped = ", ".join(f"{figures.words(reason)} {number:,}" for reason, number in one.dropped)
        table.add_row(
            escape(one.title),
            f"[{style}]{words}[/{style}]",
            figures.count(one.member_count),
            _movement(one),
            escape(one.message.partition(";")[0] if one.is_releasable else one.message or dropped),
        )
    table.columns[0].max_width = max(width // 3, 20)
    waiting = sum(one.is_releasable for one in lists)
    if not waiting:
        return table
    words = f"{waiting} wait for a person: crm segments show NAME, then crm segments release NAME (or --all)"
    return Group(table, Text(words, style="warning"))


def _movement(one: ListOutcome) -> str:
    if one.added_count is None and one.removed_count is None:
        return ""
    return f"+{one.added_count or 0:,} -{one.removed_count or 0:,}"


def _checks(tallies: Iterable[CheckTally]) -> Text:
    return Text.from_markup("   ".join(_tally(tally) for tally in tallies))


def _tally(tally: CheckTally) -> str:
    parts = [f"{tally.passed:,} passed"]
    parts += [f"[warning]{tally.warned:,} warned[/warning]"] if tally.warned else []
    parts += [f"[bad]{tally.failed:,} failed[/bad]"] if tally.failed else []
    parts += [f"{tally.skipped:,} skipped"] if tally.skipped else []
    return f"[quiet]{tally.kind}[/quiet] {', '.join(parts)}"


def _steps(steps: Iterable[StepTime]) -> Table:
    table = _table(("", "left"), ("seconds", "right"), ("MiB", "right"), ("rows", "right"), ("", "left"))
    for step in steps:
        rows = figures.count(step.rows) if step.rows is not None else ""
        peak = figures.count(step.peak_mib) if step.peak_mib is not None else ""
        style = "quiet" if step.is_unchanged else ""
        table.add_row(step.step, f"{step.seconds:.1f}", peak, rows, escape(step.detail), style=style)
    return table


def _places(record: RunRecord) -> Table:
    table = Table.grid(padding=(0, 2))
    places = record.places
    shown = [("database", f'{places.published}   (crm sql "from kpi.kpi_scoreboard")'), ("lists", places.exports)]
    if any(load.quarantined_rows or load.refused_batches for load in record.loads):
        shown.append(("quarantine", f"{places.quarantine}   (crm quarantine list)"))
    shown.append(("docs", f"{places.docs}   (crm docs)"))
    for name, place in shown:
        table.add_row(Text(name, style="quiet"), Text(place, overflow="fold"))
    return table


def print_history(records: Iterable[RunRecord], *, console: Console, time_zone: ZoneInfo) -> None:
    """One line per run of the past."""
    table = _table(
        ("night", "left"), ("", "left"), ("started", "left"), ("took", "right"), ("rows in", "right"), ("", "left")
    )
    for record in records:
        mark, style, _ = _OUTCOMES[record.outcome]
        table.add_row(
            str(record.as_of or ""),
            f"[{style}]{mark}[/{style}]",
            f"{record.started_at.astimezone(time_zone):%Y-%m-%d %H:%M}",
            figures.seconds(record.seconds),
            figures.count(record.loaded_rows),
            escape(figures.shortened(record.failure.sentence, 44)) if record.failure else "",
        )
    console.print(_section("Runs", table))
