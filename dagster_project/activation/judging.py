"""Judges every candidate of every list in one pass; who is one is dbt's business, what leaves is decided later."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING

import polars as pl

from dagster_project.activation.segments import CUSTOMER_KEY, REASON, SCHEMA, SegmentDefinition
from dagster_project.errors import CrmError

if TYPE_CHECKING:
    import duckdb

MEMBER, HOLDOUT, GLOBAL_HOLDOUT, LEFT = "member", "holdout", "global_holdout", "left"
GLOBAL = "global"
"""Scope of the holdout that no list reaches."""

MEANING: Mapping[str, str] = MappingProxyType(
    {
        "unknown_customer": "The warehouse knows no such customer",
        "test_customer": "A test record",
        "deleted_customer": "Deleted in the source system",
        "no_consent": "No consent in force for this purpose and channel on the date of the list",
        "no_usable_address": "No address that can be used on this channel",
        "shared_address": "Another member of the list has the same address",
        "poor_record": "The record is worse than the list demands",
        "suppressed": "On a suppression list, or reached at the address of somebody who is",
        "expired": "The list is past its last day",
        "cool_down": "Was on this list not long ago",
        "contact_cap": "Has been contacted often enough lately, over all lists and channels",
        "priority": "A list with a higher priority takes the customer tonight",
        GLOBAL_HOLDOUT: "Held out of all lists, to measure what they change",
        HOLDOUT: "Held out of this list, to measure what it changes",
    }
)
"""Every reason to be left out, in the order in which they are tried.

What the law demands comes first, pressure second, and the holdouts last: who is held out could have been addressed.
"""

LAWFUL = ("unknown_customer", "test_customer", "deleted_customer", "no_consent", "suppressed")
"""Reasons for which somebody has to leave a list at once, even one that is held back tonight."""

STAYING = (MEMBER, HOLDOUT, GLOBAL_HOLDOUT)
MERGED = "merged into another customer"
BARRED = "may not be contacted any more"

_USABLE = {
    "email": r"regexp_full_match(trim(email), '[^@\s]+@[^@\s]+\.[^@\s]+')",
    "phone": r"regexp_full_match(trim(phone), '[+(]?[0-9][-0-9 ()/.]*') "
    "and length(regexp_replace(phone, '[^0-9]', '', 'g')) between 6 and 15",
    "letter": "trim(name) <> '' and trim(street) <> '' and trim(postal_code) <> '' and trim(city) <> ''",
}
_ADDRESS = {
    "email": "lower(trim(email))",
    "phone": "regexp_replace(phone, '[^0-9]', '', 'g')",
    "letter": "lower(concat_ws('|', trim(street), trim(postal_code), trim(city)))",
}
CHANNELS = tuple(_USABLE)
_SETTINGS = {
    "segment": pl.String,
    "purpose": pl.String,
    "channel": pl.String,
    "is_contact": pl.Boolean,
    "priority": pl.Int64,
    "holdout_share": pl.Float64,
    "cool_down_days": pl.Int64,
    "contact_cap": pl.Int64,
    "outcome_days": pl.Int64,
    "min_record_score": pl.Float64,
    "needs_double_opt_in": pl.Boolean,
    "expires_date": pl.Date,
    "can_leave": pl.Boolean,
}


def bucket(scope: str, key: str) -> str:
    """SQL of the place in [0, 1) that a customer has in a scope for good: the same on every machine and night.

    Args:
        scope: SQL of `global` or of the name of a segment.
        key: SQL of the customer's key.
    """
    return f"cast('0x' || substr(sha256({scope} || '|' || {key}), 1, 13) as bigint) / pow(16, 13)"


def judge(
    connection: duckdb.DuckDBPyConnection,
    *,
    segments: Sequence[SegmentDefinition],
    can_leave: Collection[str],
    as_of: date,
) -> None:
    """Give every candidate of every segment its verdict, in the temporary table `judged`.

    `judged` has segment, member_key, customer_key, reason, position (place in the list), verdict and since_date (the
    night of the assignment of somebody who was assigned and has been on the list ever since). The temporary tables
    `current_keys`, `assigned` and `held_out` stay for the steps after this one.

    Args:
        connection: The warehouse with its journals.
        segments: All lists, whichever are written tonight: they compete for the same people.
        can_leave: Lists that may be delivered tonight; only they take somebody from others.
        as_of: The night.

    Raises:
        CrmError: A segment's table or one of its columns is missing, or the customers are not unique.
    """
    connection.register("_lists", _settings(segments, can_leave=can_leave))
    connection.execute(_LISTS)
    connection.unregister("_lists")
    _collect_candidates(connection, segments)
    has_scores = any(segment.settings.min_record_score > 0 for segment in segments)
    connection.execute(_people(has_scores=has_scores))
    _demand_unique_customers(connection)
    for statement in (_SUPPRESSED, _GRANTED, _CURRENT_KEYS, _ASSIGNED, _STANDING, _PRESSURE, _HELD_OUT, _JUDGED):
        connection.execute(statement.replace("$as_of", f"date '{as_of}'"))


def _settings(segments: Sequence[SegmentDefinition], *, can_leave: Collection[str]) -> pl.DataFrame:
    rows = [
        (
            one.name,
            one.settings.purpose,
            one.settings.channel,
            one.settings.is_contact,
            one.settings.priority,
            one.settings.holdout_share,
            one.settings.cool_down_days,
            one.settings.contact_cap,
            one.settings.outcome_days,
            one.settings.min_record_score,
            one.settings.needs_double_opt_in,
            one.settings.expires,
            one.name in can_leave,
        )
        for one in segments
    ]
    return pl.DataFrame(rows, schema=_SETTINGS, orient="row")


def _collect_candidates(connection: duckdb.DuckDBPyConnection, segments: Sequence[SegmentDefinition]) -> None:
    import duckdb

    connection.execute(
        "create or replace temp table candidates"
        " (segment varchar, member_key varchar, customer_key varchar, reason varchar, position bigint)"
    )
    for segment in segments:
        key = segment.settings.key
        try:
            connection.execute(
                f"""
                insert into candidates
                select
                    '{segment.name}',
                    cast("{key}" as varchar),
                    cast({CUSTOMER_KEY} as varchar),
                    cast({REASON} as varchar),
                    row_number() over (order by {order_of(segment)})
                from {SCHEMA}.{segment.name}
                """
            )
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise CrmError(
                f"the segment {segment.name} cannot be exported: {str(error).splitlines()[0]}",
                where=segment.file,
                remedy="Correct sort_by and key in its settings, or run `crm nightly`, which builds what is missing.",
            ) from error


def order_of(segment: SegmentDefinition) -> str:
    """SQL of a list's order: as its settings say, then by its keys."""
    wanted = [
        f'"{name.removeprefix("-")}" {"desc" if name.startswith("-") else "asc"} nulls last'
        for name in segment.settings.sort_by
    ]
    return ", ".join([*wanted, *(f'"{key}" nulls last' for key in segment.keys)])


def _people(*, has_scores: bool) -> str:
    score, join = ("scores.record_score", _SCORES) if has_scores else ("null", "")
    return f"""
        create or replace temp table people as
        select
            customers.customer_key,
            customers.is_test is distinct from false as is_test,
            customers.is_deleted is distinct from false as is_deleted,
            {", ".join(f"case when {_USABLE[one]} then {_ADDRESS[one]} end as {one}" for one in CHANNELS)},
            {", ".join(f"{_ADDRESS[one]} as any_{one}" for one in CHANNELS)},
            cast(coalesce({score}, 0) as double) as record_score
        from core.dim_customers as customers
        {join}
        where customers.is_current
    """


_LISTS = """
    create or replace temp table lists as
    select
        _lists.* replace (
            coalesce(_lists.contact_cap, parameters.contact_cap_count) as contact_cap,
            coalesce(_lists.outcome_days, parameters.outcome_window_days) as outcome_days
        )
    from _lists
    cross join core.dim_parameters as parameters
"""

_SCORES = "left join quality.dq_customer_record_scores as scores on customers.customer_key = scores.customer_key"


def _demand_unique_customers(connection: duckdb.DuckDBPyConnection) -> None:
    twice = connection.execute(
        "select customer_key from people group by customer_key having count(*) > 1 limit 1"
    ).fetchone()
    if twice:
        raise CrmError(
            "a customer has more than one current version",
            where="core.dim_customers",
            remedy="Run `crm nightly` to rebuild the customers.",
        )


def _by_channel(prefix: str, channel: str) -> str:
    cases = " ".join(f"when '{one}' then people.{prefix}{one}" for one in CHANNELS)
    return f"case {channel} {cases} end"


_CHANNEL_VALUES = ", ".join(f"('{one}')" for one in CHANNELS)
_CHANNEL_ROWS = f"(values {_CHANNEL_VALUES}) as channels (channel)"

_SUPPRESSED = f"""
    create or replace temp table suppressed as
    select distinct suppressions.customer_key, channels.channel
    from core.dim_suppressions as suppressions
    inner join {_CHANNEL_ROWS}
        on suppressions.channel in (channels.channel, 'any') or suppressions.reason = 'deceased';

    create or replace temp table suppressed_addresses as
    select distinct suppressed.channel, {_by_channel("any_", "suppressed.channel")} as address
    from suppressed
    inner join people on suppressed.customer_key = people.customer_key
    where {_by_channel("any_", "suppressed.channel")} is not null
"""

_GRANTED = f"""
    create or replace temp table granted as
    select
        consents.customer_key,
        consents.purpose,
        channels.channel,
        bool_and(coalesce(consents.is_double_opt_in, false)) as is_double_opt_in
    from core.dim_consents as consents
    inner join {_CHANNEL_ROWS} on consents.channel in (channels.channel, 'any')
    group by all
    having bool_and(coalesce(consents.is_granted and cast(consents.since_date as date) <= $as_of, false))
"""

_CURRENT_KEYS = """
    create or replace temp table current_keys as
    select account_key as former_key, customer_key
    from core.dim_customer_records
    where account_key <> customer_key
"""

_ASSIGNED = """
    create or replace temp table assigned as
    select
        assignments.segment,
        coalesce(current_keys.customer_key, assignments.customer_key) as customer_key,
        assignments.arm,
        assignments.as_of_date as assigned_date
    from journal.segment_assignments as assignments
    left join current_keys on assignments.customer_key = current_keys.former_key
    where assignments.as_of_date <= $as_of
"""

_STANDING = f"""
    create or replace temp table standing as
    with times as (

        select
            segment,
            customer_key,
            verdict,
            reason,
            as_of_date as from_date,
            lead(as_of_date) over (partition by segment, member_key order by as_of_date) as until_date
        from journal.segment_changes
        where as_of_date < $as_of

    ),

    -- Nobody leaves a list that is held back, unless the law takes him off it.
    left_again as (

        select
            times.segment,
            coalesce(current_keys.customer_key, times.customer_key) as customer_key,
            max(times.from_date) as left_date
        from times
        left join current_keys on times.customer_key = current_keys.former_key
        where
            times.verdict not in {STAYING}
            and not (times.verdict = '{LEFT}' and times.reason = '{MERGED}')
            and (
                times.verdict in {LAWFUL}
                or times.reason = '{BARRED}'
                or exists (
                    select 1
                    from journal.deliveries
                    where
                        deliveries.segment = times.segment
                        and deliveries.status = 'delivered'
                        and deliveries.as_of_date < $as_of
                        and deliveries.as_of_date >= times.from_date
                        and (times.until_date is null or deliveries.as_of_date < times.until_date)
                )
            )
        group by all

    )

    select assigned.segment, assigned.customer_key, min(assigned.assigned_date) as since_date
    from assigned
    left join left_again
        on assigned.segment = left_again.segment and assigned.customer_key = left_again.customer_key
    where left_again.left_date is null or assigned.assigned_date > left_again.left_date
    group by all
"""

_PRESSURE = """
    create or replace temp table last_assigned as
    select segment, customer_key, max(assigned_date) as assigned_date
    from assigned
    where assigned_date < $as_of
    group by all;

    create or replace temp table pressure as
    with parameters as (

        select contact_cap_count, contact_cap_days from core.dim_parameters

    ),

    contacts as (

        select assigned.customer_key, count(distinct (assigned.segment, assigned.assigned_date)) as contact_count
        from assigned
        cross join parameters
        where
            assigned.assigned_date > $as_of - cast(parameters.contact_cap_days as integer)
            and assigned.assigned_date < $as_of
        group by all

        union all

        select campaign_contacts.customer_key, count(*) as contact_count
        from core.fct_campaign_contacts as campaign_contacts
        cross join parameters
        left join core.dim_campaigns as campaigns on campaign_contacts.campaign_key = campaigns.campaign_key
        where
            not campaign_contacts.is_control
            and not campaign_contacts.is_deleted
            and campaigns.segment is null
            and campaign_contacts.contact_date > $as_of - cast(parameters.contact_cap_days as integer)
            and campaign_contacts.contact_date <= $as_of
        group by all

    )

    select customer_key, sum(contact_count) as contact_count
    from contacts
    group by all
"""

_HELD_OUT = f"""
    create or replace temp table held_out as
    select distinct holdouts.scope, coalesce(current_keys.customer_key, holdouts.customer_key) as customer_key
    from journal.holdouts
    left join current_keys on holdouts.customer_key = current_keys.former_key
    where holdouts.as_of_date < $as_of

    union

    select '{GLOBAL}' as scope, people.customer_key
    from people
    cross join core.dim_parameters as parameters
    where
        people.customer_key <> 'unknown'
        and {bucket(f"'{GLOBAL}'", "people.customer_key")} < parameters.global_holdout_share
        and people.customer_key not in (
            select customer_key from assigned where arm = 'treated' and assigned_date < $as_of
        )

    union

    select candidates.segment as scope, candidates.customer_key
    from candidates
    inner join lists on candidates.segment = lists.segment and lists.holdout_share > 0
    where
        {bucket("candidates.segment", "candidates.customer_key")} < lists.holdout_share
        and (candidates.segment, candidates.customer_key) not in (
            select (segment, customer_key) from assigned where arm = 'treated' and assigned_date < $as_of
        )
"""

_JUDGED = f"""
    create or replace temp table judged as
    with looked_up as (

        select
            candidates.*,
            lists.is_contact,
            lists.channel,
            lists.priority,
            lists.can_leave,
            lists.cool_down_days,
            lists.contact_cap,
            lists.expires_date,
            people.record_score < lists.min_record_score as is_poor,
            {_by_channel("", "lists.channel")} as address,
            case
                when
                    people.customer_key is null or (lists.is_contact and people.customer_key = 'unknown')
                    then 'unknown_customer'
                when people.is_test then 'test_customer'
                when people.is_deleted then 'deleted_customer'
                when not lists.is_contact then null
                when granted.customer_key is null then 'no_consent'
                when lists.needs_double_opt_in and not granted.is_double_opt_in then 'no_consent'
                when {_by_channel("", "lists.channel")} is null then 'no_usable_address'
            end as early_verdict
        from candidates
        inner join lists on candidates.segment = lists.segment
        left join people on candidates.customer_key = people.customer_key
        left join granted
            on
                candidates.customer_key = granted.customer_key
                and lists.purpose = granted.purpose
                and lists.channel = granted.channel

    ),

    lawful as (

        select
            looked_up.*,
            case
                when looked_up.early_verdict is not null then looked_up.early_verdict
                when
                    looked_up.channel in ('email', 'phone')
                    and row_number() over (
                        partition by looked_up.segment, looked_up.early_verdict, looked_up.address
                        order by looked_up.position
                    ) > 1
                    then 'shared_address'
                when looked_up.is_contact and looked_up.is_poor then 'poor_record'
                when suppressed.customer_key is not null or suppressed_addresses.address is not null then 'suppressed'
                when looked_up.expires_date < $as_of then 'expired'
            end as lawful_verdict
        from looked_up
        left join suppressed
            on looked_up.customer_key = suppressed.customer_key and looked_up.channel = suppressed.channel
        left join suppressed_addresses
            on looked_up.channel = suppressed_addresses.channel and looked_up.address = suppressed_addresses.address

    ),

    tonight as (

        select customer_key from assigned where assigned_date = $as_of group by all

    ),

    restrained as (

        select
            lawful.*,
            standing.customer_key is not null as is_standing,
            standing.since_date,
            case
                when lawful.lawful_verdict is not null or not lawful.is_contact or standing.customer_key is not null
                    then null
                when last_assigned.assigned_date > $as_of - cast(lawful.cool_down_days as integer) then 'cool_down'
                when pressure.contact_count >= lawful.contact_cap then 'contact_cap'
                when tonight.customer_key is not null then 'priority'
            end as restraint
        from lawful
        left join standing on lawful.segment = standing.segment and lawful.customer_key = standing.customer_key
        left join last_assigned
            on lawful.segment = last_assigned.segment and lawful.customer_key = last_assigned.customer_key
        left join pressure on lawful.customer_key = pressure.customer_key
        left join tonight on lawful.customer_key = tonight.customer_key

    ),

    entering as (

        select
            *,
            is_contact and lawful_verdict is null and restraint is null and not is_standing as is_entering
        from restrained

    ),

    -- Who enters tonight enters one list: the one with the highest priority among those that can leave.
    claimed as (

        select
            *,
            bool_or(can_leave) over (partition by customer_key, is_entering) as has_claim,
            row_number() over (
                partition by customer_key, is_entering
                order by can_leave desc, priority, segment
            ) as place
        from entering

    )

    select
        claimed.segment,
        claimed.member_key,
        claimed.customer_key,
        claimed.reason,
        claimed.position,
        claimed.since_date,
        case
            when claimed.lawful_verdict is not null then claimed.lawful_verdict
            when not claimed.is_contact then '{MEMBER}'
            when claimed.restraint is not null then claimed.restraint
            when claimed.is_entering and claimed.has_claim and claimed.place > 1 then 'priority'
            when everywhere.customer_key is not null then '{GLOBAL_HOLDOUT}'
            when here.customer_key is not null then '{HOLDOUT}'
            else '{MEMBER}'
        end as verdict
    from claimed
    left join held_out as everywhere
        on claimed.customer_key = everywhere.customer_key and everywhere.scope = '{GLOBAL}'
    left join held_out as here on claimed.customer_key = here.customer_key and claimed.segment = here.scope
"""
