"""Thin Dagster declarations by step; rules and frame logic live in the rooms."""
