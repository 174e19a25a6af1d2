"""Tests: unit (one room each), conventions (rules over the project), integration (the whole loop), benchmarks."""
