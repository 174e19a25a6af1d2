"""Turns segments into lists that may leave: consent, suppression, files, journal; who belongs to one, dbt decides."""

from dagster_project.activation.export import export_segments
from dagster_project.activation.results import DroppedCount, ExportResult
from dagster_project.activation.segments import SegmentDefinition, SegmentSettings, read_segments

__all__ = [
    "DroppedCount",
    "ExportResult",
    "SegmentDefinition",
    "SegmentSettings",
    "export_segments",
    "read_segments",
]
