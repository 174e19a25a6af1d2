"""What a door expects, as values; turning them into Great Expectations' own classes is the engine's business."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from dagster_project.quality.findings import Severity


@dataclass(frozen=True)
class Expectation:
    """One statement that has to hold for a frame.

    Args:
        kind: Name of a class in `great_expectations.expectations`.
        arguments: Its arguments.
        message: The problem in one sentence when it does not hold.
        severity: What follows then.
    """

    kind: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    message: str = ""
    severity: Severity = "refuse"

    @property
    def name(self) -> str:
        """The expectation as Great Expectations spells it in reports."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", self.kind).lower()

    @property
    def column(self) -> str | None:
        """The column it is about, if it is about one."""
        column = self.arguments.get("column")
        return str(column) if column is not None else None
