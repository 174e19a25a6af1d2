"""The mutants that no test can catch because they mean the same, each with the reason; they are kept by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.mutation.judging import Survivor, Verdict
from tests.mutation.mutants import Mutant

LISTED = Path(__file__).parent / "equivalent.yml"


_ANY_NAME = r"([a-z_0-9.]+)"


@dataclass(frozen=True)
class Equivalent:
    """One change that makes no difference in one part of some models, and why; `?` stands for any one name."""

    models: tuple[str, ...]
    part: str
    change: str
    reason: str

    def covers(self, model: str, mutant: Mutant) -> bool:
        """Whether this entry is about that mutant."""
        if model not in self.models or mutant.part != self.part:
            return False
        return bool(re.fullmatch(self._pattern(), f"{mutant.original} -> {mutant.mutant}"))

    def _pattern(self) -> str:
        first, *others = re.escape(self.change).split(re.escape("?"))
        return first + "".join((_ANY_NAME if at == 0 else r"\1") + piece for at, piece in enumerate(others))


def read_equivalents(path: Path = LISTED) -> list[Equivalent]:
    """The list; nothing may be said twice."""
    entries = [
        Equivalent(tuple(group["models"]), part=group["part"], change=change, reason=group["reason"])
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))
        for change in group["changes"]
    ]
    said = [(model, entry.part, entry.change) for entry in entries for model in entry.models]
    if len(set(said)) < len(said):
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


def outdated(verdicts: Sequence[Verdict], listed: Iterable[Equivalent]) -> list[str]:
    """What on the list no survivor needs any more: a change, or a model that has none of the changes beside it."""
    needed = {
        (entry, verdict.model)
        for entry in listed
        for verdict in verdicts
        if any(entry.covers(verdict.model, one.mutant) for one in verdict.survivors)
    }
    judged = {verdict.model for verdict in verdicts}
    changes = [
        f"{entry.part}: {entry.change}"
        for entry in listed
        if judged.issuperset(entry.models) and not any(one is entry for one, _ in needed)
    ]
    groups = {(entry.models, entry.part, entry.reason) for entry in listed}
    models = [
        f"{model} ({reason})"
        for names, part, reason in sorted(groups)
        for model in names
        if model in judged
        and not any((one.models, one.part, one.reason, name) == (names, part, reason, model) for one, name in needed)
    ]
    return changes + models
