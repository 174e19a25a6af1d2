"""The one error a user is meant to read; what a user cannot mend stays an ordinary exception and does not live here."""

from __future__ import annotations


class CrmError(Exception):
    """A problem told in one clear sentence: what is wrong, where, and what to do about it.

    Args:
        what: The problem, without a full stop.
        where: File, line, column or object it was found in.
        remedy: What the reader can do now, as a full sentence.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        """Keep the three parts apart, so that machines can read them too."""
        self.what = what
        self.where = where
        self.remedy = remedy
        place = f" ({where})" if where else ""
        hint = f" {remedy}" if remedy else ""
        super().__init__(f"{what}{place}.{hint}")
