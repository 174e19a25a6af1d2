"""Draws a line over months as SVG, without a library and without a network; what is drawn is decided elsewhere."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from dagster_project.console.figures import figure, month
from dagster_project.transformation.kpi_figures import Point, Series

_WIDTH, _HEIGHT = 560, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 16, 28
_GRID_LINES = 4


@dataclass(frozen=True)
class _Scale:
    """Where a month and a value lie on the picture."""

    count: int
    low: float
    high: float

    def x(self, position: int) -> float:
        steps = max(self.count - 1, 1)
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * position / steps, 1)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * share, 1)


def line_chart(series: Series) -> str:
    """The months of one reading as a line, its target dashed, figures that may still change as hollow points."""
    points = series.points
    known = [value for point in points for value in (point.value, point.target) if value is not None]
    if not any(point.value is not None for point in points):
        return ""
    scale = _Scale(len(points), *_range(known))
    parts = [
        *_grid(scale, unit=series.unit),
        *_months(scale, points),
        *_target(scale, points),
        *_lines(scale, points),
        *_dots(scale, series),
    ]
    months = f"{month(points[0].month)} to {month(points[-1].month)}"
    label = html.escape(f"{series.name}, {months}; the table holds the figures")
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _range(values: Iterable[float]) -> tuple[float, float]:
    """From the lowest to the highest with some air; never of no height, and from 0 when 0 is near."""
    known = list(values)
    low, high = min(known), max(known)
    if 0 < low < high * 0.5 or low == high > 0:
        low = 0.0
    air = (high - low) * 0.08 or abs(high) or 1.0
    return (low if low == 0 else low - air), high + air


def _grid(scale: _Scale, *, unit: str) -> Iterable[str]:
    for step in range(_GRID_LINES):
        value = scale.low + (scale.high - scale.low) * step / (_GRID_LINES - 1)
        y = scale.y(value)
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{html.escape(_short(value, unit))}</text>'


def _short(value: float, unit: str) -> str:
    if unit == "rate":
        return figure(value, unit)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}"


def _months(scale: _Scale, points: tuple[Point, ...]) -> Iterable[str]:
    last = len(points) - 1
    for position in sorted({0, last // 2, last}):
        anchor = "start" if position == 0 < last else "end" if position == last > 0 else "middle"
        yield (
            f'<text x="{scale.x(position)}" y="{_HEIGHT - 8}" text-anchor="{anchor}">'
            f"{month(points[position].month)}</text>"
        )


def _target(scale: _Scale, points: tuple[Point, ...]) -> Iterable[str]:
    placed = [(scale.x(at), scale.y(one.target)) for at, one in enumerate(points) if one.target is not None]
    if placed:
        path = " ".join(f"{x},{y}" for x, y in placed)
        yield f'<polyline class="target" points="{path}"/>'


def _lines(scale: _Scale, points: tuple[Point, ...]) -> Iterable[str]:
    """One line for each run of months with a figure: a gap stays a gap."""
    for is_known, run in groupby(enumerate(points), key=lambda pair: pair[1].value is not None):
        if is_known:
            path = " ".join(f"{scale.x(at)},{scale.y(one.value)}" for at, one in run if one.value is not None)
            yield f'<polyline class="line" points="{path}"/>'


def _dots(scale: _Scale, series: Series) -> Iterable[str]:
    for at, one in enumerate(series.points):
        if one.value is not None:
            state = "final" if one.is_final else "open"
            text = f"{month(one.month)}: {figure(one.value, series.unit)}{'' if one.is_final else ', not final'}"
            yield (
                f'<circle class="{state}" cx="{scale.x(at)}" cy="{scale.y(one.value)}" r="3.5">'
                f"<title>{html.escape(text)}</title></circle>"
            )
