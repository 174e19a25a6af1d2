"""Tests of the ingestion room; each builds its own sources and landing folder."""
