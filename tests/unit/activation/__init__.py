"""Tests of the activation room."""
