"""The one place that opens a database engine; nothing here knows a table or a rule."""

from dagster_project.warehouse.engine import open_database

__all__ = ["open_database"]
