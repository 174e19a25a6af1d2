"""Searches a finished database for people: every text in it, by patterns and by every identity the warehouse knows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from dagster_project.ingestion import Contract
from dagster_project.manifest import Model
from dagster_project.publication.privacy import DIRECT, SCHEMAS

FREE_TEXT = frozenset({"subject", "comment", "body", "opportunity_name"})
"""Direct columns that hold sentences, not identities: withheld, but nothing to search for."""

NAMED_AFTER = frozenset({"employees"})
"""A company may call a team or a product after one of its employees; their names are withheld by column only."""

NAMES_MAY_MATCH = "names_may_match"
"""Column meta: somebody looked, and what reads like a customer's name there is a product, a campaign or a place."""

_NAME = "a full name or address"
_LONGEST = 80
_MOST_WORDS = 6
_SHORTEST_PHONE = 8

_EMAIL = r"[^\s@]+@[^\s@]+\.[^\s@]{2,}"
_INTERNATIONAL_PHONE = r"\+[1-9][-0-9 ()/]{6,}[0-9]"
_PHONE_RUN = r"[+(0-9][-0-9 ()/.]{5,}[0-9]"
_WORTH_A_LOOK = r"[@ +]|^[(0][-0-9()/.]{6,}$|\pL[-._]\pL"

_PLAIN_TYPES = (
    *("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DATE", "TIME"),
    *("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
)


@dataclass(frozen=True)
class Hit:
    """A column in which somebody was found; never what was found."""

    schema: str
    table: str
    column: str
    kind: str


def find_people(
    connection: duckdb.DuckDBPyConnection,
    *,
    source: str,
    contracts: Collection[Contract],
    models: Sequence[Model],
    existing: Mapping[tuple[str, str], Sequence[str]],
) -> tuple[Hit, ...]:
    """Search every text of the new database.

    Any e-mail address and any international telephone number is a hit, known or not; numbers in a national form and
    full names, companies and streets (of two words and more) are hits when the warehouse knows them, wherever in a
    text they stand. Names are no hits in columns whose YAML says `names_may_match: true`.

    Args:
        connection: The new database, with the warehouse attached.
        source: Name under which the warehouse is attached.
        contracts: Say which raw columns identify a person.
        models: Say which columns of the warehouse's models do.
        existing: Columns that the warehouse's tables really have.
    """
    _collect_known(connection, _identity_columns(source, contracts=contracts, models=models, existing=existing))
    _collect_texts(connection)
    rows = connection.execute(_HITS, [_EMAIL, _INTERNATIONAL_PHONE, _PHONE_RUN]).fetchall()
    excused = {
        (model.schema, model.name, column.name)
        for model in models
        for column in model.columns
        if column.meta.get(NAMES_MAY_MATCH) is True
    }
    hits = (Hit(*row) for row in rows)
    return tuple(hit for hit in hits if hit.kind != _NAME or (hit.schema, hit.table, hit.column) not in excused)


def _identity_columns(
    source: str,
    *,
    contracts: Collection[Contract],
    models: Sequence[Model],
    existing: Mapping[tuple[str, str], Sequence[str]],
) -> Iterator[tuple[str, bool]]:
    """SQL expression and table of every column that holds identities, and whether names in it count."""
    for contract in contracts:
        direct = [column.name for column in contract.columns if column.personal == DIRECT]
        has_names = contract.feed not in NAMED_AFTER
        yield from _selects(source, "raw", contract.feed, direct, existing=existing, has_names=has_names)
    for model in models:
        if model.schema in SCHEMAS:
            direct = [column.name for column in model.columns if column.meta.get("personal") == DIRECT]
            has_names = not any(name in model.name for name in NAMED_AFTER)
            yield from _selects(source, model.schema, model.name, direct, existing=existing, has_names=has_names)


def _selects(
    source: str,
    schema: str,
    table: str,
    direct: Sequence[str],
    *,
    existing: Mapping[tuple[str, str], Sequence[str]],
    has_names: bool,
) -> Iterator[tuple[str, bool]]:
    there = [name for name in direct if name in existing.get((schema, table), ()) and name not in FREE_TEXT]
    expressions = [f'"{name}"' for name in there]
    if {"first_name", "last_name"} <= set(there):
        expressions += ["first_name || ' ' || last_name", "last_name || ' ' || first_name"]
    for expression in expressions:
        yield f'select {expression} as value from {source}.{schema}."{table}"', has_names


def _collect_known(connection: duckdb.DuckDBPyConnection, columns: Iterator[tuple[str, bool]]) -> None:
    connection.execute("create or replace temp table known_values (value varchar, has_names boolean)")
    selects = " union all ".join(
        f"select value, {has_names} as has_names from ({select})" for select, has_names in columns
    )
    if selects:
        connection.execute(
            f"insert into known_values select distinct value, has_names from ({selects}) as identities"
            f" where length(value) between 5 and {_LONGEST}"
        )
    connection.execute(
        f"""
        create or replace temp table known_phones as
        select distinct ltrim(regexp_replace(value, '[^0-9]', '', 'g'), '0') as digits
        from known_values
        where regexp_full_match(trim(value), '[+(0-9][-0-9 ()/.]+')
            and length(regexp_replace(value, '[^0-9]', '', 'g')) >= {_SHORTEST_PHONE}
        """
    )
    connection.execute(
        f"""
        create or replace temp table known_names as
        select distinct {_words("value")} as words
        from known_values
        where has_names
            and not contains(value, '@')
            and len(string_split({_words("value")}, ' ')) between 2 and {_MOST_WORDS}
            and regexp_matches(value, '[\\pL]{{2}}')
        """
    )


def _words(expression: str) -> str:
    """A text as lower-case words with single spaces between them."""
    return rf"trim(regexp_replace(lower({expression}), '[^\pL\pN]+', ' ', 'g'))"


def _collect_texts(connection: duckdb.DuckDBPyConnection) -> None:
    """Every distinct text of the new database that could hold somebody; keys and single words cannot."""
    cells = " union all ".join(
        f"select '{schema}' as schema_name, '{table}' as table_name, '{column}' as column_name,"
        f' cast("{column}" as varchar) as value from {schema}."{table}"'
        for schema, table, column in _text_columns(connection)
    )
    connection.execute(
        "create or replace temp table texts as"
        f" select distinct * from ({cells}) as cells where regexp_matches(value, '{_WORTH_A_LOOK}')"
    )


def _text_columns(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    rows = connection.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns()"
        " where database_name = current_database() and not internal order by all"
    ).fetchall()
    return [
        (schema, table, column)
        for schema, table, column, data_type in rows
        if data_type not in _PLAIN_TYPES and not data_type.startswith("DECIMAL")
    ]


_HITS = f"""
    with phone_runs as (

        select schema_name, table_name, column_name, unnest(regexp_extract_all(value, $3)) as run
        from texts

    ),

    words as (

        select schema_name, table_name, column_name, string_split({_words("value")}, ' ') as words
        from texts

    ),

    starts as (

        select schema_name, table_name, column_name, words, unnest(range(1, len(words))) as first
        from words

    ),

    phrases as (

        select
            schema_name,
            table_name,
            column_name,
            array_to_string(words[first:first + extra], ' ') as words
        from starts
        cross join (select unnest(range(1, {_MOST_WORDS})) as extra) as lengths
        where first + extra <= len(words)

    ),

    hits as (

        select schema_name, table_name, column_name, 'an e-mail address' as kind
        from texts
        where regexp_matches(value, $1)

        union all

        select schema_name, table_name, column_name, 'a telephone number'
        from texts
        where regexp_matches(value, $2)

        union all

        select schema_name, table_name, column_name, 'a telephone number'
        from phone_runs
        where regexp_matches(run, '^[+(0]|[ ()/-]')
            and ltrim(regexp_replace(run, '[^0-9]', '', 'g'), '0') in (select digits from known_phones)

        union all

        select schema_name, table_name, column_name, '{_NAME}'
        from phrases
        where words in (select words from known_names)

    )

    select distinct schema_name, table_name, column_name, kind from hits order by all
"""
