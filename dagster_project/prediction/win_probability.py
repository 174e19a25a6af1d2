"""The family of win probabilities: learns them, holds them against deals it has not seen, forecasts the open ones.

Inputs are the dbt models `pred_stage_exposures` and `pred_opportunity_cases`; the mathematics are in `stage_hazards`,
sums by month in `pipeline_sums`. Which of model and baseline is published is said here for the sums, in dbt for deals.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from dagster_project.prediction.family import Cutoff, Family, Inputs, Outcome, Score, Table
from dagster_project.prediction.pipeline_sums import (
    INTERVAL,
    chances_in_month,
    days_to_month_ends,
    forecast_months,
    monthly_chances,
    sum_by_month,
)
from dagster_project.prediction.stage_hazards import (
    Floats,
    Ints,
    StageHazards,
    daily_chances,
    drawn_chances,
    fit_hazards,
    win_curves,
    win_probabilities,
)

MIN_OUTCOMES = 10
"""Won deals, and lost ones, that must have been seen before anything is learned."""
MIN_CASES = 10
"""Deals open on the day of the back-test that it takes to judge a model."""
_DRAW_COUNT = 200
_SEED = 4
_TAIL = (1 - INTERVAL) / 2
_HORIZON_DAYS = 730

_SUMS = {
    "month": "date",
    "dimension": "varchar",
    "member": "varchar",
    "expected_amount": "decimal(18,2)",
    "lower_amount": "decimal(18,2)",
    "upper_amount": "decimal(18,2)",
    "expected_count": "double",
    "baseline_amount": "decimal(18,2)",
    "baseline_count": "double",
    "open_count": "bigint",
    "unknown_amount_count": "bigint",
    "method": "varchar",
}
DEALS = Table(
    name="opportunity_win_probabilities",
    description="One row per open opportunity in a stage that was learned: its chance to be won, and when.",
    columns={
        "opportunity_key": "varchar",
        "win_probability": "double",
        "lower_probability": "double",
        "upper_probability": "double",
        "days_to_win": "bigint",
        "is_publishable": "boolean",
    },
)
CURVES = Table(
    name="stage_win_probabilities",
    description="One row per customer segment, stage and age: the chance to be won of a deal that stands there.",
    columns={
        "customer_segment": "varchar",
        "stage_name": "varchar",
        "days_in_stage": "bigint",
        "win_probability": "double",
        "lower_probability": "double",
        "upper_probability": "double",
        "days_to_win": "bigint",
        "is_publishable": "boolean",
    },
)
# What is made anew tonight and what is kept of it have the same name, and so the same frame.
FORECASTS = Table(
    name="pipeline_forecasts",
    description="One row per month, dimension and member: what the deals open tonight are expected to bring.",
    columns=_SUMS,
)
BACKTESTS = Table(
    name="pipeline_backtests",
    description="One row per month, dimension and member: what the deals open on the holdout day should have brought.",
    columns={"said_date": "date", **_SUMS},
)
SAID = Table(
    name="pipeline_forecasts",
    description="One row per night, month, dimension and member: the pipeline forecast as it was said.",
    columns=_SUMS,
    is_journal=True,
)


@dataclass(frozen=True)
class Learned:
    """A model as of one day, or why there is none."""

    hazards: StageHazards
    through: date
    reason: str | None


@dataclass(frozen=True)
class Prospects:
    """What a model says of some deals; NaN where their stage was not learned.

    Args:
        probability: Chance to be won in the end, (deals,).
        lower: Lower bound of that.
        upper: Upper bound of that.
        days_to_win: Day by which half of such deals that will be won are won; NaN beyond the horizon.
        place: Column of the deal in the next two, (deals,): deals that stand in one place have one.
        scales: Drawn chance ÷ chance, (draws, places); 1 where there is none.
        curves: Chance to be won within 0, 1, … days, (days + 1, places).
    """

    probability: Floats
    lower: Floats
    upper: Floats
    days_to_win: Floats
    place: Ints
    scales: Floats
    curves: Floats


def predict_wins(inputs: Inputs) -> Outcome:
    """Learn through the last Sunday and through the holdout day, judge the latter, forecast with the former."""
    cases = inputs.frames["cases"]
    open_deals, past_deals = (cases.filter(pl.col("purpose") == purpose) for purpose in ("today", "holdout"))
    learned, earlier = _learn(inputs, purpose="fit"), _learn(inputs, purpose="holdout")
    cutoff = inputs.cutoffs["holdout"]
    past = prospects(earlier.hazards, deals=past_deals)
    reason = learned.reason or earlier.reason or _too_few_cases(past_deals, past)
    scores = () if reason else back_test(past_deals, past, cutoff=cutoff)
    lost = next((score for score in scores if score.measure == "brier" and not score.is_better), None)
    is_publishable = reason is None and lost is None
    today = prospects(learned.hazards, deals=open_deals)
    sums = forecast(open_deals, today, day=inputs.as_of, is_publishable=is_publishable)
    past_sums = forecast(past_deals, past, day=cutoff.through, is_publishable=earlier.reason is None)
    return Outcome(
        tables={
            DEALS.name: _deal_rows(open_deals, today, is_publishable=is_publishable),
            CURVES.name: _curve_rows(learned.hazards, is_publishable=is_publishable),
            FORECASTS.name: sums,
            BACKTESTS.name: past_sums.select(pl.lit(cutoff.through).alias("said_date"), pl.all()),
        },
        scores=scores,
        warnings=(_loss_in_words(lost),) if lost else (),
        notes=(f"win probabilities: {reason}; the share won of the deals that passed a stage is used",)
        if reason
        else (),
        detail=f"{open_deals.height} open deals, {'learned' if is_publishable else 'baseline'}",
    )


def prospects(hazards: StageHazards, *, deals: pl.DataFrame) -> Prospects:
    """What the model says of each deal.

    Args:
        hazards: The model.
        deals: `customer_segment`, `stage_name` and `days_in_stage`, one row per deal.
    """
    places, place = hazards.places(
        segment=deals["customer_segment"].to_list(),
        stage=deals["stage_name"].to_list(),
        age=deals["days_in_stage"].to_list(),
    ).distinct(oldest=hazards.starts[-1])
    known = places.stage >= 0
    at = places.only(known)
    probability, lower, upper, days_to_win = (np.full(known.size, np.nan) for _ in range(4))
    scales, curves = np.ones((_DRAW_COUNT, known.size)), np.zeros((_HORIZON_DAYS + 1, known.size))
    if known.any():
        chances = daily_chances(hazards)
        drawn = drawn_chances(hazards, count=_DRAW_COUNT, random=np.random.default_rng(_SEED))
        point = win_probabilities(chances, hazards=hazards, places=at)
        draws = win_probabilities(drawn, hazards=hazards, places=at)
        low, high = np.quantile(draws, [_TAIL, 1 - _TAIL], axis=0)
        probability[known], lower[known], upper[known] = point, np.minimum(low, point), np.maximum(high, point)
        scales[:, known] = np.divide(draws, point, out=np.ones_like(draws), where=point > 0)
        curves[:, known] = win_curves(chances, hazards=hazards, places=at, days=_HORIZON_DAYS)
        days_to_win[known] = _days_to_half(curves[:, known], point)
    return Prospects(probability[place], lower[place], upper[place], days_to_win[place], place, scales, curves)


def back_test(deals: pl.DataFrame, past: Prospects, *, cutoff: Cutoff) -> tuple[Score, ...]:
    """Hold the chance to be won by the last day watched against who was.

    Args:
        deals: Deals open on the holdout day, with their outcome and `baseline_probability`.
        past: What the model learned by that day says of them.
        cutoff: Both days.

    Returns:
        Brier score, area under the ROC curve, calibration, bias of the number and of the amount; one Score each.
    """
    is_judged = np.isfinite(past.probability) & deals["baseline_probability"].is_not_null().to_numpy()
    judged = deals.filter(pl.Series(is_judged))
    won = judged["is_won_later"].cast(pl.Float64).to_numpy()
    watched_days = min((cutoff.until - cutoff.through).days, _HORIZON_DAYS)
    model = past.curves[watched_days][past.place][is_judged]
    baseline = judged["baseline_probability"].to_numpy()
    amount = judged["amount"].cast(pl.Float64).fill_null(0.0).to_numpy()
    brought = judged["won_amount"].cast(pl.Float64).fill_null(0.0).to_numpy() * (amount > 0)
    pairs = [
        ("brier", _brier(model, won), _brier(baseline, won), -1),
        ("auc", _auc(model, won), _auc(baseline, won), 1),
        ("calibration_error", _calibration_error(model, won), _calibration_error(baseline, won), -1),
        ("bias", _mean(model - won), _mean(baseline - won), 0),
        ("amount_bias", _share(amount @ model, brought.sum()), _share(amount @ baseline, brought.sum()), 0),
    ]
    return tuple(
        Score(
            model="stage_hazards",
            member="total",
            measure=measure,
            value=value,
            baseline=against,
            is_better=_is_better(value, against, direction=direction),
            learned_through=cutoff.through,
            watched_until=cutoff.until,
            case_count=judged.height,
        )
        for measure, value, against, direction in pairs
    )


def forecast(deals: pl.DataFrame, said: Prospects, *, day: date, is_publishable: bool) -> pl.DataFrame:
    """Sums by month of what is published: the model's chances where it may and can, else the baseline's.

    Args:
        deals: Open deals with `baseline_probability`, `expected_close_date`, `amount`, `customer_segment`, `team`.
        said: What the model says of them.
        day: The day on whose evening they are open.
        is_publishable: Whether the model may be published.
    """
    months = forecast_months(day)
    seller_month = [value.replace(day=1) if value else None for value in deals["expected_close_date"]]
    share = deals["baseline_probability"].cast(pl.Float64).fill_null(0.0).to_numpy()
    baseline = chances_in_month(share, month=seller_month, months=months)
    learned = monthly_chances(said.curves, ends=days_to_month_ends(day, months))[said.place]
    is_learned = np.isfinite(said.probability) & is_publishable
    return sum_by_month(
        deals,
        months=months,
        chances=np.where(is_learned[:, None], learned, baseline),
        scales=np.where(is_learned[None], said.scales[:, said.place], 1.0),
        baseline=baseline,
    ).with_columns(method=pl.lit("stage_hazards" if is_publishable else "stage_share"))


def _learn(inputs: Inputs, *, purpose: str) -> Learned:
    days = inputs.frames["days"].filter(pl.col("purpose") == purpose).drop("purpose")
    through = inputs.cutoffs[purpose].through
    parameters = inputs.fits.use(
        model=f"stage_hazards_{purpose}", through=through, data=days, fit=lambda: fit_hazards(days)
    )
    hazards = StageHazards.of(parameters)
    won, lost = hazards.outcome_count("won"), hazards.outcome_count("lost")
    few = min(won, lost) < MIN_OUTCOMES
    reason = f"{won} won and {lost} lost deals by {through}, {MIN_OUTCOMES} of each are needed" if few else None
    return Learned(hazards=hazards, through=through, reason=reason)


def _too_few_cases(deals: pl.DataFrame, past: Prospects) -> str | None:
    count = int(np.isfinite(past.probability).sum())
    if count >= MIN_CASES:
        return None
    return f"{count} of the {deals.height} deals open on the holdout day can be judged, {MIN_CASES} are needed"


def _deal_rows(deals: pl.DataFrame, said: Prospects, *, is_publishable: bool) -> pl.DataFrame:
    rows = deals.select("opportunity_key").with_columns(**_columns(said), is_publishable=pl.lit(is_publishable))
    return rows.filter(pl.col("win_probability").is_not_nan())


def _curve_rows(hazards: StageHazards, *, is_publishable: bool) -> pl.DataFrame:
    """The model as a table: each segment and stage at the first age of each band."""
    grid = pl.DataFrame({"customer_segment": hazards.segments}).join(
        pl.DataFrame({"stage_name": hazards.stages}, schema={"stage_name": pl.String}), how="cross"
    )
    grid = grid.join(pl.DataFrame({"days_in_stage": hazards.starts}), how="cross")
    rows = grid.with_columns(**_columns(prospects(hazards, deals=grid)), is_publishable=pl.lit(is_publishable))
    return rows.filter(pl.col("win_probability").is_not_nan()).sort("customer_segment", "stage_name", "days_in_stage")


def _columns(said: Prospects) -> dict[str, pl.Series]:
    return {
        "win_probability": pl.Series(said.probability.round(9)),
        "lower_probability": pl.Series(said.lower.round(9)),
        "upper_probability": pl.Series(said.upper.round(9)),
        "days_to_win": pl.Series(said.days_to_win, nan_to_null=True).cast(pl.Int64),
    }


def _days_to_half(curves: Floats, probability: Floats) -> Floats:
    half = curves >= probability / 2
    return np.where(half.any(axis=0) & (probability > 0), half.argmax(axis=0), np.nan)


def _brier(probability: Floats, won: Floats) -> float | None:
    return _mean((probability - won) ** 2)


def _auc(probability: Floats, won: Floats) -> float | None:
    """Share of pairs of a won and another deal in which the won one had the greater chance; half for equal ones."""
    wins, others = won.sum(), (1 - won).sum()
    if not wins or not others:
        return None
    ranks = pl.Series(probability).rank("average").to_numpy()
    return float((ranks[won == 1].sum() - wins * (wins + 1) / 2) / (wins * others))


def _calibration_error(probability: Floats, won: Floats) -> float | None:
    """Mean distance of expected and actual share over five groups of like chances, weighted by their deals."""
    groups = np.array_split(np.argsort(probability, kind="stable"), 5)
    gaps = [abs(probability[group].sum() - won[group].sum()) for group in groups]
    return _share(sum(gaps), won.size)


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if values.size else None


def _share(numerator: float, denominator: float) -> float | None:
    """Of an expected sum: how much of the actual one it is."""
    return float(numerator / denominator) if denominator else None


def _is_better(value: float | None, against: float | None, *, direction: int) -> bool | None:
    if not direction or value is None or against is None:
        return None
    return value * direction >= against * direction


def _loss_in_words(score: Score) -> str:
    return (
        f"win probabilities: Brier score {score.value:.4f} on {score.case_count} deals is worse than"
        f" {score.baseline:.4f} of the share won by stage, which is published instead"
    )


FAMILY = Family(
    name="win_probability",
    description="The chance to be won and the month of closing of every open deal, and what the pipeline will bring.",
    owner="data_science",
    reads={
        "days": "select * from predictions.pred_stage_exposures"
        " order by purpose, customer_segment, stage_name, band_start_days, destination",
        "cases": "select * from predictions.pred_opportunity_cases order by purpose, opportunity_key",
    },
    models=("predictions.pred_stage_exposures", "predictions.pred_opportunity_cases"),
    writes=(DEALS, CURVES, FORECASTS, BACKTESTS, SAID),
    predict=predict_wins,
)
