"""Takes what may be a person out of texts that leave the warehouse: log lines, alerts, run records."""

from __future__ import annotations

import re

_EMAIL = re.compile(r"[^\s'\"<>(),;:]+@[^\s'\"<>(),;:]+")
_DATE_OR_LONG_NUMBER = re.compile(
    r"(?P<date>\b\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2})?)?)|(?<![\w./:-])\+?\d[\d ()/-]{7,}\d"
)
_CONVERTED_VALUE = re.compile(r"(?i)\b(string|value|key|text) (?:\"[^\"]*\"|'[^']*')")


def scrub(text: str) -> str:
    """Replace e-mail addresses, telephone-like numbers and values quoted by the database by placeholders."""
    without_values = _CONVERTED_VALUE.sub(r"\1 '…'", text)
    without_emails = _EMAIL.sub("[e-mail]", without_values)
    return _DATE_OR_LONG_NUMBER.sub(lambda found: found["date"] or "[number]", without_emails)
