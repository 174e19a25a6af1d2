"""`make mutants`: puts small mistakes into the KPI models and lists those that no dbt unit test catches."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from tests.mutation.equivalents import outdated, read_equivalents, unexpected
from tests.mutation.judging import Survivor, Verdict, judge
from tests.mutation.unit_tests import UnitTest, prepared, unit_tests

LAYERS = ("kpi", "segments", "predictions", "core", "intermediate", "quality")


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the models asked for and say what survives.

    Returns:
        0 when every mutant is caught or listed as equivalent, 1 otherwise.
    """
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="crm-mutants-") as name:
        models = " ".join(options.model or [f"path:models/{options.layer}"])
        settings = prepared(Path(options.data_dir or name).resolve(), models=models)
        tests = unit_tests(settings, models=models)
        listed = read_equivalents()
        verdicts = _judged(tests, quiet=options.json)
    findings = {verdict.model: unexpected(verdict, listed) for verdict in verdicts}
    stale = outdated(verdicts, listed)
    if options.json:
        sys.stdout.write(json.dumps(_document(verdicts, findings, stale), indent=2) + "\n")
    else:
        _print(verdicts, findings, stale)
    return 1 if stale or any(findings.values()) or not verdicts else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--layer", choices=LAYERS, default="kpi", help="the models of this layer [kpi]")
    parser.add_argument("--model", action="append", default=[], help="only this model; may be given several times")
    parser.add_argument("--data-dir", help="keep the warehouse of empty tables here, for the next time")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    return parser.parse_args(arguments)


def _judged(tests: Sequence[UnitTest], *, quiet: bool) -> list[Verdict]:
    console = Console(stderr=True, quiet=quiet)
    verdicts = []
    with console.status("judging mutants"):
        for verdict in judge(tests, processes=os.cpu_count() or 1):
            console.print(f"{verdict.model}: {verdict.caught_count} of {len(verdict.mutants)} caught")
            verdicts.append(verdict)
    return verdicts


def _print(verdicts: Sequence[Verdict], findings: dict[str, list[Survivor]], stale: Sequence[str]) -> None:
    console = Console()
    table = Table(title="Mistakes put into models, and what their unit tests caught", box=box.SIMPLE)
    table.add_column("model", no_wrap=True)
    for heading in ("tests", "mutants", "caught", "same", "missed"):
        table.add_column(heading, justify="right")
    for verdict in verdicts:
        missed = len(findings[verdict.model])
        equivalent = len(verdict.survivors) - missed
        figures = (verdict.test_count, len(verdict.mutants), verdict.caught_count, equivalent, missed)
        table.add_row(verdict.model, *map(str, figures), style="red" if missed else "")
    console.print(table)
    for survivor in [one for found in findings.values() for one in found]:
        console.print(_line(survivor), markup=False, highlight=False, soft_wrap=True)
    for entry in stale:
        console.print(f"equivalent.yml: nothing survives of {entry}", markup=False, highlight=False, soft_wrap=True)
    caught, all_mutants = sum(one.caught_count for one in verdicts), sum(len(one.mutants) for one in verdicts)
    missed = sum(len(found) for found in findings.values())
    console.print(f"{caught} of {all_mutants} caught, {all_mutants - caught - missed} equivalent, {missed} missed")


def _line(survivor: Survivor) -> str:
    mutant = survivor.mutant
    place = f" ({mutant.occurrence}.)" if mutant.occurrence > 1 else ""
    return (
        f"dbt/{survivor.file}:{survivor.line} {mutant.part}, {mutant.kind}{place}: {mutant.original} -> {mutant.mutant}"
    )


def _document(
    verdicts: Sequence[Verdict], findings: dict[str, list[Survivor]], stale: Sequence[str]
) -> dict[str, object]:
    return {
        "models": [
            {
                "model": verdict.model,
                "tests": verdict.test_count,
                "mutants": len(verdict.mutants),
                "caught": verdict.caught_count,
                "equivalent": len(verdict.survivors) - len(findings[verdict.model]),
                "missed": [
                    {"file": f"dbt/{one.file}", "line": one.line, **vars(one.mutant)} for one in findings[verdict.model]
                ],
            }
            for verdict in verdicts
        ],
        "outdated_equivalents": list(stale),
    }


if __name__ == "__main__":
    sys.exit(main())
