"""File names with a date in them: glob patterns with `{date:…}`, and the time formats a mapping may use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache

_DIGITS = {
    "%Y": r"\d{4}",
    "%y": r"\d{2}",
    "%m": r"\d{2}",
    "%d": r"\d{2}",
    "%H": r"\d{2}",
    "%M": r"\d{2}",
    "%S": r"\d{2}",
}
_DIGITS |= {"%j": r"\d{3}", "%b": r"[A-Za-z]{3}"}
_DATE_PARTS = set("YymdjbBeFDhsaA")
_TIME_PARTS = set("HIMSpPTRfzLk")
_DIRECTIVE = re.compile(r"%([-_0]?)(\.?[36]?f|:?z|#z|.)?")


@dataclass(frozen=True)
class FilePattern:
    """A glob relative to `<landing>/<system>/` in which `{date:…}` may stand for the batch date."""

    text: str
    regex: re.Pattern[str]
    date_format: str | None

    @property
    def has_date(self) -> bool:
        """Whether matching names carry their batch date."""
        return self.date_format is not None

    @classmethod
    @lru_cache(maxsize=1024)
    def parse(cls, text: str) -> FilePattern:
        """Compile a pattern.

        Raises:
            ValueError: The date part is malformed or given twice.
        """
        head, opening, rest = text.partition("{date:")
        if not opening:
            if "{" in text:
                raise ValueError(f"{text!r} holds a brace that is no {{date:…}}")
            return cls(text=text, regex=re.compile(_glob(text)), date_format=None)
        date_format, closing, tail = rest.partition("}")
        if not closing or "{" in tail:
            raise ValueError(f"{text!r} must hold one {{date:…}} with a closing brace")
        pattern = f"{_glob(head)}(?P<date>{_date_regex(date_format)}){_glob(tail)}"
        return cls(text=text, regex=re.compile(pattern), date_format=date_format)

    def match(self, relative_path: str) -> tuple[bool, date | None]:
        """Whether a path matches, and the date in it; a name whose date does not exist does not match."""
        found = self.regex.fullmatch(relative_path)
        if found is None:
            return False, None
        if self.date_format is None:
            return True, None
        try:
            return True, datetime.strptime(found["date"], self.date_format).replace(tzinfo=UTC).date()
        except ValueError:
            return False, None


def check_time_format(text: str, *, needs_time: bool) -> None:
    """Refuse a date or timestamp format that cannot mean one point in time.

    Args:
        text: A format in strptime's notation.
        needs_time: Whether a time of day is expected, too.

    Raises:
        ValueError: A directive is unknown, or year, month, day or hour is missing.
    """
    letters: set[str] = set()
    for match in _DIRECTIVE.finditer(text):
        directive = (match[2] or "").lstrip(".:#36")
        if directive != "%" and directive not in _DATE_PARTS | _TIME_PARTS:
            raise ValueError(f"{match[0]!r} in {text!r} is no known date directive")
        letters.add(directive)
    is_whole = letters & set("Fs") or (letters & set("Yy") and (letters & set("j") or _has_month_and_day(letters)))
    if not is_whole:
        raise ValueError(f"the format {text!r} lacks year, month or day, such as %d.%m.%Y")
    if not needs_time and letters & set("z"):
        raise ValueError(f"the format {text!r} is for a date but holds an offset")


def _has_month_and_day(letters: set[str]) -> bool:
    return bool(letters & set("mbBh")) and bool(letters & set("de"))


def _date_regex(date_format: str) -> str:
    parts = re.split(r"(%.)", date_format)
    unknown = [part for part in parts if part.startswith("%") and part not in _DIGITS]
    if unknown or "%" not in date_format:
        raise ValueError(f"{{date:{date_format}}} holds no usable directive; use for example {{date:%Y%m%d}}")
    if not {"%Y", "%y"} & set(parts):
        raise ValueError(f"{{date:{date_format}}} holds no year")
    return "".join(_DIGITS.get(part, re.escape(part)) for part in parts)


def _glob(text: str) -> str:
    """A glob as a regular expression; `*` and `?` stay within one folder, `**/` crosses folders."""
    tokens = re.split(r"(\*\*/|\*|\?)", text)
    known = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
    return "".join(known.get(token, re.escape(token)) for token in tokens)
