"""Forecasts revenue by stream and segment, and decides by a back-test what is published; no formula of a series."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl

from dagster_project.prediction.family import Family, Inputs, Outcome, Score, Table
from dagster_project.prediction.revenue_series import (
    AVERAGED,
    SHORTEST,
    YEAR,
    Floats,
    Indices,
    Paths,
    fit_smoothing,
    naive_paths,
    naive_scale,
    shared_draws,
    smoothing_paths,
)

TOTAL = "total"
MODEL, NAIVE, MIXED = "exponential_smoothing", "naive", "sum_of_segments"
COVERAGE = 0.80
WAYS = 1_000
RULES = {"recurring": 1, "transactional": AVERAGED}
"""Streams, and how many months the naive forecast of each averages: what is paid by contract goes on as it was last."""

_FIGURES = {
    "month": "date",
    "revenue_stream": "varchar",
    "member": "varchar",
    "expected_amount": "decimal(18,2)",
    "lower_amount": "decimal(18,2)",
    "upper_amount": "decimal(18,2)",
    "method": "varchar",
}
FORECASTS = Table(
    name="revenue_forecasts",
    description="One row per month, stream and member: the revenue expected of a month that is not over.",
    columns=_FIGURES,
)
SAID = replace(
    FORECASTS,
    description="One row per night, month, stream and member: the revenue that was expected on that night.",
    is_journal=True,
)


@dataclass(frozen=True)
class Series:
    """Complete months of one segment.

    Args:
        stream: `transactional` or `recurring`.
        member: The segment.
        months: All complete months of the company, oldest first.
        begun: Months before its first revenue.
    """

    stream: str
    member: str
    months: Floats
    begun: int

    @property
    def name(self) -> str:
        """As sentences call it."""
        return f"{self.stream} revenue of {self.member}"

    def before(self, held_out: int) -> Floats:
        """What was known when the last months had not been yet.

        Args:
            held_out: How many months.
        """
        return self.months[self.begun : max(len(self.months) - held_out, self.begun)]


@dataclass(frozen=True)
class Trial:
    """Forecasts of one series from one month of the past, beside what came."""

    actual: Floats
    naive: Paths
    model: Paths | None


@dataclass(frozen=True)
class Measured:
    """How far a method was off, over all months it was tried on."""

    bias: float
    mae: float
    mase: float | None
    coverage: float
    count: int


@dataclass(frozen=True)
class Versus:
    """A model beside the naive forecast."""

    naive: Measured | None
    model: Measured | None

    @property
    def is_better(self) -> bool | None:
        """Whether its absolute errors are smaller; None when it was not tried."""
        if self.model is None or self.naive is None:
            return None
        return self.model.mae < self.naive.mae


@dataclass(frozen=True)
class Verdict:
    """What a back-test says of one stream: measures by member, and the segments whose model is believed."""

    measures: Mapping[str, Versus]
    believed: frozenset[str]


@dataclass(frozen=True)
class Published:
    """What is said of one member."""

    method: str
    paths: Paths


@dataclass(frozen=True)
class Calendar:
    """Months of a night.

    Args:
        last: The last one that was learned from.
        held_out: How many of those complete lie in the holdout.
        ahead: Those after the last, to the end of the horizon.
        over: How many of them are over, so that nothing is said of them any more.
        horizon: Months ahead that are tried.
    """

    last: date
    held_out: int
    ahead: tuple[date, ...]
    over: int
    horizon: int


def _predict(inputs: Inputs) -> Outcome:
    calendar = _calendar(inputs)
    if calendar is None:
        return _outcome([], scores=[], warnings=[], notes=["revenue forecast: no month is complete"])
    rows: list[tuple[Any, ...]] = []
    scores: list[Score] = []
    warnings: list[str] = []
    notes: list[str] = []
    for stream in RULES:
        series = list(_series(inputs.frames["months"], stream=stream))
        verdict, unproven = _back_test(inputs, series=series, calendar=calendar)
        published, failed = _published(inputs, series=series, calendar=calendar, believed=verdict.believed)
        rows += _rows(stream, published=published, calendar=calendar)
        scores += _scores(inputs, stream=stream, verdict=verdict, calendar=calendar)
        warnings += _warning(stream, verdict)
        notes += [*unproven, *failed]
    return _outcome(rows, scores=scores, warnings=warnings, notes=notes)


def _calendar(inputs: Inputs) -> Calendar | None:
    months = sorted(set(inputs.frames["months"]["month"]))
    if not months:
        return None
    last = months[-1]
    horizon = int(inputs.parameters["forecast_horizon_months"])
    length = _number(inputs.as_of) + horizon - _number(last)
    ahead = tuple(_plus(last, step) for step in range(1, length + 1))
    return Calendar(
        last=last,
        held_out=min(sum(_last_day(month) > inputs.cutoffs["holdout"].through for month in months), len(months) - 1),
        ahead=ahead,
        over=sum(_last_day(month) <= inputs.as_of for month in ahead),
        horizon=horizon,
    )


def _series(months: pl.DataFrame, *, stream: str) -> Iterator[Series]:
    """Segments that brought revenue within the last year, for long enough; the total is their sum in every method."""
    found = months.filter((pl.col("revenue_stream") == stream) & (pl.col("member") != TOTAL))
    for member in sorted(set(found["member"])):
        rows = found.filter(pl.col("member") == member).sort("month")
        values = rows["revenue_amount"].cast(pl.Float64).to_numpy()
        begun = np.flatnonzero(values)
        if len(begun) and begun[-1] >= len(values) - YEAR and len(values) - begun[0] >= SHORTEST:
            yield Series(stream, member, values, int(begun[0]))


def _back_test(inputs: Inputs, *, series: list[Series], calendar: Calendar) -> tuple[Verdict, list[str]]:
    """Forecast from each month end of the holdout on; parameters have seen nothing of it, states roll along."""
    draws = shared_draws(horizon=calendar.horizon, ways=WAYS)
    notes: list[str] = []
    trials: dict[str, list[Trial]] = {}
    for one in series:
        parameters = _fit(inputs, one=one, held_out=calendar.held_out)
        if "failure" in parameters:
            notes.append(f"{one.name}: the naive forecast is published, smoothing is unproven: {parameters['failure']}")
        trials[one.member] = list(_trials(one, parameters=parameters, held_out=calendar.held_out, draws=draws))
    return _verdict(series, trials=trials, held_out=calendar.held_out), notes


def _fit(inputs: Inputs, *, one: Series, held_out: int) -> Mapping[str, Any]:
    """Parameters learned from all months, or from those before the holdout."""
    seen = one.before(held_out)
    return inputs.fits.use(
        model=f"{one.stream}_revenue" + ("_back_test" if held_out else ""),
        member=one.member,
        through=inputs.cutoffs["holdout" if held_out else "fit"].through,
        data=pl.DataFrame({"revenue_amount": seen}),
        fit=lambda: fit_smoothing(seen),
    )


def _trials(one: Series, *, parameters: Mapping[str, Any], held_out: int, draws: Indices) -> Iterator[Trial]:
    for left in range(held_out, 0, -1):
        values, drawn = one.before(left), draws[: min(left, len(draws))]
        actual = one.months[len(one.months) - left :][: len(drawn)]
        if len(values) < SHORTEST:
            yield Trial(actual, Paths(np.zeros(len(drawn)), np.zeros(drawn.shape)), None)
            continue
        naive = naive_paths(values, drawn, averaged=RULES[one.stream])
        yield Trial(actual, naive, None if "failure" in parameters else smoothing_paths(values, parameters, drawn))


def _verdict(series: list[Series], *, trials: Mapping[str, list[Trial]], held_out: int) -> Verdict:
    """Of each segment, and of their sum: a model that is not better than the naive forecast is not believed."""
    measures: dict[str, Versus] = {}
    for one in series:
        tried = trials[one.member]
        model = None if any(trial.model is None for trial in tried) else [trial.model for trial in tried]
        measures[one.member] = _versus(tried, model=model, scale=naive_scale(one.before(held_out)))
    believed = frozenset(member for member, found in measures.items() if found.is_better)
    if any(found.is_better is not None for found in measures.values()):
        whole = _sum(trials, believed=believed)
        scale = naive_scale(np.sum([one.months for one in series], axis=0)[:-held_out])
        measures[TOTAL] = _versus(whole, model=[trial.model for trial in whole], scale=scale)
        if believed and not measures[TOTAL].is_better:
            believed = frozenset()
    return Verdict(measures, believed)


def _sum(trials: Mapping[str, list[Trial]], *, believed: Collection[str]) -> list[Trial]:
    """The total as it would be published from each month of the past: the sum of what is believed of each segment."""
    turns = zip(*trials.values(), strict=True)
    return [
        Trial(
            np.sum([trial.actual for trial in turn], axis=0),
            _added([trial.naive for trial in turn]),
            _added(
                [
                    trial.model if trial.model is not None and member in believed else trial.naive
                    for member, trial in zip(trials, turn, strict=True)
                ]
            ),
        )
        for turn in turns
    ]


def _added(parts: Sequence[Paths]) -> Paths:
    return Paths(np.sum([part.expected for part in parts], axis=0), np.sum([part.ways for part in parts], axis=0))


def _versus(trials: list[Trial], *, model: Sequence[Paths | None] | None, scale: float | None) -> Versus:
    pairs = (
        [] if model is None else [(trial.actual, paths) for trial, paths in zip(trials, model, strict=True) if paths]
    )
    return Versus(
        naive=_measured([(trial.actual, trial.naive) for trial in trials], scale=scale),
        model=_measured(pairs, scale=scale),
    )


def _measured(pairs: Sequence[tuple[Floats, Paths]], *, scale: float | None) -> Measured | None:
    if not pairs:
        return None
    errors = np.concatenate([paths.expected - actual for actual, paths in pairs])
    mae = float(np.abs(errors).mean())
    inside = [
        (low <= actual) & (actual <= high)
        for actual, (low, high) in ((actual, paths.bounds(COVERAGE)) for actual, paths in pairs)
    ]
    return Measured(
        bias=float(errors.mean()),
        mae=mae,
        mase=None if scale is None else mae / scale,
        coverage=float(np.concatenate(inside).mean()),
        count=len(errors),
    )


def _published(
    inputs: Inputs, *, series: list[Series], calendar: Calendar, believed: Collection[str]
) -> tuple[dict[str, Published], list[str]]:
    draws = shared_draws(horizon=len(calendar.ahead), ways=WAYS)
    published: dict[str, Published] = {}
    notes: list[str] = []
    for one in series:
        paths = None
        if one.member in believed:
            parameters = _fit(inputs, one=one, held_out=0)
            paths = None if "failure" in parameters else smoothing_paths(one.before(0), parameters, draws)
            if paths is None:
                why = parameters.get("failure", "it runs wild")
                notes.append(f"{one.name}: the naive forecast is published, smoothing failed: {why}")
        naive = naive_paths(one.before(0), draws, averaged=RULES[one.stream])
        published[one.member] = Published(MODEL, paths) if paths else Published(NAIVE, naive)
    return published, notes


def _rows(stream: str, *, published: Mapping[str, Published], calendar: Calendar) -> Iterator[tuple[Any, ...]]:
    """Whole cents, so that the segments add up to the total exactly."""
    if not published:
        return
    cents = {member: _cents(one.paths.expected) for member, one in published.items()}
    methods = {one.method for one in published.values()}
    whole = Published(methods.pop() if len(methods) == 1 else MIXED, _added([one.paths for one in published.values()]))
    cents[TOTAL] = np.sum(list(cents.values()), axis=0)
    for member, one in {**published, TOTAL: whole}.items():
        low, high = (_cents(bound) for bound in one.paths.bounds(COVERAGE))
        low, high = np.minimum(low, cents[member]), np.maximum(high, cents[member])
        for step in range(calendar.over, len(calendar.ahead)):
            amounts = (_money(found[step]) for found in (cents[member], low, high))
            yield (calendar.ahead[step], stream, member, *amounts, one.method)


def _cents(amounts: Floats) -> Indices:
    return np.rint(amounts * 100).astype(np.int64)


def _money(cents: np.int64) -> Decimal:
    return Decimal(int(cents)).scaleb(-2)


def _scores(inputs: Inputs, *, stream: str, verdict: Verdict, calendar: Calendar) -> Iterator[Score]:
    for member, found in sorted(verdict.measures.items()):
        naive = found.naive
        if naive is None:
            continue
        for measure in ("bias", "mae", "mase", "coverage"):
            yield Score(
                model=f"{stream}_revenue",
                member=member,
                measure=measure,
                value=None if found.model is None else getattr(found.model, measure),
                baseline=getattr(naive, measure),
                is_better=found.is_better if measure in {"mae", "mase"} else None,
                learned_through=inputs.cutoffs["holdout"].through,
                watched_until=_last_day(calendar.last),
                case_count=naive.count,
            )


def _warning(stream: str, verdict: Verdict) -> Iterator[str]:
    lost = [member for member, found in sorted(verdict.measures.items()) if found.is_better is False]
    if lost:
        whole = verdict.measures.get(TOTAL)
        which = "all segments" if whole and whole.is_better is False else "them"
        rule = "average of six months" if RULES[stream] > 1 else "last month going on"
        yield (
            f"the forecast of {stream} revenue loses against the {rule} for {', '.join(lost)}: "
            f"the latter is published for {which}"
        )


def _outcome(rows: list[tuple[Any, ...]], *, scores: list[Score], warnings: list[str], notes: list[str]) -> Outcome:
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "month": pl.Date,
        "revenue_stream": pl.String,
        "member": pl.String,
        "expected_amount": pl.Decimal(18, 2),
        "lower_amount": pl.Decimal(18, 2),
        "upper_amount": pl.Decimal(18, 2),
        "method": pl.String,
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    smoothed = frame.filter(pl.col("method") == MODEL).select("revenue_stream", "member").n_unique() if rows else 0
    return Outcome(
        tables={FORECASTS.name: frame},
        scores=tuple(scores),
        warnings=tuple(warnings),
        notes=tuple(notes),
        detail=f"{frame.height} months forecast, {smoothed} series smoothed",
    )


def _number(month: date) -> int:
    return month.year * 12 + month.month - 1


def _plus(month: date, count: int) -> date:
    year, index = divmod(_number(month) + count, 12)
    return date(year, index + 1, 1)


def _last_day(month: date) -> date:
    return _plus(month, 1) - timedelta(days=1)


FAMILY = Family(
    name="revenue_forecast",
    description="Revenue of the coming months, by contract and otherwise, for each segment and their sum.",
    owner="controlling",
    reads={
        "months": (
            "select month, revenue_stream, member, revenue_amount from predictions.pred_revenue_months"
            " where purpose = 'fit' and is_complete order by revenue_stream, member, month"
        )
    },
    models=("predictions.pred_revenue_months",),
    writes=(FORECASTS, SAID),
    predict=_predict,
)
