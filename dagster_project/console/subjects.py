"""Shows what is held about a person for `crm subject`, and asks before erasing; the subjects room finds and erases."""

from __future__ import annotations

import getpass
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from dagster_project.console import figures, output
from dagster_project.console.tables import plain, print_table
from dagster_project.errors import CrmError
from dagster_project.nightly.clock import now
from dagster_project.settings import Settings, load_settings

if TYPE_CHECKING:
    from dagster_project.nightly.progress import Progress
    from dagster_project.subjects.holdings import FileHeld, Holdings, Sent
    from dagster_project.subjects.proof import Proof
    from dagster_project.subjects.rebuilding import Rebuilt

_SHOWN_LINES = 6
_SHOWN_FILES = 15


def show(who: str, *, as_json: bool) -> None:
    """Everything that is held about somebody; as JSON with all rows as they are (it is personal data)."""
    from dagster_project.subjects.erasing import look_whole

    settings = load_settings()
    holdings, rows = look_whole(settings, who)
    if as_json:
        document = {**_document(holdings, settings), "rows": rows}
        output.write(json.dumps(document, indent=2, ensure_ascii=False, default=plain))
        return
    _print_holdings(holdings, settings, console=output.results())


def erase(who: str, *, is_confirmed: bool, dry_run: bool, as_json: bool) -> int:
    """Erase somebody after asking, and show the proof."""
    from dagster_project.console.progress import shown_progress
    from dagster_project.subjects.erasing import Order, look
    from dagster_project.subjects.erasing import erase as erase_subject
    from dagster_project.subjects.working import kept

    settings = load_settings()
    is_resumed = kept(settings) is not None
    if dry_run or not (is_confirmed or is_resumed):
        holdings = look(settings, who)
        if dry_run and as_json:
            output.write(json.dumps(_document(holdings, settings), indent=2, ensure_ascii=False, default=plain))
            return 0
        _print_holdings(holdings, settings, console=output.notices() if as_json else output.results())
        if dry_run:
            return 0
        _ask(holdings.subject.name)
    with shown_progress(output.notices()) as progress:
        order = Order(who=who, by=getpass.getuser(), at=now())
        proof = erase_subject(settings, order, rebuild=_rebuild(progress))
    if as_json:
        document = {**asdict(proof), "exit_code": proof.exit_code}
        output.write(json.dumps(document, indent=2, ensure_ascii=False, default=plain))
    else:
        _print_proof(proof, console=output.results())
    return proof.exit_code


def _rebuild(progress: Progress) -> Any:
    def run(settings: Settings) -> Rebuilt:
        from dagster_project.subjects.rebuilding import rebuild

        rebuilt = rebuild(settings, progress=progress)
        if rebuilt.failure:
            output.print_error(rebuilt.failure)
        return rebuilt

    return run


def _ask(name: str) -> None:
    """Have the key typed back.

    Raises:
        CrmError: It was not.
    """
    output.notices().print(f"\nThis cannot be undone. Type [head]{escape(name)}[/head] to erase:")
    if sys.stdin.readline().strip() != name:
        raise CrmError("nothing was erased", remedy="Type the name as it is shown, or use --yes.")


# What is held ---------------------------------------------------------------------------------------------------------


def _print_holdings(holdings: Holdings, settings: Settings, *, console: Console) -> None:
    subject = holdings.subject
    console.print(f"[head]{subject.kind}[/head]  {escape(subject.customer_key or subject.name)}")
    systems = Counter(f"{one.source_system}" for one in subject.records)
    records = ", ".join(f"{system} {count}" for system, count in sorted(systems.items()))
    console.print(f"records  {records or 'none: only an address'}")
    if holdings.shared:
        shared = ", ".join(f"{kind} {count}" for kind, count in holdings.shared.items())
        console.print(f"[quiet]shared with others, so no proof of this one: {shared}[/quiet]")
    console.print()
    print_table(("table", "rows", "cells"), list(_table_rows(holdings)), console=console, limit=None)
    _print_statements(holdings, console=console)
    _print_lists(holdings, console=console)
    _print_files("Files", holdings.inside, settings, console=console)
    outside = [one for one in holdings.files if one not in holdings.inside]
    _print_files("Files that are never changed", outside, settings, console=console)


def _table_rows(holdings: Holdings) -> Iterator[tuple[str, int, int | None]]:
    """Raw tables and journals one by one, derived ones by schema."""
    for one in holdings.tables:
        if one.place != "derived":
            yield f"{one.schema}.{one.table}", one.rows, one.cells or None
    schemas: dict[str, list[int]] = {}
    for one in holdings.tables:
        if one.place == "derived":
            schemas.setdefault(one.schema, []).append(one.rows)
    for schema, rows in schemas.items():
        yield f"{schema} ({len(rows)} tables)", sum(rows), None


def _print_statements(holdings: Holdings, *, console: Console) -> None:
    for title, rows, names in (
        ("Consents", holdings.consents, ("purpose", "channel", "is_granted", "since_date")),
        ("Suppressions", holdings.suppressions, ("channel", "reason", "since_date")),
    ):
        if rows:
            console.print(f"\n[head]{title}[/head]")
            print_table(names, [[row.get(name) for name in names] for row in rows], console=console, limit=None)


def _print_lists(holdings: Holdings, *, console: Console) -> None:
    if holdings.lists:
        console.print("\n[head]Lists[/head]")
        rows = [
            (one.as_of_date, one.segment, figures.words(one.verdict), one.arm, one.reason) for one in holdings.lists
        ]
        print_table(("night", "list", "verdict", "arm", "why"), rows, console=console, limit=None)
    _print_sent(holdings.sent, console=console)


def _print_sent(sent: Iterable[Sent], *, console: Console) -> None:
    rows = [(one.as_of_date, one.segment, one.to, one.content) for one in sent]
    if rows:
        console.print("\n[head]Left the house[/head]")
        print_table(("night", "list", "to", "content"), rows, console=console, limit=None)


def _print_files(title: str, files: Iterable[FileHeld], settings: Settings, *, console: Console) -> None:
    from dagster_project.subjects.working import told

    shown = [(told(one.path, settings), _lines(one.lines)) for one in files]
    if shown:
        console.print(f"\n[head]{title}[/head] ({len(shown)})")
        for path, lines in shown[:_SHOWN_FILES]:
            console.print(f" {escape(path)}{lines}", soft_wrap=True)
        if len(shown) > _SHOWN_FILES:
            console.print(f"[quiet] … and {len(shown) - _SHOWN_FILES} more: --json names them all[/quiet]")


def _lines(lines: tuple[int, ...]) -> str:
    if not lines:
        return ""
    more = ", …" if len(lines) > _SHOWN_LINES else ""
    return f": line {', '.join(map(str, lines[:_SHOWN_LINES]))}{more}"


def _document(holdings: Holdings, settings: Settings) -> dict[str, Any]:
    from dagster_project.subjects.working import told

    return {
        "subject": asdict(holdings.subject),
        "identifiers": [asdict(one) for one in holdings.identifiers],
        "shared": dict(holdings.shared),
        "tables": [asdict(one) for one in holdings.tables],
        "files": [{**asdict(one), "path": told(one.path, settings)} for one in holdings.files],
        "consents": list(holdings.consents),
        "suppressions": list(holdings.suppressions),
        "lists": [asdict(one) for one in holdings.lists],
        "sent": [asdict(one) for one in holdings.sent],
    }


# The proof ------------------------------------------------------------------------------------------------------------


def _print_proof(proof: Proof, *, console: Console) -> None:
    left = [one for one in proof.places if one.after]
    rows = sum(one.before for one in proof.places)
    for_what = ", ".join(f"{count} {kind}" for kind, count in proof.searched_for.items())
    if left:
        console.print(f"[bad]not proven[/bad]: {len(left)} places still hold the subject; repeat the command")
        print_table(("place", "before", "now"), [(one.place, one.before, one.after) for one in left], console=console)
    else:
        console.print(f"[good]erased[/good]: {rows:,} rows and lines in {len(proof.places):,} places before, 0 now")
    console.print(
        f"[quiet]searched: all tables, and {proof.searched_files:,} files byte by byte, for {for_what}[/quiet]"
    )
    if proof.unproven:
        words = ", ".join(f"{count} {kind}" for kind, count in proof.unproven.items())
        console.print(f"[quiet]not searched for, since others have them too: {words}[/quiet]")
    if proof.night == "failed":
        console.print("[bad]the rebuild failed[/bad]: published tables are the old ones; repeat the command")
    if proof.remaining:
        console.print(f"\n[warning]Left as they are[/warning]: {len(proof.remaining)} files that are never changed")
        for one in proof.remaining[:_SHOWN_FILES]:
            console.print(f" {escape(one.file)}{_lines(one.lines)}", soft_wrap=True)
        if len(proof.remaining) > _SHOWN_FILES:
            console.print(f"[quiet] … and {len(proof.remaining) - _SHOWN_FILES} more: --json names them all[/quiet]")
    if proof.sent:
        _print_sent(proof.sent, console=console)
        console.print("[warning]Tell them to delete this person.[/warning]")
