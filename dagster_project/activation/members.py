"""Decides who of a segment may be in its list: identity, consent, address, suppression; reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import duckdb
import polars as pl

from dagster_project.activation.results import DroppedCount
from dagster_project.activation.segments import REASON, SCHEMA, SegmentDefinition
from dagster_project.errors import CrmError

MEANING: Mapping[str, str] = MappingProxyType(
    {
        "unknown_customer": "The warehouse knows no such customer",
        "test_customer": "A test record",
        "deleted_customer": "Deleted in the source system",
        "no_consent": "No consent in force for this purpose and channel on the date of the list",
        "no_usable_address": "No address that can be used on this channel",
        "shared_address": "Another member of the list has the same address",
        "suppressed": "On a suppression list, or reached at the address of somebody who is",
    }
)
"""Every reason to be left out, in the order in which they are tried; suppression has the last word."""

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
_SHARED_MATTERS = ("email", "phone")


@dataclass(frozen=True)
class Dropped:
    """The candidates left out for one reason, by the key of the list."""

    reason: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Membership:
    """A list after every rule: who is in, who is not and why."""

    members: pl.DataFrame
    dropped: tuple[Dropped, ...]
    candidate_count: int

    @property
    def counts(self) -> tuple[DroppedCount, ...]:
        """How many were left out, by reason; they and the members add up to the candidates."""
        return tuple(DroppedCount(reason=one.reason, count=len(one.keys)) for one in self.dropped)


def select_members(connection: duckdb.DuckDBPyConnection, *, segment: SegmentDefinition, as_of: date) -> Membership:
    """Judge every candidate of a segment.

    Args:
        connection: The warehouse.
        segment: Whose candidates.
        as_of: The date on which consent must be in force.

    Raises:
        CrmError: The segment's table or one of its columns is missing, or the customers are not unique.
    """
    selected = _selected_columns(connection, segment)
    query = _contact_query(segment, selected) if segment.settings.is_contact else _work_list_query(segment, selected)
    try:
        judged = connection.execute(query, _parameters(segment, as_of)).pl()
        row = connection.execute(f"select count(*) from {SCHEMA}.{segment.name}").fetchone()
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise _incomplete(segment, str(error).splitlines()[0]) from error
    candidate_count = int(row[0]) if row else 0
    if judged.height != candidate_count:
        raise CrmError(
            f"the segment {segment.name} has {candidate_count} candidates, but {judged.height} after looking them up",
            where="core.dim_customers",
            remedy="A customer has more than one current version; run `crm nightly` to rebuild the customers.",
        )
    return Membership(
        members=judged.filter(pl.col("_verdict").is_null()).select(segment.columns),
        dropped=_dropped(judged, key=segment.settings.key),
        candidate_count=candidate_count,
    )


def _dropped(judged: pl.DataFrame, *, key: str) -> tuple[Dropped, ...]:
    by_reason = dict(
        judged.filter(pl.col("_verdict").is_not_null())
        .group_by("_verdict")
        .agg(pl.col(key).cast(pl.String).fill_null("").sort())
        .iter_rows()
    )
    return tuple(Dropped(reason=reason, keys=tuple(by_reason[reason])) for reason in MEANING if reason in by_reason)


def _selected_columns(connection: duckdb.DuckDBPyConnection, segment: SegmentDefinition) -> str:
    """The exported columns and the sort columns: identifiers from the customer, the rest from the segment first."""
    own = _table_columns(connection, schema=SCHEMA, table=segment.name)
    if not own:
        raise _incomplete(segment, "its table does not exist")
    customer = _table_columns(connection, schema="core", table="dim_customers") - {*segment.keys, REASON}
    expressions = []
    for column in segment.columns:
        if column in segment.identifiers and column in customer:
            expressions.append(f'trim(customers."{column}") as "{column}"')
        elif column in own:
            expressions.append(f'candidates."{column}"')
        elif column in customer:
            expressions.append(f'customers."{column}"')
        else:
            raise _no_such_column(segment, column, setting="export_columns or key")
    for position, name in enumerate(segment.settings.sort_by):
        if name.removeprefix("-") not in own:
            raise _no_such_column(segment, name.removeprefix("-"), setting="sort_by")
        expressions.append(f'candidates."{name.removeprefix("-")}" as _sort_{position}')
    return ", ".join(expressions)


def _order(segment: SegmentDefinition) -> str:
    wanted = [
        f"_sort_{position} {'desc' if name.startswith('-') else 'asc'} nulls last"
        for position, name in enumerate(segment.settings.sort_by)
    ]
    return ", ".join([*wanted, *(f'"{key}" nulls last' for key in segment.keys)])


def _work_list_query(segment: SegmentDefinition, selected: str) -> str:
    """Work lists stay in the house: nobody is contacted, so only records that are none are left out."""
    return f"""
        select
            {selected},
            case
                when customers.customer_key is null then 'unknown_customer'
                when customers.is_test is distinct from false then 'test_customer'
                when customers.is_deleted is distinct from false then 'deleted_customer'
            end as _verdict
        from {SCHEMA}.{segment.name} as candidates
        left join core.dim_customers as customers
            on candidates.customer_key = customers.customer_key
            and customers.is_current
        order by {_order(segment)}
    """


def _contact_query(segment: SegmentDefinition, selected: str) -> str:
    """Lists meant for contact: whatever is not stated counts as no, and suppression is asked last."""
    channel = segment.settings.channel
    is_shared = f"row_number() over (partition by _early_verdict, _address order by {_order(segment)}) > 1"
    return f"""
        with consents as (

            select
                customer_key,
                bool_and(coalesce(is_granted and cast(since_date as date) <= $as_of, false)) as is_granted
            from core.dim_consents
            where purpose = $purpose and channel in ($channel, 'any')
            group by customer_key

        ),

        suppressed_customers as (

            select distinct customer_key
            from core.dim_suppressions
            where channel in ($channel, 'any') or reason = 'deceased'

        ),

        suppressed_addresses as (

            select distinct {_ADDRESS[channel]} as address
            from core.dim_customers
            where customer_key in (select customer_key from suppressed_customers)

        ),

        looked_up as (

            select
                {selected},
                case
                    when coalesce(customers.customer_key, 'unknown') = 'unknown' then 'unknown_customer'
                    when customers.is_test is distinct from false then 'test_customer'
                    when customers.is_deleted is distinct from false then 'deleted_customer'
                    when consents.is_granted is distinct from true then 'no_consent'
                    when ({_USABLE[channel]}) is distinct from true then 'no_usable_address'
                end as _early_verdict,
                {_ADDRESS[channel]} as _address
            from {SCHEMA}.{segment.name} as candidates
            left join core.dim_customers as customers
                on candidates.customer_key = customers.customer_key
                and customers.is_current
            left join consents on candidates.customer_key = consents.customer_key

        ),

        judged as (

            select
                *,
                case
                    when _early_verdict is not null then _early_verdict
                    when {is_shared if channel in _SHARED_MATTERS else "false"} then 'shared_address'
                    when customer_key in (select customer_key from suppressed_customers) then 'suppressed'
                    when _address in (select address from suppressed_addresses where address is not null)
                        then 'suppressed'
                end as _verdict
            from looked_up

        )

        select * from judged order by {_order(segment)}
    """


def _parameters(segment: SegmentDefinition, as_of: date) -> dict[str, object]:
    if not segment.settings.is_contact:
        return {}
    return {"purpose": segment.settings.purpose, "channel": segment.settings.channel, "as_of": as_of}


def _table_columns(connection: duckdb.DuckDBPyConnection, *, schema: str, table: str) -> frozenset[str]:
    rows = connection.execute(
        "select column_name from information_schema.columns where table_schema = ? and table_name = ?", [schema, table]
    ).fetchall()
    return frozenset(str(row[0]) for row in rows)


def _no_such_column(segment: SegmentDefinition, column: str, *, setting: str) -> CrmError:
    return CrmError(
        f"the segment {segment.name} has no column {column}",
        where=segment.file,
        remedy=f"Add it to the model, or take it out of {setting} in the settings.",
    )


def _incomplete(segment: SegmentDefinition, detail: str) -> CrmError:
    return CrmError(
        f"the segment {segment.name} cannot be exported: {detail}",
        where=segment.file,
        remedy="Run `crm nightly`, which builds what is missing.",
    )
