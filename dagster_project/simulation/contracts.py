"""Service contracts of companies: geometric life, successors within grace, second contracts, failed payments."""

from __future__ import annotations

import numpy as np
import polars as pl

from dagster_project.simulation.company import Company
from dagster_project.simulation.draws import Ints, Random, chance, stream
from dagster_project.simulation.horizon import DAY, NEVER, Horizon

REASONS = ("Preis", "Wettbewerber", "Umzug", "kein Bedarf", "Unzufriedenheit")


def make_contracts(company: Company, horizon: Horizon, *, customers: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Draw contracts for `customers` (person, segment, first_at), who leave each month with their segment's chance.

    Returns:
        One row per contract: person, started_day and ended_day (since the epoch; the last one paid for), cancelled_day,
        is_last (its end is the true churn of the customer), months (true life of the contract relation).
    """
    random = stream(seed, "contracts")
    segment = customers["segment"].to_numpy()
    chosen = chance(random, np.array(company.segment_values("contract_probability"))[segment], customers.height)
    holders = customers.filter(pl.Series(chosen))
    segment, size = holders["segment"].to_numpy(), holders.height
    churn = np.array(company.segment_values("contract_monthly_churn"))[segment]
    start = holders["first_at"].to_numpy() // DAY + random.integers(3, 20, size)
    months = random.geometric(np.maximum(churn, 1e-6))
    end = _add_months(start, months) - 1
    base = holders.select("person", "segment").with_columns(months=months, churn_day=end)
    main = base.with_columns(started_day=start, ended_day=end, is_last=True, amount_factor=1.0)
    parts = pl.concat([*_split(random, main), _second(random, main)])
    parts = parts.filter(pl.col("started_day") * DAY < horizon.end_second).sort(
        "started_day", "person", "is_last", maintain_order=True
    )
    size = parts.height
    amount = np.array(company.segment_values("contract_monthly_amount"))[parts["segment"].to_numpy()]
    notice = np.minimum(random.integers(10, 40, size), parts["ended_day"].to_numpy() - parts["started_day"].to_numpy())
    return parts.with_columns(
        contract=pl.int_range(pl.len(), dtype=pl.Int64),
        monthly_cents=(amount * 100 * parts["amount_factor"].to_numpy() * (0.8 + 0.4 * random.random(size))).astype(
            np.int64
        )
        // 100
        * 100,
        cancelled_day=parts["ended_day"].to_numpy() - notice,
        reason=random.integers(0, len(REASONS), size),
        failed_day=np.where(
            chance(random, 0.08, size), parts["started_day"].to_numpy() + random.integers(20, 200, size), NEVER // DAY
        ),
    )


def _split(random: Random, main: pl.DataFrame) -> list[pl.DataFrame]:
    """Some relations consist of two contracts with a gap shorter than the grace period: no churn in between."""
    length = main["ended_day"].to_numpy() - main["started_day"].to_numpy()
    split = chance(random, 0.15, main.height) & (length > 200)
    middle = (
        main["started_day"].to_numpy()
        + 100
        + (random.random(main.height) * np.maximum(length - 180, 0)).astype(np.int64)
    )
    gap = random.integers(1, 20, main.height)
    mask = pl.Series(split)
    first = main.with_columns(ended_day=middle, is_last=False).filter(mask)
    second = main.with_columns(started_day=middle + 1 + gap).filter(mask)
    return [main.filter(~mask), first, second]


def _second(random: Random, main: pl.DataFrame) -> pl.DataFrame:
    """Some customers have a second, smaller contract within the life of the first."""
    length = main["ended_day"].to_numpy() - main["started_day"].to_numpy()
    chosen = pl.Series(chance(random, 0.12, main.height) & (length > 120))
    start = main["started_day"].to_numpy() + 30
    end = start + 30 + (random.random(main.height) * np.maximum(length - 90, 0)).astype(np.int64)
    return main.with_columns(started_day=start, ended_day=end, is_last=False, amount_factor=0.5).filter(chosen)


def _add_months(day: Ints, months: Ints) -> Ints:
    start = day.astype("datetime64[D]")
    month = start.astype("datetime64[M]")
    offset = (start - month.astype("datetime64[D]")).astype(np.int64)
    target = month + months.astype("timedelta64[M]")
    length = ((target + np.timedelta64(1, "M")).astype("datetime64[D]") - target.astype("datetime64[D]")).astype(
        np.int64
    )
    moved: Ints = target.astype("datetime64[D]").astype(np.int64) + np.minimum(offset, length - 1)
    return moved
