"""Unit tests of transformation."""
