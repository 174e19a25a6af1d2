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
from dagster_project.ingestion.file_check import ColumnCheck, FileCheck, check_file
from dagster_project.ingestion.mappings import SourceMapping
from dagster_project.ingestion.quarantine import QuarantinedRow, QuarantineEntry, list_quarantine, show_quarantine
from dagster_project.ingestion.run import ingest, replay_quarantine
from dagster_project.ingestion.sources import SourceListing, list_sources, list_unmapped

__all__ = [
    "Batch",
    "BatchProfile",
    "BatchResult",
    "Bounds",
    "Catalog",
    "ColumnCheck",
    "ColumnProfile",
    "Contract",
    "ContractColumn",
    "Counts",
    "FileCheck",
    "Finding",
    "ProgressCallback",
    "QuarantineEntry",
    "QuarantinedRow",
    "SourceListing",
    "SourceMapping",
    "Validator",
    "check_file",
    "ingest",
    "list_quarantine",
    "list_sources",
    "list_unmapped",
    "load_catalog",
    "replay_quarantine",
    "show_quarantine",
]
