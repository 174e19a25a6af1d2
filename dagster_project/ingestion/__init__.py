"""Reads exports, maps them to canonical feeds, checks every row and loads raw; no Dagster and no SQL models in here."""

from dagster_project.ingestion.batches import (
    Batch,
    BatchProfile,
    BatchResult,
    ColumnProfile,
    Counts,
    Finding,
    ProgressCallback,
    Validator,
)
from dagster_project.ingestion.catalog import Catalog, load_catalog
from dagster_project.ingestion.contracts import Bounds, Contract, ContractColumn
from dagster_project.ingestion.mappings import SourceMapping
from dagster_project.ingestion.run import ingest

__all__ = [
    "Batch",
    "BatchProfile",
    "BatchResult",
    "Bounds",
    "Catalog",
    "ColumnProfile",
    "Contract",
    "ContractColumn",
    "Counts",
    "Finding",
    "ProgressCallback",
    "SourceMapping",
    "Validator",
    "ingest",
    "load_catalog",
]
