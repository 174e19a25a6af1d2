"""Great Expectations at the two doors, batches coming in and lists going out; rows are parsed and written elsewhere."""

from dagster_project.quality.findings import Finding
from dagster_project.quality.gate import GateSummary, QualityGate

__all__ = ["Finding", "GateSummary", "QualityGate"]
