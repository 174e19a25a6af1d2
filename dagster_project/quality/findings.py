"""What a door says about a list, as values; the checks themselves live beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["refuse", "warn"]


@dataclass(frozen=True)
class Finding:
    """One expectation that did not hold.

    Args:
        severity: `refuse` holds the list back, `warn` only tells.
        check: Name of the expectation.
        column: Column it is about, if it is about one.
        message: The problem in one sentence, without any value of the list.
    """

    severity: Severity
    check: str
    column: str | None
    message: str
