"""What a model of churn sees of a customer, as numbers and in words; fitting and measuring are in `churn_models`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

DRIVERS: Mapping[str, tuple[str, ...]] = {
    "rhythm": ("silence", "silence_30", "silence_60", "silence_120", "overdue", "overdue_1", "has_no_rhythm", "gap"),
    "purchases": ("purchase_days", "orders_90", "orders_360"),
    "spending": ("trend_90", "trend_180"),
    "returns": ("returns",),
    "service": ("tickets", "complaints"),
    "satisfaction": ("satisfaction", "has_no_answer"),
    "mailings": ("mailings", "reactions", "unsubscribed"),
    "visits": ("visits",),
    "tenure": ("tenure",),
    "club": ("member",),
    "contract": ("contracts", "has_end", "end_near"),
}
"""Columns of the design by what they say together: the parts of a driver are added up before drivers are ranked."""

COLUMNS: tuple[str, ...] = tuple(column for columns in DRIVERS.values() for column in columns)

_UNKNOWN_GAP_DAYS = 60.0
_NEVER_BOUGHT_DAYS = 180.0
_NEUTRAL_SCORE = 0.7
_SMALL_CHANGE = 50.0
"""Added to both sides of a trend, so that few euros more or less are none."""


def design(cases: pl.DataFrame) -> npt.NDArray[np.float64]:
    """The numbers a model sees.

    Args:
        cases: Rows of `pred_churn_features`.

    Returns:
        One row per case, one column per entry of `COLUMNS`, all finite: linear splines of silence and lateness,
        logarithms of counts and of ratios of spending, flags where something is unknown.
    """
    silence = pl.col("days_since_last_order").cast(pl.Float64).fill_null(_NEVER_BOUGHT_DAYS).clip(0, 720)
    overdue = pl.col("overdue_ratio").fill_null(0.0).fill_nan(0.0).clip(0, 6)
    end = pl.col("days_to_contract_end").cast(pl.Float64)
    frame = cases.select(
        silence=silence,
        silence_30=(silence - 30).clip(0),
        silence_60=(silence - 60).clip(0),
        silence_120=(silence - 120).clip(0),
        overdue=overdue.log1p(),
        overdue_1=(overdue - 1).clip(0),
        has_no_rhythm=pl.col("overdue_ratio").is_null().cast(pl.Float64),
        gap=pl.col("usual_gap_days").fill_nan(None).fill_null(_UNKNOWN_GAP_DAYS).clip(1, 360).log(),
        purchase_days=_logarithm("purchase_day_count"),
        orders_90=_logarithm("order_count_90d"),
        orders_360=_logarithm("order_count_360d"),
        trend_90=_trend("revenue_90d_amount", "revenue_prior_90d_amount"),
        trend_180=_trend("revenue_180d_amount", "revenue_prior_180d_amount"),
        returns=_logarithm("return_count_180d"),
        tickets=_logarithm("ticket_count_90d"),
        complaints=_logarithm("complaint_count_90d"),
        satisfaction=pl.col("last_satisfaction_score").fill_null(_NEUTRAL_SCORE).fill_nan(_NEUTRAL_SCORE),
        has_no_answer=pl.col("last_satisfaction_score").is_null().cast(pl.Float64),
        mailings=_logarithm("mailing_count_180d"),
        reactions=_logarithm("reaction_count_180d"),
        unsubscribed=pl.col("has_unsubscribed").cast(pl.Float64),
        visits=_logarithm("visit_count_90d"),
        tenure=_logarithm("tenure_days"),
        member=pl.col("is_loyalty_member").cast(pl.Float64),
        contracts=_logarithm("active_contract_count"),
        has_end=end.is_not_null().cast(pl.Float64),
        end_near=(1 - end.clip(0, 180) / 180).fill_null(0.0),
    )
    return frame.select(pl.col(*COLUMNS).fill_null(0.0)).to_numpy().astype(np.float64)


def top_drivers(
    cases: pl.DataFrame, *, contributions: npt.NDArray[np.float64], currency: str, count: int = 3
) -> pl.DataFrame:
    """What moves the risk of each customer most, in words.

    Args:
        cases: Rows of `pred_churn_features`.
        contributions: What each column of the design adds to the log-odds, against the average customer.
        currency: Of the amounts.
        count: Drivers wanted.

    Returns:
        `driver_1` …: the strongest first, with its direction; null where nothing moves the risk.
    """
    starts = np.cumsum([0, *(len(columns) for columns in DRIVERS.values())])[:-1]
    sums = np.add.reduceat(contributions, starts, axis=1) if len(contributions) else np.zeros((0, len(DRIVERS)))
    sums = sums.round(6)
    order = np.argsort(-np.abs(sums), axis=1, kind="stable")[:, :count]
    words = cases.select(**_words(currency))
    columns = []
    for rank in range(count):
        chosen = pl.Series("chosen", order[:, rank])
        strength = pl.Series("strength", np.take_along_axis(sums, order[:, [rank]], axis=1)[:, 0])
        ranked = words.with_columns(chosen, strength)
        text = pl.coalesce(pl.when(pl.col("chosen") == index).then(pl.col(name)) for index, name in enumerate(DRIVERS))
        direction = (
            pl.when(pl.col("strength") > 0).then(pl.lit(" (raises the risk)")).otherwise(pl.lit(" (lowers the risk)"))
        )
        said = pl.when(pl.col("strength") != 0).then(text + direction)
        columns.append(ranked.select(said.cast(pl.String).alias(f"driver_{rank + 1}")).to_series())
    return pl.DataFrame(columns)


def rule_drivers(cases: pl.DataFrame, *, currency: str) -> pl.Series:
    """The one thing that the rule looks at, in words: the contract, or the rhythm."""
    words = _words(currency)
    chosen = pl.when(pl.col("customer_type") == "contract").then(words["contract"]).otherwise(words["rhythm"])
    return cases.select(chosen.alias("driver_1")).to_series()


def _logarithm(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Float64).fill_null(0.0).clip(0).log1p()


def _trend(recent: str, before: str) -> pl.Expr:
    amounts = [pl.col(name).cast(pl.Float64).fill_null(0.0).clip(0) + _SMALL_CHANGE for name in (recent, before)]
    return (amounts[0] / amounts[1]).log()


def _words(currency: str) -> dict[str, pl.Expr]:
    silence, gap = (
        pl.col("days_since_last_order"),
        pl.col("usual_gap_days").fill_nan(None).round(0).clip(1).cast(pl.Int64),
    )
    rhythm = (
        pl.when(silence.is_null())
        .then(pl.lit("has not bought yet"))
        .when(gap.is_null())
        .then(pl.format("bought last {} days ago, no usual rhythm yet", silence))
        .otherwise(pl.format("bought last {} days ago, usually every {} days", silence, gap))
    )
    spent = [pl.col(f"revenue_{name}_amount").cast(pl.Float64).round(0).cast(pl.Int64) for name in ("90d", "prior_90d")]
    service = (
        pl.when(pl.col("complaint_count_90d") > 0)
        .then(pl.format("{} in 90 days", _counted("complaint_count_90d", "complaint")))
        .otherwise(pl.format("{} in 90 days", _counted("ticket_count_90d", "ticket")))
    )
    score = (pl.col("last_satisfaction_score") * 100).round(0).cast(pl.Int64)
    mailings = pl.format(
        "{} in 180 days, {}", _counted("mailing_count_180d", "mailing"), _counted("reaction_count_180d", "reaction")
    )
    return {
        "rhythm": rhythm,
        "purchases": pl.format("{} in 360 days", _counted("order_count_360d", "order")),
        "spending": pl.format(f"spent {{}} {currency} in 90 days, {{}} {currency} in the 90 before", *spent),
        "returns": pl.format("{} in 180 days", _counted("return_count_180d", "return")),
        "service": service,
        "satisfaction": pl.coalesce(
            pl.format("last survey score {} of 100", score), pl.lit("no survey answered in 360 days")
        ),
        "mailings": pl.when(pl.col("has_unsubscribed")).then(pl.lit("unsubscribed from mailings")).otherwise(mailings),
        "visits": pl.format("{} to the web shop in 90 days", _counted("visit_count_90d", "visit")),
        "tenure": pl.coalesce(pl.format("customer for {}", _counted("tenure_days", "day")), pl.lit("new customer")),
        "club": pl.when(pl.col("is_loyalty_member"))
        .then(pl.lit("member of the customer club"))
        .otherwise(pl.lit("not in the customer club")),
        "contract": pl.coalesce(
            pl.format("contract ends on {}", pl.col("contract_end_date").dt.to_string("%Y-%m-%d")),
            pl.format("{} without an end", _counted("active_contract_count", "contract")),
        ),
    }


def _counted(column: str, noun: str) -> pl.Expr:
    """A number with its noun: 1 order, 2 orders, no orders."""
    number = pl.col(column)
    return (
        pl.when(number == 0)
        .then(pl.lit(f"no {noun}s"))
        .when(number == 1)
        .then(pl.lit(f"1 {noun}"))
        .otherwise(pl.format(f"{{}} {noun}s", number))
    )
