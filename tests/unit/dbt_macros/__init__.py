"""Unit tests of the dbt macros."""
