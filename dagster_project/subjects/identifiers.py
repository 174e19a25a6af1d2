"""Who a subject is and by which texts it is recognised; where those texts lie is searched elsewhere."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["email", "phone", "name", "street", "id", "key", "handle", "hash"]
SubjectKind = Literal["person", "business", "contact", "lead", "address"]

LONG_ENOUGH = 8
"""An id or a telephone number with fewer characters is no proof of anybody: it is looked up by column only."""
SHORTEST_NAME = 5

_BEFORE = r"(^|[^\pL\pN_.+@-])"
_AFTER = r"($|[^\pL\pN_@-])"


@dataclass(frozen=True)
class Record:
    """A row of a system that stands for somebody: source system and id in it."""

    source_system: str
    record_id: str

    @property
    def key(self) -> str:
        """The key the models give it (`surrogate_key` of dbt)."""
        return hashlib.md5(f"{self.source_system}|{self.record_id}".encode(), usedforsecurity=False).hexdigest()

    def __str__(self) -> str:
        """As a user names it."""
        return f"{self.source_system}:{self.record_id}"


@dataclass(frozen=True)
class Subject:
    """One person (or company) as the systems know it.

    Args:
        kind: person and business are customers; a contact works at one; a lead is none yet; of an address nothing else
            is known.
        customer_key: The key of today, for customers.
        accounts: Its customer records.
        contacts: Its rows among people at companies.
        leads: Its leads.
        email: The normalised address it was asked for by, if it was.
        phone: The normalised number it was asked for by, if it was.
    """

    kind: SubjectKind
    customer_key: str | None = None
    accounts: tuple[Record, ...] = ()
    contacts: tuple[Record, ...] = ()
    leads: tuple[Record, ...] = ()
    email: str | None = None
    phone: str | None = None

    @property
    def records(self) -> tuple[Record, ...]:
        """All rows that stand for it."""
        return (*self.accounts, *self.contacts, *self.leads)

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key the models gave it, today and before records were merged."""
        own = (self.customer_key,) if self.customer_key else ()
        return tuple(dict.fromkeys([*own, *(record.key for record in self.records)]))

    @property
    def name(self) -> str:
        """What a user types back to confirm: the customer key, else the first record."""
        return self.customer_key or next((str(one) for one in self.records), "") or self.email or self.phone or ""


@dataclass(frozen=True, order=True)
class Identifier:
    """A text that identifies the subject; nobody else has it."""

    kind: Kind
    value: str

    @property
    def is_searchable(self) -> bool:
        """Whether its bytes anywhere mean this subject."""
        if self.kind in ("email", "key", "handle", "hash"):
            return True
        if self.kind in ("id", "phone"):
            return sum(one.isalnum() for one in self.value) >= LONG_ENOUGH
        return len(self.value) >= SHORTEST_NAME and not self.value.isdecimal()


def sql_pattern(identifiers: Iterable[Identifier]) -> str | None:
    """A regular expression of DuckDB that finds any of them as whole words, in any case; None without any.

    Args:
        identifiers: What to find; those that prove nothing are left out.
    """
    values = sorted({one.value.lower() for one in identifiers if one.is_searchable and one.kind != "hash"})
    if not values:
        return None
    return f"(?i){_BEFORE}({'|'.join(re.escape(one) for one in values)}){_AFTER}"


def phone_spellings(normalised: str, written: Sequence[str]) -> tuple[str, ...]:
    """Ways a number is written: as found in the data, international, and digits alone.

    Args:
        normalised: `+` and digits.
        written: As found.
    """
    digits = normalised.removeprefix("+")
    return tuple(dict.fromkeys([*(one.strip() for one in written), normalised, digits, f"00{digits}"]))


def fingerprints(identifiers: Iterable[Identifier], *, records: Iterable[str] = ()) -> frozenset[str]:
    """SHA-256 of addresses, numbers and records, as the suppression of an erased subject compares them.

    Args:
        identifiers: Addresses and numbers, normalised ones among them.
        records: Rows that stand for the subject, as `system:id`.
    """
    return frozenset(sha256(text) for text in [*(one.value for one in identifiers), *records])


def sha256(text: str) -> str:
    """Hex digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
