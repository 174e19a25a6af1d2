"""Unit tests of the mutation check."""
