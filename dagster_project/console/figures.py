"""Numbers as people read them; what they mean is decided elsewhere."""

from __future__ import annotations

from datetime import date

MISSING = "\N{EN DASH}"
_ONE_DECIMAL = {"days": " days", "hours": " h", "points": "", "factor": " \N{MULTIPLICATION SIGN}"}


def count(value: int | None) -> str:
    """A whole number with separators; a dash when unknown."""
    return MISSING if value is None else f"{value:,}"


def count_or_blank(value: int) -> str:
    """A whole number, and nothing where it is 0: what is not there should not be read."""
    return f"{value:,}" if value else ""


def seconds(value: float) -> str:
    """A duration: `0.4 s`, `12 s`, `3 min 05 s`."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 60:
        return f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s"


def figure(value: float | None, unit: str) -> str:
    """A figure in its unit: fractions as per cent, money with its currency, days as days."""
    if value is None:
        return MISSING
    if unit in ("fraction", "rate", "share"):
        return f"{value * 100:.1f} %"
    if unit in _ONE_DECIMAL:
        return f"{value:,.1f}{_ONE_DECIMAL[unit]}"
    if unit == "count":
        return f"{value:,.0f}" if value.is_integer() else f"{value:,.2f}"
    return f"{value:,.2f} {unit}" if abs(value) < 1000 else f"{value:,.0f} {unit}"


def change(value: float | None, previous: float | None, unit: str) -> tuple[str, str]:
    """How a figure moved: an arrow and the difference in the figure's own unit (rates in points)."""
    if value is None or previous is None:
        return "", MISSING
    difference = value - previous
    arrow = "▲" if difference > 0 else "▼" if difference < 0 else "="
    if unit in ("fraction", "rate", "share"):
        return arrow, f"{difference * 100:+.1f} pp"
    if unit in _ONE_DECIMAL:
        return arrow, f"{difference:+,.1f}{_ONE_DECIMAL[unit]}"
    return arrow, f"{difference:+,.0f}" if abs(difference) >= 1000 else f"{difference:+,.2f}"


def month(value: date | None) -> str:
    """A month as `2025-11`."""
    return f"{value:%Y-%m}" if value else ""


def words(name: str) -> str:
    """A machine name as words: `win_rate` becomes `win rate`."""
    return name.replace("_", " ")


def shortened(text: str, width: int) -> str:
    """A text that fits, with an ellipsis in the middle: paths and messages say most at both ends."""
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return f"{text[:head]}…{text[-(width - 1 - head) :]}"
