"""Builds the analysts' database beside the old one and swaps it in; what stands in the tables is decided in dbt."""

from dagster_project.publication.publish import PublishResult, publish
from dagster_project.publication.tables import PublishedTable

__all__ = ["PublishResult", "PublishedTable", "publish"]
