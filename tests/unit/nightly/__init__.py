"""Unit tests of nightly."""
