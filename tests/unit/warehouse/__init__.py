"""Unit tests of warehouse."""
