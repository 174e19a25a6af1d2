"""Reads the people of a judged list with the columns its settings name; who may be on it is judged before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from dagster_project.activation.judging import LAWFUL, MEANING, MEMBER
from dagster_project.activation.results import DroppedCount
from dagster_project.activation.segments import CUSTOMER_KEY, REASON, SCHEMA, SegmentDefinition
from dagster_project.errors import CrmError

if TYPE_CHECKING:
    import duckdb


def read_members(
    connection: duckdb.DuckDBPyConnection, segment: SegmentDefinition, *, needed: Sequence[str] = ()
) -> pl.DataFrame:
    """The members of a list in its order; needs the table `judged`.

    Args:
        connection: The warehouse.
        segment: Whose list.
        needed: Columns of the customer that a layout needs beyond those of the list; they come last.

    Raises:
        CrmError: A column does not exist.
    """
    chosen = _selected(connection, segment)
    extra = [name for name in needed if name not in segment.columns]
    selected = ", ".join([*chosen, *(f'customers."{name}"' for name in extra)])
    return connection.execute(
        f"""
        select {selected}
        from judged
        inner join {SCHEMA}.{segment.name} as candidates
            on judged.member_key = cast(candidates."{segment.settings.key}" as varchar)
        left join core.dim_customers as customers
            on candidates.customer_key = customers.customer_key and customers.is_current
        where judged.segment = ? and judged.verdict = '{MEMBER}'
        order by judged.position
        """,
        [segment.name],
    ).pl()


def count_verdicts(connection: duckdb.DuckDBPyConnection, segment: str) -> tuple[int, tuple[DroppedCount, ...]]:
    """How many candidates a list had, and how many were left out for each reason; needs `judged`.

    Args:
        connection: The warehouse.
        segment: Whose list.
    """
    rows = connection.execute(
        "select verdict, count(*) from judged where segment = ? group by verdict", [segment]
    ).fetchall()
    counts = {str(verdict): int(count) for verdict, count in rows}
    dropped = tuple(DroppedCount(reason=reason, count=counts[reason]) for reason in MEANING if reason in counts)
    return sum(counts.values()), dropped


def verdicts_of(
    connection: duckdb.DuckDBPyConnection, segment: SegmentDefinition, *, listed: pl.DataFrame
) -> pl.DataFrame:
    """Why somebody who was on a list is not on it tonight: its key and a verdict; needs the tables of the judgement.

    Somebody who is no candidate any more is asked the same questions about consent and suppression as the candidates.

    Args:
        connection: The warehouse.
        segment: Whose list.
        listed: The list as it left last, with its keys.
    """
    key = segment.settings.key
    connection.register("_listed", listed.select(segment.keys).to_arrow())
    try:
        return connection.execute(_VERDICTS.format(key=key), {"segment": segment.name}).pl()
    finally:
        connection.unregister("_listed")


def lawful_rest(listed: pl.DataFrame, verdicts: pl.DataFrame, *, key: str) -> pl.DataFrame:
    """A list as it left last without those who may not be contacted any more.

    Args:
        listed: The list as it left last.
        verdicts: `key` and verdict of everybody on it (`verdicts_of`).
        key: What a row of the list is about.
    """
    barred = verdicts.filter(pl.col("verdict").is_in(LAWFUL)).select(key)
    return listed.join(barred, on=key, how="anti", maintain_order="left")


_VERDICTS = f"""
    select
        _listed."{{key}}",
        case
            when judged.verdict is not null then judged.verdict
            when people.customer_key is null then 'unknown_customer'
            when people.is_test then 'test_customer'
            when people.is_deleted then 'deleted_customer'
            when lists.is_contact and granted.customer_key is null then 'no_consent'
            when lists.needs_double_opt_in and not granted.is_double_opt_in then 'no_consent'
            when suppressed.customer_key is not null then 'suppressed'
            when current_keys.customer_key is not null then 'merged'
            else 'left'
        end as verdict
    from _listed
    inner join lists on lists.segment = $segment
    left join judged on judged.segment = $segment and cast(_listed."{{key}}" as varchar) = judged.member_key
    left join current_keys on _listed.{CUSTOMER_KEY} = current_keys.former_key
    left join people on coalesce(current_keys.customer_key, _listed.{CUSTOMER_KEY}) = people.customer_key
    left join granted
        on
            people.customer_key = granted.customer_key
            and lists.purpose = granted.purpose
            and lists.channel = granted.channel
    left join suppressed on people.customer_key = suppressed.customer_key and lists.channel = suppressed.channel
"""


def _selected(connection: duckdb.DuckDBPyConnection, segment: SegmentDefinition) -> list[str]:
    """The exported columns: identifiers from the customer, the rest from the segment first."""
    own = _table_columns(connection, schema=SCHEMA, table=segment.name)
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
            raise CrmError(
                f"the segment {segment.name} has no column {column}",
                where=segment.file,
                remedy="Add it to the model, or take it out of export_columns or key in the settings.",
            )
    return expressions


def _table_columns(connection: duckdb.DuckDBPyConnection, *, schema: str, table: str) -> frozenset[str]:
    rows = connection.execute(
        "select column_name from information_schema.columns where table_schema = ? and table_name = ?", [schema, table]
    ).fetchall()
    return frozenset(str(row[0]) for row in rows)
