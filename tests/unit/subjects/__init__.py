"""Tests of the subjects room."""
