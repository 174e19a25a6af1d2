"""A second opinion on the KPIs: plain SQL over the raw files; shares no code with ingestion or models."""
