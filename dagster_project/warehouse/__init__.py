"""The one place that opens a database engine; nothing here knows a table or a rule."""

from dagster_project.warehouse.engine import open_database, open_memory
from dagster_project.warehouse.tables import (
    Table,
    create_missing,
    read_frame,
    replace_night,
    replace_table,
    transaction,
)

__all__ = [
    "Table",
    "create_missing",
    "open_database",
    "open_memory",
    "read_frame",
    "replace_night",
    "replace_table",
    "transaction",
]
