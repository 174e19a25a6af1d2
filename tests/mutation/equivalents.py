"""The mutants that no test can catch because they mean the same, each with the reason; they are kept by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.mutation.judging import Survivor, Verdict
from tests.mutation.mutants import Mutant

LISTED = Path(__file__).parent / "equivalent.yml"


@dataclass(frozen=True)
class Equivalent:
    """One entry of the list: where the mutant stands, what it says instead of what, and why that is the same."""

    model: str
    part: str
    original: str
    mutant: str
    reason: str

    def covers(self, model: str, mutant: Mutant) -> bool:
        """Whether this entry is about that mutant."""
        described = (self.model, self.part, self.original, self.mutant)
        return described == (model, mutant.part, mutant.original, mutant.mutant)


def read_equivalents(path: Path = LISTED) -> list[Equivalent]:
    """The list; nothing may be said twice."""
    entries = [
        Equivalent(model, part=group["part"], original=original, mutant=mutant, reason=group["reason"])
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))
        for model in group["models"]
        for original, mutant in (change.split(" -> ") for change in group["changes"])
    ]
    if len(set(entries)) < len(entries):
        raise ValueError(f"{path.name} says something twice")
    return entries


def unexpected(verdict: Verdict, listed: Iterable[Equivalent]) -> list[Survivor]:
    """The survivors that are not on the list."""
    entries = list(listed)
    return [
        survivor
        for survivor in verdict.survivors
        if not any(entry.covers(verdict.model, survivor.mutant) for entry in entries)
    ]


def outdated(verdict: Verdict, listed: Iterable[Equivalent]) -> list[Equivalent]:
    """Entries about this model that no survivor needs any more."""
    return [
        entry
        for entry in listed
        if entry.model == verdict.model
        and not any(entry.covers(verdict.model, one.mutant) for one in verdict.survivors)
    ]
