"""Rules over the source text: which room imports what, who may read the clock, what never stands in the repository."""

from __future__ import annotations

import ast
import csv
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from dagster_project.settings import PROJECT_ROOT

PACKAGE = PROJECT_ROOT / "dagster_project"
ORCHESTRATION = {"defs", "definitions.py", "nightly"}
MAY_READ_CLOCK = {"cli.py", "nightly", "console"}
CLOCK = re.compile(r"datetime\.now\(|date\.today\(|time\.time\(|utcnow\(")
LEAKS = r"(/(work|root)/|index[-]url|https?://[^ ]*/(simple|packages|-)/)"
"""Written so that it does not match itself."""


def _modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_only_orchestration_knows_dagster() -> None:
    wrong = [
        str(path.relative_to(PACKAGE))
        for path in _modules()
        if _room(path) not in ORCHESTRATION
        and any(name == "dagster" or name.startswith(("dagster.", "dagster_dbt")) for name in _imports(path))
    ]
    assert wrong == []


def test_only_the_warehouse_opens_an_engine() -> None:
    wrong = [
        str(path.relative_to(PACKAGE))
        for path in _modules()
        if _room(path) != "warehouse" and "duckdb.connect(" in path.read_text()
    ]
    assert wrong == []


def test_only_quality_imports_great_expectations_and_only_when_needed() -> None:
    for path in _modules():
        top = {name for name in _top_level_imports(path) if name.startswith("great_expectations")}
        assert not top, f"{path} imports Great Expectations at the top; its import takes seconds"
        if any(name.startswith("great_expectations") for name in _imports(path)):
            assert _room(path) == "quality", path


def _top_level_imports(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_rooms_do_not_read_the_clock() -> None:
    wrong = [
        str(path.relative_to(PACKAGE))
        for path in _modules()
        if _room(path) not in MAY_READ_CLOCK and CLOCK.search(path.read_text())
    ]
    assert wrong == []


def test_every_direct_dependency_is_explained_in_the_readme() -> None:
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]
    declared = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = [re.split(r"[<>=~\[; ]", item)[0] for item in declared]
    readme = (PROJECT_ROOT / "README.md").read_text()
    assert [name for name in names if f"`{name}`" not in readme] == []


def test_every_lock_entry_has_hashes_and_no_host() -> None:
    text = (PROJECT_ROOT / "requirements.lock").read_text()
    entries = re.findall(r"^\S+==.*(?:\n    --hash=.*)*", text, flags=re.M)
    assert len(entries) > 100
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text


def test_no_machine_path_or_registry_host_stands_in_the_repository() -> None:
    command = ["git", "grep", "-nIE", LEAKS, "--", ".", ":!requirements.lock"]
    found = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert found.stdout == ""


def test_links_in_the_documents_lead_somewhere() -> None:
    documents = [PROJECT_ROOT / "README.md", PROJECT_ROOT / "CHANGELOG.md", *(PROJECT_ROOT / "docs").rglob("*.md")]
    broken = [
        f"{document.name}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text())
        if "://" not in target and not (document.parent / target).exists()
    ]
    assert broken == []


@pytest.mark.parametrize("path", sorted((PROJECT_ROOT / "sources" / "feeds").glob("*.yml")), ids=lambda p: p.stem)
def test_each_contract_is_named_like_its_file_and_says_what_it_holds(path: Path) -> None:
    contract = yaml.safe_load(path.read_text())
    assert contract["feed"] == path.stem
    assert contract["owner"]
    assert set(contract["key"]) <= set(contract["columns"])
    assert [name for name, column in contract["columns"].items() if not column.get("description")] == []


def test_columns_that_quality_expects_are_in_the_contracts() -> None:
    contracts = {path.stem: yaml.safe_load(path.read_text()) for path in (PROJECT_ROOT / "sources/feeds").glob("*.yml")}
    with (PROJECT_ROOT / "seeds" / "quality_columns.csv").open() as file:
        expected = [(row["feed"], row["column_name"]) for row in csv.DictReader(file)]
    assert expected
    assert [one for one in expected if one[1] not in contracts[one[0]]["columns"]] == []
    assert [one for one in expected if contracts[one[0]]["columns"][one[1]].get("required")] == []


def test_each_system_has_a_page_on_its_quirks() -> None:
    systems = [path for path in (PROJECT_ROOT / "sources").iterdir() if path.is_dir() and path.name != "feeds"]
    assert systems
    assert [system.name for system in systems if not (system / "README.md").exists()] == []


def test_xdist_keeps_the_tests_of_a_file_on_one_worker(request: pytest.FixtureRequest) -> None:
    is_worker = hasattr(request.config, "workerinput")
    assert not is_worker or request.node.nodeid.endswith("@test_code_conventions"), "the demo company is built twice"
