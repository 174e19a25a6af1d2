"""Says which columns analysts get to see, from declarations alone: whatever is not declared stays in the house."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from dagster_project.ingestion import Contract
from dagster_project.manifest import Model, ModelColumn

SCHEMAS = ("core", "kpi", "predictions", "segments", "quality")
"""What analysts work with; raw, staging, intermediate and journals stay in the warehouse."""

NEVER = frozenset({"postal_code", "birth_date"})
"""Harmless alone, a person together: no declaration publishes them."""

IDS_OF_CUSTOMERS = frozenset({"account_id", "contact_id", "lead_id", "shared_id", "visitor_id"})
"""Natural ids of customers: there are systems whose id is a name or an e-mail address. Analysts join by `_key`."""

NOT_PERSONAL = "none"
DIRECT = "direct"


@dataclass(frozen=True)
class PublicModel:
    """A model with the columns that may leave and the names of those that may not."""

    model: Model
    columns: tuple[ModelColumn, ...]
    withheld: tuple[str, ...]


def choose_columns(model: Model, *, existing: Collection[str], personal_names: Collection[str]) -> PublicModel:
    """Split the columns of a table into those that are published and those that are not.

    A column is withheld if its YAML says `personal: direct`, if it is not described at all, or if it says nothing and
    bears the name of a column that a feed contract marks as personal. `personal: none` (or `indirect`) in the YAML
    says that somebody looked at such a name and found nothing that identifies a person.

    Args:
        model: The model as described.
        existing: Columns that its table really has.
        personal_names: Names that feed contracts mark as personal.
    """
    described = {column.name: column for column in model.columns}
    public = tuple(
        described[name]
        for name in existing
        if name in described and not _is_withheld(described[name], personal_names=personal_names)
    )
    names = {column.name for column in public}
    return PublicModel(model=model, columns=public, withheld=tuple(name for name in existing if name not in names))


def personal_names(contracts: Collection[Contract]) -> frozenset[str]:
    """Names of all columns that any feed contract marks as personal."""
    return frozenset(column.name for contract in contracts for column in contract.columns if column.personal)


def _is_withheld(column: ModelColumn, *, personal_names: Collection[str]) -> bool:
    if column.name in NEVER or column.meta.get("personal") == DIRECT:
        return True
    is_judged = column.meta.get("personal") is not None
    return not is_judged and (column.name in personal_names or column.name in IDS_OF_CUSTOMERS)
