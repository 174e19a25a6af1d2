"""Unit tests of prediction."""
