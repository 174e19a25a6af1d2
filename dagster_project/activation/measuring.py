"""What a list will be able to show: base rate, smallest effect it can detect, and whether chance drew its holdout."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from dagster_project.activation.judging import HOLDOUT, MEMBER

if TYPE_CHECKING:
    import duckdb

Z_CONFIDENCE = 1.959963984540054
"""Two-sided 95 %."""

Z_POWER = 0.8416212335729143
"""A power of 80 %."""

CHI2_LIMIT = 10.827566170662733
"""Sample-ratio mismatch: chi-square with one degree of freedom, p < 0.001."""


@dataclass(frozen=True)
class Prospects:
    """What a list can show, as far as it is known before it leaves."""

    treated_count: int
    holdout_count: int
    base_rate: float | None
    minimum_detectable_effect: float | None
    sample_ratio_chi2: float | None

    @property
    def has_mismatch(self) -> bool:
        """Chance alone would hardly have drawn a holdout of this size."""
        return self.sample_ratio_chi2 is not None and self.sample_ratio_chi2 > CHI2_LIMIT


def detectable_effect(base_rate: float, *, treated: int, holdout: int) -> float | None:
    """The smallest difference of two rates that a test with 95 % confidence finds in 80 of 100 cases.

    Args:
        base_rate: Share that answers unaddressed, 0 to 1.
        treated: People addressed.
        holdout: People held out.

    Returns:
        An absolute difference of rates (0.02: two in a hundred more), None without people on either side. By the
        normal approximation with the variance of the base rate (Fleiss, Statistical Methods for Rates and
        Proportions, chapter 4).
    """
    if treated <= 0 or holdout <= 0:
        return None
    variance = base_rate * (1 - base_rate) * (1 / treated + 1 / holdout)
    return round((Z_CONFIDENCE + Z_POWER) * math.sqrt(variance), 9)


def prospects(connection: duckdb.DuckDBPyConnection, *, as_of: date) -> dict[str, Prospects]:
    """What every contact list that holds somebody out can show; needs the tables `judged`, `lists` and `assigned`.

    The base rate is what the people of the list did in the last `outcome_days` days: (orderers + 1) / (people + 2), so
    that a list of people who bought nothing does not promise to see any effect at all.

    Args:
        connection: The warehouse with its journals.
        as_of: The night.
    """
    rows = connection.execute(_PROSPECTS, {"as_of": as_of}).fetchall()
    found = {}
    for segment, treated, holdout, buyers, observed, expected, variance in rows:
        base_rate = (buyers + 1) / (treated + holdout + 2)
        found[segment] = Prospects(
            treated_count=treated,
            holdout_count=holdout,
            base_rate=round(base_rate, 9),
            minimum_detectable_effect=detectable_effect(base_rate, treated=treated, holdout=holdout),
            sample_ratio_chi2=round((observed - expected) ** 2 / variance, 9) if variance else None,
        )
    return found


_PROSPECTS = f"""
    with people as (

        select judged.segment, judged.customer_key, judged.verdict, judged.since_date, lists.holdout_share
        from judged
        inner join lists on judged.segment = lists.segment
        where lists.is_contact and lists.holdout_share > 0 and judged.verdict in ('{MEMBER}', '{HOLDOUT}')

    ),

    latest_orders as (

        select customer_key, max(order_date) as order_date
        from core.fct_order_lines
        where is_countable and order_date <= $as_of
        group by customer_key

    ),

    counted as (

        select
            people.segment,
            count(*) filter (where people.verdict = '{MEMBER}') as treated_count,
            count(*) filter (where people.verdict = '{HOLDOUT}') as holdout_count,
            count(*) filter (
                where latest_orders.order_date > $as_of - cast(lists.outcome_days as integer)
            ) as buyer_count
        from people
        inner join lists on people.segment = lists.segment
        left join latest_orders on people.customer_key = latest_orders.customer_key
        group by people.segment

    ),

    -- Drawn so far: who was assigned on earlier nights, by the share of that night, and who is new tonight.
    drawn as (

        select
            assigned.segment,
            assigned.customer_key,
            min_by(assigned.arm, assigned.assigned_date) = '{HOLDOUT}' as is_holdout,
            min_by(segments.holdout_share, assigned.assigned_date) as holdout_share
        from assigned
        inner join journal.segments
            on assigned.segment = segments.segment and assigned.assigned_date = segments.as_of_date
        where assigned.arm <> 'global_holdout' and assigned.assigned_date < $as_of
        group by assigned.segment, assigned.customer_key

        union all

        select people.segment, people.customer_key, people.verdict = '{HOLDOUT}', people.holdout_share
        from people
        left join assigned
            on
                people.segment = assigned.segment
                and people.customer_key = assigned.customer_key
                and assigned.assigned_date < $as_of
        where assigned.customer_key is null

    ),

    ratios as (

        select
            segment,
            count(*) filter (where is_holdout) as holdout_count,
            sum(holdout_share) as expected_count,
            sum(holdout_share * (1 - holdout_share)) as variance
        from drawn
        group by segment

    )

    select
        counted.segment,
        counted.treated_count,
        counted.holdout_count,
        counted.buyer_count,
        coalesce(ratios.holdout_count, 0),
        coalesce(ratios.expected_count, 0),
        coalesce(ratios.variance, 0)
    from counted
    left join ratios on counted.segment = ratios.segment
"""
