"""Great Expectations at the two doors: batches coming in, lists going out; rows are parsed and lists are made elsewhere."""

from dagster_project.quality.findings import Finding


__all__ = ["Finding"]
