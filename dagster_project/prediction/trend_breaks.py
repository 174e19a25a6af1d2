"""Finds where monthly figures of a segment leave their smooth course beyond chance; measures are defined in dbt."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from dagster_project.prediction.family import Family, Inputs, Outcome, Table

Floats = npt.NDArray[np.float64]

FEWEST_MONTHS = 18
"""Months below which no break is looked for."""

EDGE = 3
"""Months that must lie on either side of a break; their averages are compared."""

COURSE = 3
"""Parameters of the smooth course: level, slope and curvature, so that growth which slowly fades is no break."""

CURVES = 50_000
"""Smooth courses without a break that chance is read from."""

ALIKE = 10_000
"""Those of them that a series is held against."""

LONGEST_LASTING = 0.9
"""Share of a month's deviation that may last into the next."""

LEVEL, SLOPE = "level", "slope"

_NAMES = {"revenue": "revenue", "orders": "orders", "active_customers": "active customers"}

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

_SCHEMA: dict[str, type[pl.DataType]] = {
    "measure": pl.String,
    "member": pl.String,
    "month": pl.Date,
    "break_type": pl.String,
    "before_value": pl.Float64,
    "after_value": pl.Float64,
    "change_rate": pl.Float64,
    "probability": pl.Float64,
    "is_break": pl.Boolean,
    "month_count": pl.Int64,
    "reason": pl.String,
}

BREAKS = Table(
    name="trend_breaks",
    description="One row per measure and member searched: its sharpest break, and whether it is beyond chance.",
    columns={
        "measure": "varchar",
        "member": "varchar",
        "month": "date",
        "break_type": "varchar",
        "before_value": "double",
        "after_value": "double",
        "change_rate": "double",
        "probability": "double",
        "is_break": "boolean",
        "month_count": "bigint",
        "reason": "varchar",
    },
)


@dataclass(frozen=True)
class Search:
    """All breaks that a series of a length may have.

    Args:
        course: Orthonormal smooth course: month x parameter.
        bends: What each break adds to it, of length one: break x month.
        starts: First month of each break.
        kinds: Whether the level changes in that month, or the slope.
    """

    course: Floats
    bends: Floats
    starts: tuple[int, ...]
    kinds: tuple[str, ...]

    def __call__(self, values: Floats) -> tuple[Floats, npt.NDArray[np.int64], Floats, Floats]:
        """The sharpest break of each series.

        Args:
            values: Month x series.

        Returns:
            How much more the break explains than is left beside it (an F statistic without its constant), which break
            that is, how much of a deviation lasts into the next month when it is taken out, and its weight.
        """
        rest = values - self.course @ (self.course.T @ values)
        weights = self.bends @ rest
        best = np.argmax(np.abs(weights), axis=0)
        explained = np.take_along_axis(weights, best[None, :], axis=0)[0]
        left = rest - self.bends[best].T * explained
        power = np.sum(left**2, axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            lasting = np.sum(left[1:] * left[:-1], axis=0) / power
            return explained**2 / power, best, np.nan_to_num(lasting), explained


@dataclass(frozen=True)
class Found:
    """The sharpest break of one series."""

    start: int
    kind: str
    is_upward: bool
    probability: float


def search(length: int) -> Search:
    """What to look for in a series (sup-F over all months, Andrews 1993).

    Args:
        length: Months.
    """
    steps = np.arange(length)
    course = np.linalg.qr(np.vander(steps / length - 0.5, COURSE))[0]
    bends, starts, kinds = [], [], []
    for start in range(EDGE, length - EDGE + 1):
        for kind in (LEVEL, SLOPE):
            raw = (steps >= start).astype(float) if kind == LEVEL else np.maximum(steps - start + 1, 0).astype(float)
            bend = raw - course @ (course.T @ raw)
            bends.append(bend / np.linalg.norm(bend))
            starts.append(start)
            kinds.append(kind)
    return Search(course, np.array(bends), tuple(starts), tuple(kinds))


def find_break(values: Floats) -> Found | None:
    """The sharpest break of a series and the chance of one as sharp in a smooth course; None when nothing varies.

    Chance is read from those smooth courses whose deviations last about as long as those of the series do once the
    sharpest break is taken out: how long they truly last cannot be told from two years.

    Args:
        values: Months, oldest first; logarithms where figures are positive.
    """
    looked = search(len(values))
    strengths, best, lasting, weights = looked(values[:, None])
    if not math.isfinite(float(strengths[0])) or _is_smooth(values, looked):
        return None
    smooth = _smooth_courses(len(values))
    middle = int(np.searchsorted(smooth.lasting, float(lasting[0])))
    first = min(max(middle - ALIKE // 2, 0), CURVES - ALIKE)
    sharper = int(np.sum(smooth.strengths[first : first + ALIKE] >= strengths[0]))
    which = int(best[0])
    return Found(
        start=looked.starts[which],
        kind=looked.kinds[which],
        is_upward=bool(weights[0] > 0),
        probability=(sharper + 1) / (ALIKE + 1),
    )


@dataclass(frozen=True)
class SmoothCourses:
    """What is found in courses without a break, in order of how much of a deviation lasts.

    Args:
        lasting: How much of a deviation lasts into the next month, as measured; ascending.
        strengths: How sharp the sharpest break is.
    """

    lasting: Floats
    strengths: Floats


@cache
def _smooth_courses(length: int) -> SmoothCourses:
    """Smooth courses whose deviations last for any share between none and `LONGEST_LASTING`."""
    looked = search(length)
    deviations = np.random.default_rng(20_040_229).standard_normal((length, CURVES))
    share = np.linspace(0.0, LONGEST_LASTING, CURVES)
    deviations[0] /= np.sqrt(1 - share**2)
    for step in range(1, length):
        deviations[step] += share * deviations[step - 1]
    strengths, _, lasting, _ = looked(deviations)
    order = np.argsort(lasting, kind="stable")
    return SmoothCourses(lasting[order], strengths[order])


def _is_smooth(values: Floats, looked: Search) -> bool:
    """Nothing is left beside the smooth course but the rounding of floats."""
    rest = values - looked.course @ (looked.course.T @ values)
    return float(np.abs(rest).max()) <= 1e-9 * max(1.0, float(np.abs(values).max()))


def beyond_chance(probabilities: list[float], *, error_rate: float) -> list[bool]:
    """Which of several breaks are more than chance, with at most `error_rate` for even one false alarm (Holm 1979).

    Args:
        probabilities: One per series.
        error_rate: Between 0 and 1.
    """
    verdicts = [False] * len(probabilities)
    for turn, which in enumerate(sorted(range(len(probabilities)), key=probabilities.__getitem__)):
        if probabilities[which] > error_rate / (len(probabilities) - turn):
            break
        verdicts[which] = True
    return verdicts


def _predict(inputs: Inputs) -> Outcome:
    months = inputs.frames["months"]
    window = int(inputs.parameters["trend_break_window_months"])
    rows: list[dict[str, Any]] = []
    short: list[str] = []
    for (measure, member), series in _series(months, window=window):
        found = _fit(inputs, measure=measure, member=member, series=series)
        if "failure" in found:
            short.append(f"{_NAMES[measure]} of {member}: no break is looked for: {found['failure']}")
        else:
            rows.append(_row(measure, member, series=series, found=found))
    rate = float(inputs.parameters["trend_break_error_rate"])
    verdicts = beyond_chance([row["probability"] for row in rows], error_rate=rate)
    for row, is_break in zip(rows, verdicts, strict=True):
        row["is_break"] = is_break
    return Outcome(
        tables={BREAKS.name: pl.DataFrame(rows, schema=_SCHEMA)},
        notes=tuple(short),
        detail=f"{sum(verdicts)} breaks in {len(rows)} series",
    )


def _series(months: pl.DataFrame, *, window: int) -> Iterator[tuple[tuple[str, str], pl.DataFrame]]:
    """The last months of each series, from its first figure on; what brought nothing in them is no series."""
    for key in sorted(set(months.select("measure", "member").rows())):
        own = months.filter((pl.col("measure") == key[0]) & (pl.col("member") == key[1])).sort("month")
        values = own["value"].cast(pl.Float64).to_numpy()
        begun = np.flatnonzero(values)
        if len(begun):
            recent = own.slice(max(int(begun[0]), own.height - window))
            if bool(recent["value"].cast(pl.Float64).to_numpy().any()):
                yield key, recent


def _fit(inputs: Inputs, *, measure: str, member: str, series: pl.DataFrame) -> dict[str, Any]:
    values = series["value"].cast(pl.Float64).to_numpy()

    def fit() -> dict[str, Any]:
        if len(values) < FEWEST_MONTHS:
            return {"failure": f"{len(values)} complete months, {FEWEST_MONTHS} are needed"}
        found = find_break(np.log(values) if bool((values > 0).all()) else values)
        return {"failure": "nothing but a smooth course"} if found is None else asdict(found)

    return inputs.fits.use(
        model=f"{measure}_break",
        member=member,
        through=inputs.cutoffs["fit"].through,
        data=series.select("month", pl.col("value").cast(pl.Float64)),
        fit=fit,
    )


def _row(measure: str, member: str, *, series: pl.DataFrame, found: dict[str, Any]) -> dict[str, Any]:
    values = series["value"].cast(pl.Float64).to_numpy()
    start: int = found["start"]
    month: date = series["month"][start]
    before = round(float(values[start - EDGE : start].mean()), 2)
    after = round(float(values[start : start + EDGE].mean()), 2)
    change = round(after / before - 1, 6) if before > 0 else None
    return {
        "measure": measure,
        "member": member,
        "month": month,
        "break_type": found["kind"],
        "before_value": before,
        "after_value": after,
        "change_rate": change,
        "probability": round(float(found["probability"]), 6),
        "is_break": False,
        "month_count": series.height,
        "reason": _reason(measure, member, month=month, kind=found["kind"], is_upward=found["is_upward"], change=change)
        + f" ({before:,.0f} a month before, {after:,.0f} after)",
    }


def _reason(measure: str, member: str, *, month: date, kind: str, is_upward: bool, change: float | None) -> str:
    who = "all customers" if member == "total" else member
    what, when = f"{_NAMES[measure]} of {who}", f"{_MONTHS[month.month - 1]} {month.year}"
    if kind == SLOPE:
        return f"{what} turned {'upwards' if is_upward else 'downwards'} in {when}"
    if change is None:
        return f"{what} {'rose' if is_upward else 'fell'} in {when}"
    return f"{what} {'rose' if change > 0 else 'fell'} by {abs(change):.0%} in {when}".replace("%", " %")


FAMILY = Family(
    name="trend_breaks",
    description="Where revenue, orders or active customers of a segment leave their smooth course beyond chance.",
    owner="business_intelligence",
    reads={
        "months": (
            "select measure, member, month, value from predictions.pred_segment_months order by measure, member, month"
        )
    },
    models=("predictions.pred_segment_months",),
    writes=(BREAKS,),
    predict=_predict,
)
