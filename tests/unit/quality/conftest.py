"""A gate over a handmade contract, and batches and lists to hold against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from dagster_project.activation import SegmentDefinition, SegmentSettings
from dagster_project.ingestion import BatchProfile, ColumnProfile
from dagster_project.quality import QualityGate
from dagster_project.settings import Settings, load_settings

CONTRACT = """
feed: orders
description: "One row per order"
owner: accounting
mode: delta
key: [order_id]
event_at: ordered_at
bounds: {max_bad_share: 0.05}
columns:
  order_id: {type: string, description: "Order number", required: true}
  ordered_at: {type: timestamp, description: "When it was placed"}
  quantity: {type: integer, description: "Pieces", minimum: 1, maximum: 100}
  due_date: {type: date, description: "When it is due", minimum: 2020-01-01}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    sources = tmp_path / "sources" / "feeds"
    sources.mkdir(parents=True)
    (sources / "orders.yml").write_text(CONTRACT)
    return load_settings({"CRM_DATA_DIR": str(tmp_path / "data"), "CRM_SOURCES_DIR": str(tmp_path / "sources")})


@pytest.fixture
def gate(settings: Settings) -> QualityGate:
    return QualityGate(settings=settings, as_of=date(2025, 3, 31))


def column(name: str, kind: str, *, minimum: str | None, maximum: str | None, nulls: int = 0) -> ColumnProfile:
    return ColumnProfile(
        column=name,
        type=kind,
        required=name == "order_id",
        row_count=100,
        null_count=nulls,
        distinct_count=100,
        minimum=minimum,
        maximum=maximum,
        bad_count=0,
    )


BATCH = BatchProfile(
    batch_id="b1",
    source_system="shop",
    mapping="orders",
    feed="orders",
    mode="delta",
    file="orders_1.csv",
    batch_date=date(2025, 3, 30),
    content_sha256="",
    fingerprint="",
    source_rows=110,
    filtered_rows=10,
    delivered_rows=100,
    loaded_rows=96,
    quarantined_rows=3,
    duplicate_rows=1,
    columns=(
        column("order_id", "string", minimum="1", maximum="99"),
        column("ordered_at", "timestamp", minimum="2025-03-29 10:00:00", maximum="2025-03-30 23:59:59"),
        column("quantity", "integer", minimum="1", maximum="100"),
        column("due_date", "date", minimum="2025-04-01", maximum="2025-04-30"),
    ),
)


@pytest.fixture
def with_column() -> Callable[[str, str | None, str | None, int], BatchProfile]:
    """The good batch with one column changed."""

    def change(name: str, minimum: str | None, maximum: str | None, nulls: int) -> BatchProfile:
        return replace(
            BATCH,
            columns=tuple(
                column(name, one.type, minimum=minimum, maximum=maximum, nulls=nulls) if one.column == name else one
                for one in BATCH.columns
            ),
        )

    return change


def segment(channel: str = "email", **changes: object) -> SegmentDefinition:
    head = {
        "title": "Win back",
        "owner": "marketing",
        "purpose": "none" if channel == "internal" else "marketing",
        "legal_basis": "consent",
        "channel": channel,
        "min_size": 0,
        "max_size": 1_000_000,
        "export_columns": ["language"],
    }
    return SegmentDefinition(name="seg_win_back", settings=SegmentSettings.model_validate({**head, **changes}), sql="")
