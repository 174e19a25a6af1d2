"""How a run tells what it is doing; who listens (terminal, plain lines, nobody) is decided by the caller."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A listener to the steps of a run."""

    def begin(self, step: str, *, total: int | None = None) -> None:
        """A step starts; `total` is the number of advances to expect, where it is known."""

    def expect(self, step: str, *, total: int) -> None:
        """The number of advances became known."""

    def advance(self, step: str, *, detail: str = "") -> None:
        """One unit (a file, a model, a list) is done."""

    def end(self, step: str, *, detail: str = "") -> None:
        """A step ended; `detail` is what it did, in a few words."""


class Silence:
    """Nobody listens: runs started by Dagster, machines that want JSON, tests."""

    def begin(self, step: str, *, total: int | None = None) -> None:
        """Do nothing."""

    def expect(self, step: str, *, total: int) -> None:
        """Do nothing."""

    def advance(self, step: str, *, detail: str = "") -> None:
        """Do nothing."""

    def end(self, step: str, *, detail: str = "") -> None:
        """Do nothing."""
