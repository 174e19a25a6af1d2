"""Searches texts for people, by patterns and by all identities the warehouse knows; which texts, others decide."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
_FEW = 20_000

_EMAIL = r"[^\s@]+@[^\s@]+\.[^\s@]{2,}"
_INTERNATIONAL_PHONE = r"\+[1-9][-0-9 ()/]{6,}[0-9]"
_PHONE_RUN = r"[+(0-9][-0-9 ()/.]{5,}[0-9]"
_WORTH_A_LOOK = r"[@ +]|^[(0][-0-9()/.]{6,}$|\pL[-._]\pL"
_LOOKS_LIKE_TEXT = " or ".join(
    [*(f"contains({{0}}, '{character}')" for character in "@ +-._"), *(f"starts_with({{0}}, '{one}')" for one in "(0")]
)
"""Cheaper, and takes all that `_WORTH_A_LOOK` takes."""

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


@dataclass(frozen=True)
class Cells:
    """Texts to be searched: columns of a relation with rows of a published table.

    Attributes:
        schema: Of the published table.
        table: Its name.
        relation: Where the rows stand.
        columns: What is searched of them.
        are_known: Whether an earlier search found texts in just these columns, and in no other column of these rows.
    """

    schema: str
    table: str
    relation: str
    columns: tuple[str, ...]
    are_known: bool = False


@dataclass(frozen=True)
class Findings:
    """Where somebody was found, and the columns with texts in which somebody could stand, by schema and table."""

    hits: tuple[Hit, ...]
    text_columns: Mapping[tuple[str, str], tuple[str, ...]]


def find_people(
    connection: duckdb.DuckDBPyConnection,
    *,
    cells: Iterable[Cells],
    source: str,
    contracts: Collection[Contract],
    models: Sequence[Model],
    existing: Mapping[tuple[str, str], Collection[str]],
) -> Findings:
    """Search texts for everybody whom the warehouse knows.

    Any e-mail address and any international telephone number is a hit, known or not; numbers in a national form and
    full names, companies and streets (of two words and more) are hits when the warehouse knows them, wherever in a
    text they stand. Names are no hits in columns whose YAML says `names_may_match: true`.

    Args:
        connection: A connection with the texts and the warehouse.
        cells: What to search.
        source: Name under which the warehouse is attached.
        contracts: Say which raw columns identify a person.
        models: Say which columns of the warehouse's models do.
        existing: Columns that the warehouse's tables really have.
    """
    _collect_texts(connection, cells)
    _collect_known(connection, _identity_columns(source, contracts=contracts, models=models, existing=existing))
    rows = connection.execute(_HITS, [_EMAIL, _INTERNATIONAL_PHONE, _PHONE_RUN]).fetchall()
    excused = {
        (model.schema, model.name, column.name)
        for model in models
        for column in model.columns
        if column.meta.get(NAMES_MAY_MATCH) is True
    }
    hits = (Hit(*row) for row in rows)
    return Findings(
        hits=tuple(hit for hit in hits if hit.kind != _NAME or (hit.schema, hit.table, hit.column) not in excused),
        text_columns=_columns_with_texts(connection),
    )


def may_hold_text(data_type: str) -> bool:
    """Whether a column of this type can hold a text, in a list or structure, too."""
    return data_type not in _PLAIN_TYPES and not data_type.startswith("DECIMAL")


def _identity_columns(
    source: str,
    *,
    contracts: Collection[Contract],
    models: Sequence[Model],
    existing: Mapping[tuple[str, str], Collection[str]],
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
    existing: Mapping[tuple[str, str], Collection[str]],
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
        select words, array_to_string(string_split(words, ' ')[1:2], ' ') as first_words
        from (
            select distinct {_words("value")} as words
            from known_values
            where has_names and not contains(value, '@') and regexp_matches(value, '[\\pL]{{2}}')
        )
        where len(string_split(words, ' ')) between 2 and {_MOST_WORDS}
        """
    )


def _words(expression: str) -> str:
    """A text as lower-case words with single spaces between them."""
    return rf"trim(regexp_replace(lower({expression}), '[^\pL\pN]+', ' ', 'g'))"


def _collect_texts(connection: duckdb.DuckDBPyConnection, cells: Iterable[Cells]) -> None:
    """Every distinct text that could hold somebody; keys and single words cannot.

    A cheap look at each table keeps what the pattern may take, and the pattern is read once: it costs milliseconds.
    """
    columns = "(schema_name varchar, table_name varchar, column_name varchar, value varchar)"
    connection.execute(f"create or replace temp table candidates {columns}")
    for some in cells:
        row = connection.execute(f"select count(*) from {some.relation}").fetchone() if some.columns else None
        if row and row[0]:
            values = _values_of_few(some) if row[0] <= _FEW else _values_of_many(connection, some)
            connection.execute(
                f"insert into candidates select distinct '{some.schema}', '{some.table}', column_name, value"
                f" from ({values})"
            )
    connection.execute(
        "create or replace temp table texts as"
        f" select distinct * from candidates where regexp_matches(value, '{_WORTH_A_LOOK}')"
    )
    connection.execute("drop table candidates")


def _values_of_few(cells: Cells) -> str:
    """The values of a small table in one scan, since each column more in a query takes the engine time to plan."""
    names = ", ".join(f"'{column}'" for column in cells.columns)
    values = ", ".join(_value(column) for column in cells.columns)
    return (
        f"select * from (select unnest([{names}]) as column_name, unnest([{values}]) as value from {cells.relation})"
        f" where {_LOOKS_LIKE_TEXT.format('value')}"
    )


def _values_of_many(connection: duckdb.DuckDBPyConnection, cells: Cells) -> str:
    """Few values, by the engine's statistics, are made distinct first; of many most are keys, left out first."""
    statistics = ", ".join(f'stats("{column}")' for column in cells.columns)
    row = connection.execute(f"select {statistics} from {cells.relation} limit 1").fetchone()
    selects = []
    for column, said in zip(cells.columns, row or (), strict=True):
        approximate = re.search(r"Approx Unique: (\d+)", said or "")
        is_few = approximate is not None and int(approximate[1]) <= _FEW
        condition = "true" if is_few else _LOOKS_LIKE_TEXT.format(_value(column))
        distinct = "distinct" if is_few else ""
        selects.append(
            f"select '{column}' as column_name, value"
            f" from (select {distinct} {_value(column)} as value from {cells.relation} where {condition})"
        )
    return " union all ".join(selects)


def _value(column: str) -> str:
    return f'cast("{column}" as varchar)'


def _columns_with_texts(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], tuple[str, ...]]:
    rows = connection.execute(
        "select schema_name, table_name, list(distinct column_name order by column_name) from texts group by all"
    ).fetchall()
    return {(schema, table): tuple(columns) for schema, table, columns in rows}


_HITS = f"""
    with suspects as (

        select distinct value from texts

    ),

    phone_runs as (

        select value, unnest(regexp_extract_all(value, $3)) as run
        from suspects

    ),

    words as (

        select value, string_split({_words("value")}, ' ') as words
        from suspects

    ),

    starts as (

        select value, words, unnest(range(1, len(words))) as first
        from words

    ),

    begun as (

        select * from starts
        where words[first] || ' ' || words[first + 1] in (select first_words from known_names)

    ),

    phrases as (

        select value, array_to_string(words[first:first + extra], ' ') as words
        from begun
        cross join (select unnest(range(1, {_MOST_WORDS})) as extra) as lengths
        where first + extra <= len(words)

    ),

    found as (

        select value, 'an e-mail address' as kind
        from suspects
        where regexp_matches(value, $1)

        union all

        select value, 'a telephone number'
        from suspects
        where regexp_matches(value, $2)

        union all

        select value, 'a telephone number'
        from phone_runs
        where regexp_matches(run, '^[+(0]|[ ()/-]')
            and ltrim(regexp_replace(run, '[^0-9]', '', 'g'), '0') in (select digits from known_phones)

        union all

        select value, '{_NAME}'
        from phrases
        where words in (select words from known_names)

    )

    select distinct texts.schema_name, texts.table_name, texts.column_name, found.kind
    from texts
    inner join found on texts.value = found.value
    order by all
"""
