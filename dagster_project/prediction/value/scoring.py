"""What each customer is expected to buy and bring in over a horizon, and how sure that is; nothing is fitted here."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dagster_project.prediction.value.fitting import CONTRACTS, ContractFit, ValueFit, member_of
from dagster_project.prediction.value.optimum import FloatArray, spread_directions

if TYPE_CHECKING:
    from dagster_project.prediction.value.spend import SpendFit

NOMINAL = 0.80
"""Share of the customers whose value is to lie within the interval."""
_AMOUNTS = ("predicted_amount", "lower_amount", "upper_amount")


@dataclass(frozen=True, eq=False)
class Horizon:
    """Calendar months ahead of a day: the days after which they end, and what money at their ends is worth today."""

    ends: FloatArray
    factors: FloatArray


def horizon_after(day: date, *, months: int, annual_discount_rate: float) -> Horizon:
    """The months after `day`; the 31st plus a month is the last day of that month, as in `date_plus`.

    Args:
        day: Last day seen.
        months: How many.
        annual_discount_rate: 0 for none.
    """
    ends = [(_months_after(day, count) - day).days for count in range(1, months + 1)]
    factors = (1.0 + annual_discount_rate) ** (-np.arange(1, months + 1) / 12.0)
    return Horizon(np.array(ends, dtype=np.float64), factors)


def _months_after(day: date, count: int) -> date:
    years, month = divmod(day.month - 1 + count, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def score_customers(
    customers: pl.DataFrame,
    *,
    histories: pl.DataFrame,
    contracts: pl.DataFrame,
    own: tuple[str, ...],
    fits: Mapping[str, ValueFit],
    contract_fit: ContractFit,
    horizon: Horizon,
) -> pl.DataFrame:
    """One row per customer; amounts are null where a fit that the customer needs may not be used.

    Args:
        customers: `customer_key` of all who ever bought something or had a contract.
        histories: Their purchases, of the same purpose.
        contracts: Their stretches under contract, of the same purpose.
        own: Segments with a fit of their own.
        fits: By member.
        contract_fit: Of contracts.
        horizon: Months ahead.
    """
    placed = histories.with_columns(member_of(own).alias("member"))
    parts = [_purchase_part(placed.filter(pl.col("member") == name), fit, horizon) for name, fit in fits.items()]
    joined = (
        customers.select("customer_key")
        .join(pl.concat(parts), on="customer_key", how="left", maintain_order="left")
        .join(_contract_part(contracts, contract_fit, horizon), on="customer_key", how="left", maintain_order="left")
        .with_columns(
            pl.col("member").fill_null(CONTRACTS),
            pl.col("expected_contract_months").is_not_null().alias("has_contract"),
        )
    )
    return _rounded(_with_amounts(joined))


_PURCHASES: Mapping[str, type[pl.DataType]] = {
    "customer_key": pl.String,
    "member": pl.String,
    "probability_alive": pl.Float64,
    "expected_purchases": pl.Float64,
    "purchase_margin_amount": pl.Float64,
    "purchases_mean": pl.Float64,
    "purchases_square": pl.Float64,
    "nothing_probability": pl.Float64,
}


def _purchase_part(histories: pl.DataFrame, fit: ValueFit, horizon: Horizon) -> pl.DataFrame:
    """Expected purchases, and the first two moments of what they bring in."""
    if fit.problem or fit.purchases is None or fit.spend is None or histories.is_empty():
        known = histories.select("customer_key", "member")
        missing = [pl.lit(None, dtype=kind).alias(name) for name, kind in list(_PURCHASES.items())[2:]]
        return known.with_columns(missing)
    from dagster_project.prediction.value import purchases as law
    from dagster_project.prediction.value.intervals import expectation_errors
    from dagster_project.prediction.value.spend import expected_mean_value

    names = ("repeat_purchase_days", "recency_days", "age_days")
    distinct, index = law.distinct_histories(*(histories[name].to_numpy() for name in names))
    alive = law.probability_alive(fit.purchases, distinct)
    expected = law.expected_purchases(fit.purchases, distinct, horizon=float(horizon.ends[-1]))
    discounted = law.discounted_purchases(fit.purchases, distinct, ends=horizon.ends, discount_factors=horizon.factors)
    shape = fit.purchases.r + distinct.frequency
    of_living = expected / np.maximum(alive, 1e-300)
    nothing = 1.0 - alive * -np.expm1(-shape * np.log1p(of_living / shape))
    square = alive * (of_living + of_living**2 * (1.0 + 1.0 / shape))
    weight = discounted / np.maximum(expected, 1e-300)
    days = histories["valued_purchase_days"].cast(pl.Float64).to_numpy()
    mean = histories["mean_purchase_margin_amount"].cast(pl.Float64).fill_null(0.0).to_numpy()
    value = expected_mean_value(fit.spend, repeat_purchases=days, mean_value=mean) * fit.kept_rate
    within, between = _relative_spread(fit.spend.p, fit.spend.q + fit.spend.p * days)
    amount = discounted[index] * value
    errors = expectation_errors(fit.purchases, distinct, horizon=float(horizon.ends[-1]))
    unsure = (errors / np.maximum(expected, 1e-300))[index] ** 2
    unsure = np.minimum(unsure + _of_value(fit.spend, days=days, mean=mean), 1.0)
    spread = (value * weight[index]) ** 2 * (expected[index] * within + square[index] * between)
    return pl.DataFrame(
        {
            "customer_key": histories["customer_key"],
            "member": histories["member"],
            "probability_alive": alive[index],
            "expected_purchases": expected[index],
            "purchase_margin_amount": value,
            "purchases_mean": amount,
            "purchases_square": spread + unsure * amount**2,
            "nothing_probability": nothing[index],
        }
    )


def _of_value(fit: SpendFit, *, days: FloatArray, mean: FloatArray) -> FloatArray:
    """Variance of the expected value of a purchase that comes from not knowing the parameters, over its square."""
    from dagster_project.prediction.value.spend import expected_mean_value

    expected = expected_mean_value(fit, repeat_purchases=days, mean_value=mean)
    moved = (
        expected_mean_value(fit.moved(step), repeat_purchases=days, mean_value=mean)
        for step in spread_directions(fit.covariance)
    )
    total: FloatArray = np.sum([(other / expected - 1.0) ** 2 for other in moved], axis=0) + np.zeros(expected.size)
    return total


def _relative_spread(p: float, shape: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Of one purchase, and of the customer's own mean, both as E[.²] ÷ mean² of the gamma-gamma model.

    With own rate n ~ Gamma(shape, scale) a purchase has mean p / n and variance p / n²: E[1 / n²] ÷ E[1 / n]² is
    (shape - 1) ÷ (shape - 2).
    """
    between = (shape - 1.0) / np.maximum(shape - 2.0, 0.25)
    return between / p, between


def _contract_part(contracts: pl.DataFrame, fit: ContractFit, horizon: Horizon) -> pl.DataFrame:
    """Months that a running contract is expected to be paid, and the moments of what they bring in."""
    schema = {
        "customer_key": pl.String,
        "expected_contract_months": pl.Float64,
        "contract_mean": pl.Float64,
        "contract_variance": pl.Float64,
    }
    running = contracts.filter(~pl.col("is_lost")).unique("customer_key", keep="last", maintain_order=True)
    if running.is_empty():
        return pl.DataFrame(schema=schema)
    keys = running["customer_key"]
    if fit.problem:
        nan = pl.Series([float("nan")]).new_from_index(0, running.height)
        return pl.DataFrame([keys, *(nan.alias(name) for name in list(schema)[1:])])
    renewals, index = np.unique(running["renewal_count"].cast(pl.Float64).to_numpy(), return_inverse=True)
    stays = fit.stays(renewals, months=np.arange(1.0, horizon.ends.size + 1.0))
    paid = np.cumsum(horizon.factors)
    worth = (stays @ horizon.factors)[index]
    square = (stays @ (paid**2 - np.append(0.0, paid[:-1]) ** 2))[index]
    margin = running["monthly_margin_amount"].cast(pl.Float64).fill_null(0.0).to_numpy()
    return pl.DataFrame(
        {
            "customer_key": keys,
            "expected_contract_months": stays.sum(axis=1)[index],
            "contract_mean": worth * margin,
            "contract_variance": np.maximum(square - worth**2, 0.0) * margin**2,
        }
    )


def _with_amounts(joined: pl.DataFrame) -> pl.DataFrame:
    """Both parts together: a customer has no amount if one that he needs could not be scored."""
    bought = pl.when(pl.col("member") == CONTRACTS).then(0.0).otherwise(pl.col("purchases_mean"))
    kept = joined.with_columns(mean=bought + pl.col("contract_mean").fill_null(0.0))
    kept = kept.with_columns(pl.col("mean").fill_null(float("nan")))
    mean = kept["mean"].to_numpy()
    contract = kept["contract_mean"].fill_null(0.0).to_numpy()
    purchases = kept["purchases_mean"].fill_null(0.0).to_numpy()
    variance = np.maximum(kept["purchases_square"].fill_null(0.0).to_numpy() - purchases**2, 0.0)
    variance = variance + kept["contract_variance"].fill_null(0.0).to_numpy()
    nothing = np.where(contract != 0.0, 0.0, kept["nothing_probability"].fill_null(0.0).to_numpy())
    lower, upper = amount_interval(mean, variance=variance, nothing=nothing)
    amounts = zip(_AMOUNTS, (mean, lower, upper), strict=True)
    return kept.with_columns(pl.Series(name, values).fill_nan(None) for name, values in amounts)


def amount_interval(mean: FloatArray, *, variance: FloatArray, nothing: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The interval that a customer's amount lies in with the nominal chance of 80 %, 10 % on either side.

    The amount is nothing with probability `nothing`, else gamma distributed with what is left of mean and variance.
    Where nothing is likelier than 10 %, the lower end is 0 and the interval holds what the upper end holds: 90 %, or
    all that is nothing.

    Args:
        mean: Expected amount; where it is not positive or not a number, both ends are the mean.
        variance: Of the amount.
        nothing: Probability that nothing comes.

    Returns:
        Lower and upper ends.
    """
    from scipy import special

    with np.errstate(divide="ignore", invalid="ignore"):
        something = np.maximum(1.0 - nothing, 1e-12)
        center = mean / something
        spread = np.maximum((variance + mean**2) / something - center**2, 1e-12 * center**2)
        shape = center**2 / spread
        ends = []
        for chance in ((1.0 - NOMINAL) / 2.0, (1.0 + NOMINAL) / 2.0):
            left = np.clip((chance - nothing) / something, 0.0, 1.0)
            end = special.gammaincinv(shape, left) * spread / center
            ends.append(np.where(mean > 0.0, end, mean))
    return ends[0], ends[1]


def _rounded(scored: pl.DataFrame) -> pl.DataFrame:
    return scored.select(
        "customer_key",
        "member",
        "has_contract",
        pl.col("probability_alive").round(9),
        pl.col("expected_purchases").round(9),
        pl.col("expected_contract_months").fill_nan(None).round(9),
        pl.col("purchase_margin_amount", *_AMOUNTS).round(2),
    )
