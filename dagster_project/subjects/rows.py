"""Collects which raw rows and cells are a subject's, into temporary tables; files and derived tables are not looked at.

Afterwards the connection has `held_rows` (feed, row_id: rows that go) and `held_cells` (feed, row_id, column_name:
cells to be emptied in rows of somebody else that stay).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster_project.subjects.feeds import NOT_CUSTOMERS, Ties, children_of, ties_of
from dagster_project.subjects.identifiers import Identifier, Kind, Subject, phone_spellings, sql_pattern
from dagster_project.subjects.normalising import email_sql, phone_sql

if TYPE_CHECKING:
    import duckdb

    from dagster_project.ingestion.contracts import Contract

_ROLES = {"accounts": "account_id", "contacts": "contact_id", "leads": "lead_id"}
_PHONES = (
    ("accounts", "phone"),
    ("contacts", "phone"),
    ("leads", "phone"),
    ("consents", "phone"),
    ("suppressions", "identifier"),
)
_OWN_ACCOUNTS = "select (source_system, id) from subject_records where role = 'accounts'"
_KNOWN_ACCOUNTS = "select (source_system, account_id) from known_accounts"
_NAME = "concat_ws(' ', trim(first_name), trim(last_name))"
_NAMES = (
    *(("accounts", "trim(name)"), ("accounts", _NAME), ("contacts", _NAME), ("leads", _NAME)),
    *(("leads", "trim(company)"), ("employees", "trim(employee_name)"), ("employees", "trim(manager_name)")),
)


@dataclass(frozen=True)
class HeldRows:
    """What was collected.

    Args:
        identifiers: Texts that only this subject has.
        shared: How many of its texts of each kind others have, too, so that they prove nothing.
        counts: Rows that go and cells to be emptied, by feed.
    """

    identifiers: tuple[Identifier, ...]
    shared: Mapping[str, int]
    counts: Mapping[str, tuple[int, int]]


def collect(
    connection: duckdb.DuckDBPyConnection, subject: Subject, *, contracts: Sequence[Contract], source: str
) -> HeldRows:
    """Collect a subject's raw rows.

    Args:
        connection: A connection with the warehouse; it needs no right to write.
        subject: Who.
        contracts: All feeds.
        source: Name of the warehouse's catalog in the connection.
    """
    feeds = _ties(connection, contracts, source=source)
    _declare(connection, subject, source=source)
    for ties in feeds.values():
        connection.execute(_rows_sql(ties, source=source))
    _add_nameless(connection, feeds, source=source)
    for child, parent, column in children_of(feeds):
        connection.execute(_children_sql(feeds[child], parent, column, source=source))
    identifiers, shared = _identifiers(connection, subject, source=source)
    connection.execute("create or replace temp table held_cells (feed varchar, row_id bigint, column_name varchar)")
    pattern = sql_pattern(identifiers)
    keys = {contract.feed: contract.key for contract in contracts}
    for ties in feeds.values():
        for statement in _cells_sql(ties, source=source, keys=keys[ties.feed], has_pattern=pattern is not None):
            connection.execute(statement, [pattern] if "$1" in statement else [])
    connection.execute("delete from held_rows where not is_gone")
    return HeldRows(identifiers=identifiers, shared=shared, counts=_counts(connection))


def _ties(connection: duckdb.DuckDBPyConnection, contracts: Sequence[Contract], *, source: str) -> dict[str, Ties]:
    rows = connection.execute(
        "select table_name, column_name, data_type from duckdb_columns()"
        " where database_name = $1 and schema_name = 'raw' order by table_name, column_index",
        [source],
    ).fetchall()
    tables: dict[str, dict[str, str]] = {}
    for table, column, kind in rows:
        tables.setdefault(table, {})[column] = kind
    return {
        contract.feed: ties_of(contract, columns=tables[contract.feed])
        for contract in contracts
        if contract.feed in tables and contract.feed not in NOT_CUSTOMERS
    }


# Who it is ------------------------------------------------------------------------------------------------------------


def _declare(connection: duckdb.DuckDBPyConnection, subject: Subject, *, source: str) -> None:
    """The tables `subject_records`, `subject_values` and `known_accounts`, and an empty `held_rows`."""
    connection.execute("create or replace temp table subject_records (role varchar, source_system varchar, id varchar)")
    roles = (("accounts", subject.accounts), ("contacts", subject.contacts), ("leads", subject.leads))
    rows = [(role, one.source_system, one.record_id) for role, records in roles for one in records]
    if rows:
        connection.executemany("insert into subject_records values (?, ?, ?)", rows)
    connection.execute("create or replace temp table held_rows (feed varchar, row_id bigint, is_gone boolean)")
    connection.execute(
        "create or replace temp table known_accounts as select distinct source_system, account_id"
        f" from {source}.raw.accounts where {_not_own('accounts')}"
    )
    connection.execute("create or replace temp table subject_values (kind varchar, value varchar)")
    given = [("email", subject.email), ("phone", subject.phone)]
    for kind, value in given:
        if value:
            connection.execute("insert into subject_values values (?, ?)", [kind, value])
    connection.execute(_values_sql(source))
    connection.execute("create or replace temp table shared_values as " + _foreign_sql(subject, source=source))
    connection.execute(
        "delete from subject_values where value is null or (kind, value) in (select (kind, value) from shared_values)"
    )


def _own(role: str) -> str:
    return (
        f"coalesce((source_system, {_ROLES[role]}) in"
        f" (select (source_system, id) from subject_records where role = '{role}'), false)"
    )


def _not_own(role: str) -> str:
    return f"not {_own(role)}"


def _values_sql(source: str) -> str:
    selects = [
        f"select distinct 'shared_id', trim(shared_id) from {source}.raw.accounts where {_own('accounts')}",
        *(
            f"select distinct '{kind}', {normalised} from {source}.raw.{role} where {_own(role)}"
            for role in _ROLES
            for kind, normalised in (
                ("email", email_sql("email")),
                ("phone", phone_sql("phone", has_country=role != "contacts")),
            )
        ),
    ]
    return "insert into subject_values " + " union ".join(selects)


def _foreign_sql(subject: Subject, *, source: str) -> str:
    """Values of the subject that others have, too: a family's address, a company's switchboard.

    The address of somebody at a company may stand in the company's own record, which is no second person.
    """
    is_customer = subject.customer_key is not None
    persons_only = "" if is_customer else " and account_type = 'person'"
    selects = [
        f"select 'shared_id', trim(shared_id) from {source}.raw.accounts where {_not_own('accounts')}",
        f"select 'email', {email_sql('email')} from {source}.raw.accounts where {_not_own('accounts')}{persons_only}",
        f"select 'email', {email_sql('email')} from {source}.raw.contacts where {_not_own('contacts')}",
        *(
            f"select 'phone', {phone_sql('phone', has_country=role != 'contacts')}"
            f" from {source}.raw.{role} where {_not_own(role)}"
            for role in _ROLES
        ),
    ]
    foreign = " union ".join(selects)
    return f"select kind, value from subject_values where value is not null intersect ({foreign})"


# Its rows -------------------------------------------------------------------------------------------------------------


def _in_values(expression: str, kind: str) -> str:
    return f"{expression} in (select value from subject_values where kind = '{kind}')"


def _matches(ties: Ties) -> Iterator[tuple[str, str]]:
    """Column and condition of everything in a row that may name the subject."""
    for column in ties.emails:
        yield column, _in_values(email_sql(column), "email")
    for column in ties.phones:
        yield column, _in_values(phone_sql(column, has_country=ties.has_country), "phone")
    for column in ties.others:
        if column == "shared_id":
            yield column, _in_values("trim(shared_id)", "shared_id")
        else:
            yield column, _own("contacts" if column == "contact_id" else "leads")


def _is_account_in(column: str | None, members: str, *, prefix: str = "") -> str:
    """Whether a row hangs on one of the records of a table."""
    if column is None:
        return "false"
    return f"coalesce(({prefix}source_system, {prefix}{column}) in ({members}), false)"


def _rows_sql(ties: Ties, *, source: str) -> str:
    own = _is_account_in(ties.account, _OWN_ACCOUNTS)
    other = _is_account_in(ties.account, _KNOWN_ACCOUNTS)
    matched = " or ".join(f"coalesce({condition}, false)" for _, condition in _matches(ties)) or "false"
    gone = "true" if ties.is_about_a_person else f"{own} or not {other}"
    return f"""
        insert into held_rows
        select '{ties.feed}', rowid, {gone}
        from {source}.raw."{ties.feed}"
        where {own} or {matched}
    """


def _add_nameless(connection: duckdb.DuckDBPyConnection, feeds: Mapping[str, Ties], *, source: str) -> None:
    """Rows without any address that a handle or a browser ties to rows of the subject, and to nobody else."""
    for feed, column, anchor in (
        ("social_engagements", "handle", "network"),
        ("web_sessions", "visitor_id", "source_system"),
    ):
        if feed not in feeds:
            continue
        connection.execute(
            f"""
            insert into subject_values
            select '{column}', {anchor} || '|' || {column}
            from {source}.raw.{feed}
            where {column} is not null
            group by all
            having
                bool_or(rowid in (select row_id from held_rows where feed = '{feed}'))
                and not bool_or(
                    (account_id is not null or email is not null)
                    and rowid not in (select row_id from held_rows where feed = '{feed}')
                )
            """
        )
        named = _in_values(f"{anchor} || '|' || {column}", column)
        connection.execute(
            f"insert into held_rows select '{feed}', rowid, true from {source}.raw.{feed} where {named}"
            f" and rowid not in (select row_id from held_rows where feed = '{feed}')"
        )


def _children_sql(child: Ties, parent: str, column: str, *, source: str) -> str:
    other = _is_account_in(child.account, _KNOWN_ACCOUNTS, prefix="child.")
    return f"""
        insert into held_rows
        select distinct '{child.feed}', child.rowid, owner.is_gone and not {other}
        from {source}.raw."{child.feed}" as child
        inner join (
            select parent.source_system, parent.{column}, bool_or(held.is_gone) as is_gone
            from {source}.raw."{parent}" as parent
            inner join held_rows as held on parent.rowid = held.row_id and held.feed = '{parent}'
            group by all
        ) as owner
            on child.source_system = owner.source_system and child.{column} = owner.{column}
        where child.rowid not in (select row_id from held_rows where feed = '{child.feed}')
    """


# Its cells in rows of others ------------------------------------------------------------------------------------------


def _cells_sql(ties: Ties, *, source: str, keys: Collection[str], has_pattern: bool) -> Iterator[str]:
    """Statements that fill `held_cells` for one feed; `$1` is the pattern of all identifiers."""
    held = f"select row_id from held_rows where feed = '{ties.feed}'"
    kept = [*_matches(ties), *((column, f'"{column}" is not null') for column in ties.free_texts)]
    cells = [(column, condition) for column, condition in kept if column not in keys]
    if cells:
        yield _cells_insert(ties, cells, source=source, where=f"rowid in ({held} and not is_gone)")
    texts = [(column, f'regexp_matches("{column}", $1)') for column in ties.texts if column not in keys]
    if texts and has_pattern:
        yield _cells_insert(ties, texts, source=source, where=f"rowid not in ({held} and is_gone)")


def _cells_insert(ties: Ties, cells: Sequence[tuple[str, str]], *, source: str, where: str) -> str:
    """One pass over a feed: the names of all columns of a row for which their condition holds."""
    named = ", ".join(f"case when {condition} then '{column}' end" for column, condition in cells)
    return f"""
        insert into held_cells
        select '{ties.feed}', row_id, column_name
        from (
            select rowid as row_id, unnest([{named}]) as column_name
            from {source}.raw."{ties.feed}"
            where {where}
        )
        where column_name is not null
    """


def _counts(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, int]]:
    rows = connection.execute(
        """
        select feed, count(*) filter (where is_row), count(*) filter (where not is_row)
        from (
            select feed, true as is_row from held_rows
            union all
            select feed, false as is_row from (select distinct * from held_cells)
        )
        group by feed
        order by feed
        """
    ).fetchall()
    return {feed: (gone, emptied) for feed, gone, emptied in rows}


# What identifies it ---------------------------------------------------------------------------------------------------


def _identifiers(
    connection: duckdb.DuckDBPyConnection, subject: Subject, *, source: str
) -> tuple[tuple[Identifier, ...], dict[str, int]]:
    found: set[Identifier] = {Identifier("key", key) for key in subject.keys}
    values = connection.execute("select distinct kind, value from subject_values order by all").fetchall()
    for kind, value in values:
        found |= set(_of_value(connection, kind, value, source=source))
    shared = dict(connection.execute("select kind, count(*) from shared_values group by all order by all").fetchall())
    for text_kind, statement in _texts_sql(subject, source=source):
        texts = connection.execute(statement).fetchall()
        found |= {Identifier(text_kind, value) for value, is_shared in texts if not is_shared}
        others = sum(is_shared for _, is_shared in texts)
        shared |= {text_kind: shared.get(text_kind, 0) + others} if others else {}
    return tuple(sorted(found)), shared


def _of_value(connection: duckdb.DuckDBPyConnection, kind: str, value: str, *, source: str) -> Iterator[Identifier]:
    """The texts in which a value of the subject is written."""
    if kind == "phone":
        written = _spellings(connection, value, source=source)
        yield from (Identifier("phone", one) for one in phone_spellings(value, written))
    elif kind == "email":
        yield Identifier("email", value)
    elif kind == "handle":
        yield Identifier("handle", value.partition("|")[2])
    else:
        yield Identifier("id", value.partition("|")[2] if kind == "visitor_id" else value)


def _spellings(connection: duckdb.DuckDBPyConnection, number: str, *, source: str) -> list[str]:
    selects = " union ".join(
        f"select {column} from {source}.raw.{feed}"
        f" where {phone_sql(column, has_country=feed in ('accounts', 'leads'))} = $1"
        for feed, column in _PHONES
    )
    return sorted(str(row[0]) for row in connection.execute(selects, [number]).fetchall())


def _texts_sql(subject: Subject, *, source: str) -> Iterator[tuple[Kind, str]]:
    """Kind and query (text, whether others have it) of names, streets and ids of the subject's rows."""
    own_names = [one for one in _NAMES if one[0] != "employees"]
    if subject.kind not in ("business", "lead", "address"):
        own_names = [one for one in own_names if one[1] != "trim(company)"]
    yield "name", _split_sql(own_names, _NAMES, source=source)
    streets = (("accounts", "trim(street)"),)
    yield "street", _split_sql(streets, streets, source=source)
    ids = tuple((feed, column) for feed, column in _ROLES.items())
    yield "id", _split_sql(ids, ids, source=source)


def _split_sql(own: Sequence[tuple[str, str]], every: Sequence[tuple[str, str]], *, source: str) -> str:
    def select(feed: str, column: str, *, is_gone: bool) -> str:
        held = f"rowid {'in' if is_gone else 'not in'} (select row_id from held_rows where feed = '{feed}' and is_gone)"
        return f"select {column} as value from {source}.raw.{feed} where {held} and nullif({column}, '') is not null"

    mine = " union ".join(select(*one, is_gone=True) for one in own)
    others = " union all ".join(select(*one, is_gone=False) for one in every)
    return f"select value, lower(value) in (select lower(value) from ({others})) from ({mine}) order by all"
