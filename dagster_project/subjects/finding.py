"""Finds the one person that a customer key, an address, a number or a record id means; what is held, others look up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dagster_project.errors import CrmError
from dagster_project.subjects.identifiers import Record, Subject, SubjectKind
from dagster_project.subjects.normalising import email_sql, phone_sql

if TYPE_CHECKING:
    import duckdb

_NAMED = 5
_TABLES = (("accounts", "account_id"), ("contacts", "contact_id"), ("leads", "lead_id"))
_ADDRESSES = (
    *(("campaign_contacts", "email"), ("campaign_responses", "email"), ("consents", "email"), ("consents", "phone")),
    *(("orders", "customer_email"), ("tickets", "requester_email"), ("survey_responses", "respondent_email")),
    *(("web_sessions", "email"), ("store_visits", "email"), ("social_engagements", "email")),
    *(("loyalty_transactions", "email"), ("suppressions", "identifier")),
)
"""Raw columns in which somebody may stand of whom there is no record."""


def find(connection: duckdb.DuckDBPyConnection, who: str) -> Subject:
    """The one subject that is meant.

    Args:
        connection: The warehouse.
        who: A customer key (of today or before a merge), an e-mail address, a telephone number, or `system:id` of a
            customer record, contact or lead.

    Raises:
        CrmError: Nobody is meant, or several are; the sentence names no address.
    """
    text = who.strip()
    kind = _kind(connection, text)
    if kind == "customer_key":
        return _customer(connection, _customers_of(connection, "account_key = $1 or customer_key = $1", text)[0])
    if kind == "record":
        return _by_record(connection, Record(*text.split(":", 1)))
    return _by_address(connection, text, kind=kind)


def _kind(connection: duckdb.DuckDBPyConnection, text: str) -> str:
    if "@" in text:
        return "email"
    if _customers_of(connection, "account_key = $1 or customer_key = $1", text):
        return "customer_key"
    if ":" in text:
        return "record"
    if sum(one.isdigit() for one in text) >= len(text) // 2 + 1:
        return "phone"
    raise _nobody()


def _by_record(connection: duckdb.DuckDBPyConnection, record: Record) -> Subject:
    customers = _customers_of(
        connection, "source_system = $1 and account_id = $2", record.source_system, record.record_id
    )
    if customers:
        return _customer(connection, customers[0])
    for table, column in _TABLES[1:]:
        found = connection.execute(
            f"select any_value({email_sql('email')}) from raw.{table} where source_system = $1 and {column} = $2"
            " having count(*) > 0",
            [record.source_system, record.record_id],
        ).fetchone()
        if found and table == "contacts":
            return _contact(connection, [record], email=found[0])
        if found:
            return _lead(connection, [record], email=found[0])
    raise _nobody()


def _by_address(connection: duckdb.DuckDBPyConnection, text: str, *, kind: str) -> Subject:
    """Whose it is: a person who is a customer, else somebody at a company, else a company, else a lead."""
    row = connection.execute(
        f"select {email_sql('value') if kind == 'email' else phone_sql('value')} from (select $1 as value)", [text]
    ).fetchone()
    value = row[0] if row else None
    if value is None:
        raise _nobody()
    persons, businesses = _owners(connection, value, kind=kind)
    contacts = _records_with(connection, "contacts", value, kind=kind)
    if len(persons) + (0 if persons else len(_humans(connection, contacts))) > 1:
        raise _several([*persons, *map(str, contacts)])
    if persons:
        return _customer(connection, persons[0], contacts=contacts, value=value, by=kind)
    if contacts:
        return _contact(connection, contacts, email=value if kind == "email" else None)
    if len(businesses) > 1:
        raise _several(businesses)
    if businesses:
        return _customer(connection, businesses[0], value=value, by=kind)
    leads = _records_with(connection, "leads", value, kind=kind)
    if leads or _is_anywhere(connection, value, kind=kind):
        return _lead(connection, leads, **{kind: value})
    raise _nobody()


def _owners(connection: duckdb.DuckDBPyConnection, value: str, *, kind: str) -> tuple[list[str], list[str]]:
    """Customers who have or had the value in a record of their own: persons, then companies."""
    owned = phone_sql("accounts.phone", has_country=True) if kind == "phone" else email_sql("accounts.email")
    rows = connection.execute(
        f"""
        select records.customer_key, bool_or(accounts.account_type = 'person')
        from raw.accounts as accounts
        inner join core.dim_customer_records as records
            on accounts.source_system = records.source_system and accounts.account_id = records.account_id
        where {owned} = $1
        group by all
        order by all
        """,
        [value],
    ).fetchall()
    return [key for key, is_person in rows if is_person], [key for key, is_person in rows if not is_person]


def _records_with(connection: duckdb.DuckDBPyConnection, table: str, value: str, *, kind: str) -> list[Record]:
    column = dict(_TABLES)[table]
    owned = email_sql("email") if kind == "email" else phone_sql("phone", has_country=table == "leads")
    rows = connection.execute(
        f"select distinct source_system, {column} from raw.{table} where {owned} = $1 order by all", [value]
    ).fetchall()
    return [Record(*row) for row in rows]


def _humans(connection: duckdb.DuckDBPyConnection, contacts: Sequence[Record]) -> set[str]:
    """The people behind contacts: equal names are one."""
    if not contacts:
        return set()
    rows = connection.execute(
        "select lower(concat_ws(' ', max(trim(first_name)), max(trim(last_name)))) from raw.contacts"
        " where source_system || ':' || contact_id in (select unnest($1)) group by source_system, contact_id",
        [[str(one) for one in contacts]],
    ).fetchall()
    return {str(row[0]) for row in rows}


def _customer(
    connection: duckdb.DuckDBPyConnection,
    customer_key: str,
    *,
    contacts: Iterable[Record] = (),
    value: str | None = None,
    by: str = "",
) -> Subject:
    accounts = [
        Record(*row)
        for row in connection.execute(
            "select source_system, account_id from core.dim_customer_records where customer_key = $1 order by all",
            [customer_key],
        ).fetchall()
    ]
    found = connection.execute(
        "select bool_or(account_type = 'person') from raw.accounts where source_system || ':' || account_id in"
        " (select unnest($1))",
        [[str(one) for one in accounts]],
    ).fetchone()
    kind: SubjectKind = "person" if found and found[0] else "business"
    return Subject(
        kind=kind,
        customer_key=customer_key,
        accounts=tuple(accounts),
        contacts=_united(contacts, _attached(connection, "contacts", "account_id", accounts)),
        leads=_united(
            _attached(connection, "leads", "converted_account_id", accounts), _leads_of(connection, accounts)
        ),
        email=value if by == "email" else None,
        phone=value if by == "phone" else None,
    )


def _contact(connection: duckdb.DuckDBPyConnection, contacts: Sequence[Record], *, email: str | None) -> Subject:
    same = _records_with(connection, "contacts", email, kind="email") if email else []
    leads = _records_with(connection, "leads", email, kind="email") if email else []
    return Subject(kind="contact", contacts=_united(contacts, same), leads=tuple(leads), email=email)


def _lead(
    connection: duckdb.DuckDBPyConnection,
    leads: Sequence[Record],
    *,
    email: str | None = None,
    phone: str | None = None,
) -> Subject:
    same = _records_with(connection, "leads", email, kind="email") if email else []
    every = _united(leads, same)
    return Subject(kind="lead" if every else "address", leads=every, email=email, phone=phone)


def _attached(
    connection: duckdb.DuckDBPyConnection, table: str, column: str, accounts: Sequence[Record]
) -> list[Record]:
    """Contacts or leads that hang on records."""
    rows = connection.execute(
        f"select distinct source_system, {dict(_TABLES)[table]} from raw.{table}"
        f" where source_system || ':' || {column} in (select unnest($1)) order by all",
        [[str(one) for one in accounts]],
    ).fetchall()
    return [Record(*row) for row in rows]


def _leads_of(connection: duckdb.DuckDBPyConnection, accounts: Sequence[Record]) -> list[Record]:
    """Leads with an address of a customer's records that were never converted to one."""
    rows = connection.execute(
        f"""
        select distinct source_system, lead_id
        from raw.leads
        where {email_sql("email")} in (
            select {email_sql("accounts.email")}
            from raw.accounts as accounts
            where accounts.source_system || ':' || accounts.account_id in (select unnest($1))
        )
        order by all
        """,
        [[str(one) for one in accounts]],
    ).fetchall()
    return [Record(*row) for row in rows]


def _is_anywhere(connection: duckdb.DuckDBPyConnection, value: str, *, kind: str) -> bool:
    normalise = email_sql if kind == "email" else phone_sql
    selects = " union all ".join(
        f"select 1 from raw.{table} where {normalise(column)} = $1"
        for table, column in _ADDRESSES
        if kind == "email" or column in ("phone", "identifier")
    )
    return connection.execute(f"{selects} limit 1", [value]).fetchone() is not None


def _customers_of(connection: duckdb.DuckDBPyConnection, condition: str, *values: str) -> list[str]:
    rows = connection.execute(
        f"select distinct customer_key from core.dim_customer_records where {condition}", list(values)
    ).fetchall()
    return [str(row[0]) for row in rows]


def _united(*lists: Iterable[Record]) -> tuple[Record, ...]:
    return tuple(dict.fromkeys(record for one in lists for record in one))


def _nobody() -> CrmError:
    return CrmError(
        "nobody is known by that",
        remedy="Give a customer key, an e-mail address, a telephone number, or the id of a record as system:id.",
    )


def _several(found: Sequence[str]) -> CrmError:
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return CrmError(
        f"{len(found)} people share that: {', '.join(found[:_NAMED])}{more}",
        remedy="Name one of them by that key or id.",
    )
