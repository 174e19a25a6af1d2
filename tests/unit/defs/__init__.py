"""Unit tests of defs."""
