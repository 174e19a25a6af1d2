"""Writes what was judged and done on a night into the journals; a repeated night writes the same rows again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from dagster_project.activation.journals import ASSIGNMENTS, CHANGES, DELIVERIES, DESTINATION_DELIVERIES, SEGMENTS
from dagster_project.activation.judging import BARRED, GLOBAL, GLOBAL_HOLDOUT, HOLDOUT, LEFT, MEMBER, MERGED, STAYING
from dagster_project.activation.results import DELIVERED, Delivery, DestinationDelivery
from dagster_project.activation.segments import SegmentDefinition
from dagster_project.warehouse import replace_night, transaction

if TYPE_CHECKING:
    import duckdb

NO_LONGER = "no longer meets the rule"
GONE = "the segment is gone"
TREATED = "treated"


def can_leave(connection: duckdb.DuckDBPyConnection, *, as_of: date, released: Collection[str]) -> frozenset[str]:
    """The segments whose list left on an earlier night, or was released for this one.

    Args:
        connection: The warehouse with its journals.
        as_of: The night.
        released: Segments that are released now.
    """
    rows = connection.execute(
        "select distinct segment from journal.deliveries"
        " where (as_of_date < ? and status = ?) or (as_of_date = ? and is_released)",
        [as_of, DELIVERED, as_of],
    ).fetchall()
    return frozenset(released) | {str(row[0]) for row in rows}


def record_verdicts(
    connection: duckdb.DuckDBPyConnection,
    *,
    segments: Sequence[SegmentDefinition],
    as_of: date,
    run_id: str,
    are_all: bool,
) -> None:
    """Write tonight's settings, changes of verdicts and holdouts; needs the table `judged`.

    Args:
        connection: The warehouse with its journals.
        segments: The lists that are written tonight.
        as_of: The night.
        run_id: The run; what an earlier run of the same night said keeps that run's name.
        are_all: Whether these are all lists there are: what lists gone for good still held has left.
    """
    names = [segment.name for segment in segments]
    night = {"as_of": as_of, "names": names, "run_id": run_id, "are_all": are_all}
    hashes = pl.DataFrame(
        {"segment": names, "definition_sha256": [segment.fingerprint for segment in segments]},
        schema={"segment": pl.String, "definition_sha256": pl.String},
    )
    connection.register("_definitions", hashes)
    with transaction(connection):
        _record_settings(connection, segments, as_of=as_of)
        connection.execute(_FORMER, {"as_of": as_of})
        connection.execute(_CHANGED, night)
        connection.execute(
            f"delete from {CHANGES.relation} where as_of_date = $as_of and ($are_all or segment in $names)",
            {key: night[key] for key in ("as_of", "are_all", "names")},
        )
        connection.execute(f"insert into {CHANGES.relation} by name select * from changed")
        connection.execute("delete from journal.holdouts where as_of_date = ?", [as_of])
        connection.execute(_HELD_OUT, {"as_of": as_of})
    connection.unregister("_definitions")


def _record_settings(
    connection: duckdb.DuckDBPyConnection, segments: Sequence[SegmentDefinition], *, as_of: date
) -> None:
    """The settings of every list, with the parameters of the company where the list says nothing of its own."""
    resolved = {
        row[0]: row[1:] for row in connection.execute("select segment, contact_cap, outcome_days from lists").fetchall()
    }
    for segment in segments:
        one = segment.settings
        contact = (one.priority, one.holdout_share, one.cool_down_days, *resolved[segment.name])
        row = (
            *(segment.name, one.title, one.owner, one.purpose, one.legal_basis, one.channel),
            *(contact if one.is_contact else (None,) * len(contact)),
            *(one.min_size, one.max_size, one.expires, ", ".join(one.destinations) or None, segment.fingerprint),
        )
        schema = {name: _POLARS[kind] for name, kind in SEGMENTS.columns.items()}
        replace_night(
            connection,
            SEGMENTS.relation,
            columns=SEGMENTS.columns,
            frame=pl.DataFrame([row], schema=schema, orient="row"),
            as_of=as_of,
            only=("segment", segment.name),
        )


def record_delivery(connection: duckdb.DuckDBPyConnection, delivery: Delivery) -> None:
    """Write what became of a list, and, if it left, who has been assigned from this night on; needs `judged`.

    Args:
        connection: The warehouse with its journals.
        delivery: What became of the list.
    """
    with transaction(connection):
        replace_night(
            connection,
            DELIVERIES.relation,
            columns=DELIVERIES.columns,
            frame=_rows(DELIVERIES.columns, [delivery]),
            as_of=delivery.as_of,
            only=("segment", delivery.segment),
        )
        if delivery.status == DELIVERED:
            connection.execute(
                f"delete from {ASSIGNMENTS.relation} where as_of_date = ? and segment = ?",
                [delivery.as_of, delivery.segment],
            )
            connection.execute(_ASSIGNED, {"as_of": delivery.as_of, "segment": delivery.segment})


def record_arrivals(
    connection: duckdb.DuckDBPyConnection, arrivals: Sequence[DestinationDelivery], *, segment: str, as_of: date
) -> None:
    """Write which files arrived where tonight.

    Args:
        connection: The warehouse with its journals.
        arrivals: One per destination and content.
        segment: Whose list.
        as_of: The night.
    """
    replace_night(
        connection,
        DESTINATION_DELIVERIES.relation,
        columns=DESTINATION_DELIVERIES.columns,
        frame=_rows(DESTINATION_DELIVERIES.columns, arrivals),
        as_of=as_of,
        only=("segment", segment),
    )


_POLARS = {
    "varchar": pl.String,
    "bigint": pl.Int64,
    "double": pl.Float64,
    "boolean": pl.Boolean,
    "date": pl.Date,
}


def _rows(columns: Mapping[str, str], values: Sequence[Delivery] | Sequence[DestinationDelivery]) -> pl.DataFrame:
    schema = {name: _POLARS[kind] for name, kind in columns.items()}
    return pl.DataFrame([tuple(getattr(one, name) for name in columns) for one in values], schema=schema, orient="row")


_FORMER = """
    create or replace temp table former_states as
    select
        segment,
        member_key,
        max_by(customer_key, as_of_date) as customer_key,
        max_by(verdict, as_of_date) as verdict
    from journal.segment_changes
    where as_of_date < $as_of
    group by segment, member_key
"""

_CHANGED = f"""
    create or replace temp table changed as
    with now_so as (

        select segment, member_key, customer_key, verdict, reason
        from judged
        where segment in $names

        union all

        select
            former_states.segment,
            former_states.member_key,
            former_states.customer_key,
            '{LEFT}' as verdict,
            case
                when former_states.segment not in (select segment from lists) then '{GONE}'
                when current_keys.customer_key is not null and former_states.member_key = former_states.customer_key
                    then '{MERGED}'
                when
                    lists.is_contact
                    and (
                        people.customer_key is null
                        or people.is_test
                        or people.is_deleted
                        or granted.customer_key is null
                        or (lists.needs_double_opt_in and not granted.is_double_opt_in)
                        or suppressed.customer_key is not null
                    )
                    then '{BARRED}'
                else '{NO_LONGER}'
            end as reason
        from former_states
        left join judged
            on
                former_states.segment = judged.segment
                and former_states.member_key is not distinct from judged.member_key
        left join current_keys on former_states.customer_key = current_keys.former_key
        left join lists on former_states.segment = lists.segment
        left join people on former_states.customer_key = people.customer_key
        left join granted
            on
                former_states.customer_key = granted.customer_key
                and lists.purpose = granted.purpose
                and lists.channel = granted.channel
        left join suppressed
            on former_states.customer_key = suppressed.customer_key and lists.channel = suppressed.channel
        where
            judged.segment is null
            and former_states.verdict <> '{LEFT}'
            and (
                former_states.segment in $names
                or ($are_all and former_states.segment not in (select segment from lists))
            )

    )

    select
        $as_of as as_of_date,
        now_so.segment,
        now_so.member_key,
        now_so.customer_key,
        now_so.verdict,
        now_so.reason,
        coalesce(said.run_id, $run_id) as run_id,
        _definitions.definition_sha256
    from now_so
    left join former_states
        on now_so.segment = former_states.segment and now_so.member_key is not distinct from former_states.member_key
    left join _definitions on now_so.segment = _definitions.segment
    left join journal.segment_changes as said
        on
            said.as_of_date = $as_of
            and now_so.segment = said.segment
            and now_so.member_key is not distinct from said.member_key
            and now_so.verdict = said.verdict
            and now_so.reason is not distinct from said.reason
            and _definitions.definition_sha256 is not distinct from said.definition_sha256
    where former_states.verdict is distinct from now_so.verdict
"""

_HELD_OUT = f"""
    insert into journal.holdouts (as_of_date, scope, customer_key)
    select $as_of, held_out.scope, held_out.customer_key
    from held_out
    where
        (
            held_out.scope = '{GLOBAL}'
            or exists (
                select 1
                from judged
                where
                    judged.segment = held_out.scope
                    and judged.customer_key = held_out.customer_key
                    and judged.verdict = '{HOLDOUT}'
            )
        )
        and not exists (
            select 1
            from journal.holdouts as known
            where
                known.scope = held_out.scope
                and known.customer_key = held_out.customer_key
                and known.as_of_date < $as_of
        )
"""

_ASSIGNED = f"""
    insert into journal.segment_assignments (as_of_date, segment, member_key, customer_key, arm)
    select
        $as_of,
        judged.segment,
        judged.member_key,
        judged.customer_key,
        case judged.verdict
            when '{MEMBER}' then '{TREATED}'
            when '{HOLDOUT}' then '{HOLDOUT}'
            when '{GLOBAL_HOLDOUT}' then '{GLOBAL_HOLDOUT}'
        end
    from judged
    inner join lists on judged.segment = lists.segment and lists.is_contact
    where
        judged.segment = $segment
        and judged.verdict in {STAYING}
        and (judged.since_date is null or judged.since_date = $as_of)
"""
