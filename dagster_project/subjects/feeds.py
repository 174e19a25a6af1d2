"""How the rows of a feed tell whose they are, read off its contract; nothing is looked up here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from dagster_project.ingestion.contracts import Contract

ABOUT_A_PERSON = frozenset(
    {
        *("contacts", "leads", "consents", "suppressions", "campaign_contacts", "campaign_responses"),
        *("web_sessions", "survey_responses", "store_visits", "social_engagements", "loyalty_transactions"),
    }
)
"""Feeds whose rows are about whoever is named in them, even when they hang on the record of a company."""

NOT_CUSTOMERS = frozenset({"employees"})
"""Feeds about people who are no customers."""

FREE_TEXT = frozenset({"subject", "body", "comment", "message"})
"""Columns that hold sentences: emptied in rows that stay, since they may say anything."""

PARENTS = (
    ("order_lines", "orders", "order_id"),
    ("returns", "orders", "order_id"),
    ("opportunity_stage_changes", "opportunities", "opportunity_id"),
    ("activities", "opportunities", "opportunity_id"),
    ("quotes", "opportunities", "opportunity_id"),
    ("ticket_messages", "tickets", "ticket_id"),
    ("survey_responses", "tickets", "ticket_id"),
    ("campaign_responses", "campaign_contacts", "campaign_contact_id"),
)
"""Feed, the feed its rows belong to, and the id that both have."""

_ACCOUNTS = ("account_id", "converted_account_id")


@dataclass(frozen=True)
class Ties:
    """The columns of a feed's raw table that tie a row to somebody; empty where it has none."""

    feed: str
    account: str | None
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    has_country: bool
    others: tuple[str, ...]
    texts: tuple[str, ...]
    free_texts: tuple[str, ...]

    @property
    def is_about_a_person(self) -> bool:
        """Whether a row goes with the person named in it, whoever else it belongs to."""
        return self.feed in ABOUT_A_PERSON

    @property
    def identities(self) -> tuple[str, ...]:
        """Columns that are emptied in rows that stay, if they name the subject."""
        return (*self.emails, *(one for one in self.phones if one not in self.emails), *self.others)


def ties_of(contract: Contract, *, columns: Mapping[str, str]) -> Ties:
    """What ties rows of a feed to people.

    Args:
        contract: The feed's contract.
        columns: Name and type of the columns that its raw table really has.
    """
    direct = [one.name for one in contract.columns if one.personal == "direct" and one.name in columns]
    return Ties(
        feed=contract.feed,
        account=next((name for name in _ACCOUNTS if name in columns), None),
        emails=tuple(name for name in direct if name.endswith("email") or name == "identifier"),
        phones=tuple(name for name in direct if name in ("phone", "identifier")),
        has_country="country_code" in columns,
        others=tuple(name for name in ("shared_id", "contact_id", "lead_id") if name in columns),
        texts=tuple(name for name, kind in columns.items() if kind == "VARCHAR" and not _is_ours(name)),
        free_texts=tuple(name for name in direct if name in FREE_TEXT),
    )


def children_of(feeds: Collection[str]) -> Sequence[tuple[str, str, str]]:
    """Feed, parent and id of all rows that belong to rows of another feed."""
    return [one for one in PARENTS if one[0] in feeds and one[1] in feeds]


def _is_ours(name: str) -> bool:
    return name == "source_system" or (name.startswith("_") and name != "_extra")
