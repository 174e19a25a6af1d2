"""Declares what the activation room keeps of every night; nothing is decided and nothing is written here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_project.warehouse import Table, create_missing

if TYPE_CHECKING:
    import duckdb

SEGMENTS = Table(
    name="segments",
    description="One row per night and segment: its settings, as they were.",
    columns={
        "segment": "varchar",
        "title": "varchar",
        "owner": "varchar",
        "purpose": "varchar",
        "legal_basis": "varchar",
        "channel": "varchar",
        "priority": "bigint",
        "holdout_share": "double",
        "cool_down_days": "bigint",
        "contact_cap": "bigint",
        "outcome_days": "bigint",
        "min_size": "bigint",
        "max_size": "bigint",
        "expires_date": "date",
        "destinations": "varchar",
        "definition_sha256": "varchar",
    },
    is_journal=True,
)
CHANGES = Table(
    name="segment_changes",
    description="One row per night, segment and member whose verdict changed: what it became, and why.",
    columns={
        "segment": "varchar",
        "member_key": "varchar",
        "customer_key": "varchar",
        "verdict": "varchar",
        "reason": "varchar",
        "run_id": "varchar",
        "definition_sha256": "varchar",
    },
    is_journal=True,
)
ASSIGNMENTS = Table(
    name="segment_assignments",
    description="One row per night, segment and member who was addressed or held out from that night on.",
    columns={"segment": "varchar", "member_key": "varchar", "customer_key": "varchar", "arm": "varchar"},
    is_journal=True,
)
HOLDOUTS = Table(
    name="holdouts",
    description="One row per scope and customer: the first night it was held out.",
    columns={"scope": "varchar", "customer_key": "varchar"},
    is_journal=True,
)
DELIVERIES = Table(
    name="deliveries",
    description="One row per night and segment: whether its list left, how large it was and what it changed.",
    columns={
        "segment": "varchar",
        "status": "varchar",
        "message": "varchar",
        "is_releasable": "boolean",
        "is_released": "boolean",
        "released_by": "varchar",
        "candidate_count": "bigint",
        "member_count": "bigint",
        "dropped_count": "bigint",
        "holdout_count": "bigint",
        "added_count": "bigint",
        "kept_count": "bigint",
        "changed_count": "bigint",
        "removed_count": "bigint",
        "previous_date": "date",
        "checksum": "varchar",
        "definition_sha256": "varchar",
        "base_rate": "double",
        "minimum_detectable_effect": "double",
        "sample_ratio_chi2": "double",
        "run_id": "varchar",
    },
    is_journal=True,
)
DESTINATION_DELIVERIES = Table(
    name="destination_deliveries",
    description="One row per night, segment, destination and content: the file that arrived there, or why none did.",
    columns={
        "segment": "varchar",
        "destination": "varchar",
        "layout": "varchar",
        "content": "varchar",
        "file": "varchar",
        "row_count": "bigint",
        "sha256": "varchar",
        "status": "varchar",
        "message": "varchar",
        "run_id": "varchar",
    },
    is_journal=True,
)
PULLS = Table(
    name="pulls",
    description="One row per time a person took a list: who, which, when.",
    columns={
        "segment": "varchar",
        "pulled_at": "timestamp",
        "pulled_by": "varchar",
        "definition_sha256": "varchar",
        "checksum": "varchar",
        "layout": "varchar",
        "content": "varchar",
        "row_count": "bigint",
    },
    is_journal=True,
)
JOURNALS = (SEGMENTS, CHANGES, ASSIGNMENTS, HOLDOUTS, DELIVERIES, DESTINATION_DELIVERIES, PULLS)


def prepare_journals(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the journals where they are missing.

    Args:
        connection: An open warehouse.
    """
    create_missing(connection, JOURNALS)
