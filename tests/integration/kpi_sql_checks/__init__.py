"""An independent second opinion on the KPIs: plain SQL over the demo company's raw files; shares no code with ingestion or models."""
