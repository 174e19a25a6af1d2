"""Turns segments into lists that may leave: consent, holdouts, files; who is a candidate is dbt's business."""

from dagster_project.activation.journals import JOURNALS, prepare_journals
from dagster_project.activation.results import Delivery, DestinationDelivery, DroppedCount, ExportResult
from dagster_project.activation.segments import SegmentDefinition, SegmentSettings, read_segments

__all__ = [
    "JOURNALS",
    "Delivery",
    "DestinationDelivery",
    "DroppedCount",
    "ExportResult",
    "SegmentDefinition",
    "SegmentSettings",
    "prepare_journals",
    "read_segments",
]
