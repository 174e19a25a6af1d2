"""Runs every mutant of a model against the unit tests of that model and says which of them no test catches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import duckdb

from dagster_project.transformation.project import DBT_PROJECT
from tests.mutation.mutants import Mutant, Variant, variants_of
from tests.mutation.unit_tests import Rows, UnitTest, rows_of


@dataclass(frozen=True)
class Survivor:
    """A mutant that no unit test of its model notices, and the line of the model it is on."""

    mutant: Mutant
    file: Path
    line: int


@dataclass(frozen=True)
class Verdict:
    """What the unit tests of one model catch."""

    model: str
    test_count: int
    mutants: frozenset[Mutant]
    survivors: tuple[Survivor, ...]

    @property
    def caught_count(self) -> int:
        """Mutants for which at least one test fails."""
        return len(self.mutants) - len(self.survivors)


def judge(tests: Sequence[UnitTest], *, processes: int) -> Iterator[Verdict]:
    """Judge model by model, in the order of their names."""
    by_model: dict[str, list[UnitTest]] = {}
    for test in sorted(tests, key=lambda one: (one.model, one.name)):
        by_model.setdefault(test.model, []).append(test)
    with ProcessPoolExecutor(max_workers=processes) as pool:
        yield from pool.map(judge_model, by_model.values())


def judge_model(tests: Sequence[UnitTest]) -> Verdict:
    """Run each mutant of one model until a test catches it.

    Raises:
        RuntimeError: A test fails without any mutant: it was not read as dbt ran it.
    """
    waiting: dict[Mutant, Survivor] = {}
    caught: set[Mutant] = set()
    for test in tests:
        statement = test.statement()
        with _tables_of(test) as connection:
            expected = rows_of(connection, test.expected_sql)
            if rows_of(connection, statement.sql("duckdb")) != expected:
                raise RuntimeError(f"{test.name} fails without a mutant")
            for variant in variants_of(statement):
                if variant.mutant in caught:
                    continue
                if _is_caught(connection, variant, expected):
                    caught.add(variant.mutant)
                    waiting.pop(variant.mutant, None)
                else:
                    waiting.setdefault(variant.mutant, _survivor(variant, test))
    return Verdict(
        model=tests[0].model,
        test_count=len(tests),
        mutants=frozenset(caught | waiting.keys()),
        survivors=tuple(sorted(waiting.values(), key=lambda one: (one.line, one.mutant))),
    )


@contextmanager
def _tables_of(test: UnitTest) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for name, sql in test.fixtures.items():
            connection.execute(f"create table {name} as {sql}")
        yield connection


def _is_caught(connection: duckdb.DuckDBPyConnection, variant: Variant, expected: Rows) -> bool:
    try:
        return rows_of(connection, variant.sql) != expected
    except duckdb.Error:
        return True


def _survivor(variant: Variant, test: UnitTest) -> Survivor:
    return Survivor(variant.mutant, test.model_file, _source_line(variant.line, test))


def _source_line(compiled_line: int, test: UnitTest) -> int:
    """The line of the model a compiled line comes from: the same text, or one after the last that has the same text."""
    source = [line.strip() for line in (DBT_PROJECT / test.model_file).read_text(encoding="utf-8").splitlines()]
    compiled = [line.strip() for line in test.sql.splitlines()]
    before = [
        block.b + min(compiled_line - 1 - block.a, block.size)
        for block in SequenceMatcher(a=compiled, b=source, autojunk=False).get_matching_blocks()
        if block.size and block.a <= compiled_line - 1
    ]
    return (before[-1] if before else 0) + 1
