"""Looks at a finished list once more, by other SQL than that which made it: nobody unwilling, blocked or held out."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from dagster_project.activation.judging import GLOBAL, bucket
from dagster_project.activation.segments import CUSTOMER_KEY, SegmentDefinition
from dagster_project.quality.findings import Finding

if TYPE_CHECKING:
    import duckdb

_MESSAGES = {
    "consent": "of the list have no consent in force for its purpose and channel",
    "suppression": "of the list are on a suppression list",
    "holdout": "of the list are held out of it, to measure what it changes",
}


def find_leaks(
    connection: duckdb.DuckDBPyConnection, segment: SegmentDefinition, *, members: pl.DataFrame, as_of: date
) -> tuple[Finding, ...]:
    """Whoever is in a contact list and must not be; any finding holds the list back and cannot be released.

    Reads the warehouse and the journals only, none of the tables that the judgement left behind.

    Args:
        connection: The warehouse, with tonight's verdicts in its journals.
        segment: Whose list.
        members: The list as it would leave.
        as_of: The night.
    """
    if not segment.settings.is_contact:
        return ()
    connection.register("_leaving", members.select(pl.col(CUSTOMER_KEY).cast(pl.String)).to_arrow())
    try:
        rows = connection.execute(_LEAKS, _parameters(segment, as_of)).fetchall()
    finally:
        connection.unregister("_leaving")
    return tuple(
        Finding(severity="refuse", check=f"leak: {kind}", column=CUSTOMER_KEY, message=f"{count} {_MESSAGES[kind]}")
        for kind, count in rows
        if count
    )


def _parameters(segment: SegmentDefinition, as_of: date) -> dict[str, object]:
    settings = segment.settings
    return {
        "segment": segment.name,
        "purpose": settings.purpose,
        "channel": settings.channel,
        "holdout_share": settings.holdout_share,
        "needs_double_opt_in": settings.needs_double_opt_in,
        "as_of": as_of,
    }


_LEAKS = f"""
    with leaving as (

        select {CUSTOMER_KEY} as customer_key, {CUSTOMER_KEY} as any_key from _leaving
        union
        select _leaving.{CUSTOMER_KEY}, records.account_key
        from _leaving
        inner join core.dim_customer_records as records on _leaving.{CUSTOMER_KEY} = records.customer_key

    ),

    said as (

        select
            customer_key,
            bool_and(coalesce(is_granted and cast(since_date as date) <= $as_of, false))
            and (not $needs_double_opt_in or bool_and(coalesce(is_double_opt_in, false))) as is_granted
        from core.dim_consents
        where purpose = $purpose and channel in ($channel, 'any')
        group by customer_key

    ),

    treated_before as (

        select leaving.customer_key, bool_or(assignments.segment = $segment) as is_here
        from leaving
        inner join journal.segment_assignments as assignments on leaving.any_key = assignments.customer_key
        where assignments.arm = 'treated'
        group by leaving.customer_key

    ),

    drawn as (

        select
            _leaving.{CUSTOMER_KEY} as customer_key,
            {bucket(f"'{GLOBAL}'", f"_leaving.{CUSTOMER_KEY}")} < parameters.global_holdout_share as is_everywhere,
            {bucket("$segment", f"_leaving.{CUSTOMER_KEY}")} < $holdout_share as is_here
        from _leaving
        cross join core.dim_parameters as parameters

    ),

    held_out as (

        select leaving.customer_key
        from leaving
        inner join journal.holdouts on leaving.any_key = holdouts.customer_key
        where holdouts.scope in ('{GLOBAL}', $segment)
        union
        select drawn.customer_key
        from drawn
        left join treated_before on drawn.customer_key = treated_before.customer_key
        where
            (drawn.is_everywhere and treated_before.customer_key is null)
            or (drawn.is_here and treated_before.is_here is distinct from true)

    )

    select 'consent' as kind, count(*) as leaks
    from _leaving
    left join said on _leaving.{CUSTOMER_KEY} = said.customer_key
    where said.is_granted is distinct from true

    union all

    select 'suppression', count(distinct suppressions.customer_key)
    from _leaving
    inner join core.dim_suppressions as suppressions on _leaving.{CUSTOMER_KEY} = suppressions.customer_key
    where suppressions.channel in ($channel, 'any') or suppressions.reason = 'deceased'

    union all

    select 'holdout', count(*) from held_out
"""
