"""Rules over dbt's manifest: layers, names, documentation, tests."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from dagster_project.activation import JOURNALS
from dagster_project.prediction import COMMON, families
from dagster_project.settings import PROJECT_ROOT
from dagster_project.transformation.parts import ACTIVATED, FITTED, after_lists, after_predictions
from tests.conventions.long_marts import long_marts

Node = dict[str, Any]

PREFIXES = {
    "staging": r"stg_\w+",
    "intermediate": r"int_\w+__\w+",
    "core": r"(dim|fct)_\w+",
    "kpi": r"kpi_\w+",
    "predictions": r"pred_\w+",
    "segments": r"seg_\w+",
    "quality": r"dq_\w+",
}
MAY_READ = {
    "staging": {"source", "seed", "staging"},
    "intermediate": {"staging", "intermediate", "seed", "core", "activated"},
    "core": {"staging", "intermediate", "core", "seed", "activated"},
    "predictions": {
        "core",
        "seed",
        "predictions",
        "kpi",
        "fitted",
    },  # a prediction is made of measures: one definition of margin
    "kpi": {"core", "predictions", "kpi", "seed", "fitted", "activated"},
    "segments": {"core", "kpi", "predictions", "seed", "quality"},  # clean-up lists name the records that quality found
    "quality": {"source", "seed", "staging", "intermediate", "core", "quality"},
}
MAY_READ_MORE = {
    "kpi_headlines": {"quality"},  # data quality is a headline like any other
    "kpi_reconciliation": {"quality"},  # control figures stand beside the rows as delivered
}
CLOCK = re.compile(
    r"\b(current_date|current_timestamp|now\s*\(|today\s*\(|getdate|random\s*\(|uuid\s*\(|rand\s*\()", re.I
)
ENGINE_BRANCH = re.compile(r"target\.type|adapter\.dispatch|\badapter\.type\b")
MAX_LINES = 150
MAX_MACROS = 12


def _models(manifest: Node) -> list[Node]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def _layer(manifest: Node, unique_id: str) -> str:
    node = manifest["nodes"].get(unique_id)
    if node is None:
        tags = manifest["sources"][unique_id]["tags"]
        return tags[0] if tags else "source"
    return "seed" if node["resource_type"] == "seed" else str(node["fqn"][1])


def _file(node: Node) -> Path:
    return PROJECT_ROOT / "dbt" / str(node["original_file_path"])


def test_names_match_their_layer(manifest: Node) -> None:
    wrong = [n["name"] for n in _models(manifest) if not re.fullmatch(PREFIXES[n["fqn"][1]], n["name"])]
    assert wrong == []


def test_layers_read_only_what_they_may(manifest: Node) -> None:
    wrong = [
        f"{node['name']} reads {parent}"
        for node in _models(manifest)
        for parent in node["depends_on"]["nodes"]
        if _layer(manifest, parent) not in MAY_READ[node["fqn"][1]] | MAY_READ_MORE.get(node["name"], set())
    ]
    assert wrong == []


def test_every_headline_mart_is_in_the_scoreboard(manifest: Node) -> None:
    united = set(manifest["nodes"]["model.kreislauf.kpi_headlines"]["depends_on"]["nodes"])
    marts = long_marts(manifest)
    assert len(marts) > 30
    assert [node["name"] for node in marts if node["unique_id"] not in united] == []


def test_every_model_states_its_grain_in_sql_and_yaml(manifest: Node) -> None:
    silent = [
        node["name"]
        for node in _models(manifest)
        if "Grain:" not in _file(node).read_text().splitlines()[0] or "grain" not in node["description"].lower()
    ]
    assert silent == []


def test_every_model_has_an_owner(manifest: Node) -> None:
    assert [node["name"] for node in _models(manifest) if not node.get("group")] == []


def test_every_model_has_a_uniqueness_test(manifest: Node) -> None:
    tested = {
        test["attached_node"]
        for test in manifest["nodes"].values()
        if test["resource_type"] == "test" and "unique" in (test.get("test_metadata") or {}).get("name", "")
    }
    assert [node["name"] for node in _models(manifest) if node["unique_id"] not in tested] == []


@pytest.mark.parametrize("layer", ["kpi", "segments", "predictions"])
def test_every_rule_bearing_model_has_a_unit_test(manifest: Node, layer: str) -> None:
    tested = {parent for test in manifest["unit_tests"].values() for parent in test["depends_on"]["nodes"]}
    models = [node for node in _models(manifest) if node["fqn"][1] == layer]
    assert models
    assert [node["name"] for node in models if node["unique_id"] not in tested] == []


@pytest.mark.parametrize("layer", ["core", "kpi", "segments", "predictions"])
def test_every_public_model_has_an_enforced_contract_with_described_columns(manifest: Node, layer: str) -> None:
    models = [node for node in _models(manifest) if node["fqn"][1] == layer]
    assert [node["name"] for node in models if not node["config"]["contract"]["enforced"]] == []
    undescribed = [
        f"{node['name']}.{column['name']}"
        for node in models
        for column in node["columns"].values()
        if not column["description"]
    ]
    assert undescribed == []


def test_unit_tests_are_named_after_model_and_behaviour(manifest: Node) -> None:
    wrong = [
        test["name"]
        for test in manifest["unit_tests"].values()
        if not test["name"].startswith(f"{test['model']}_") or test["name"] == test["model"]
    ]
    assert wrong == []


def test_every_data_test_fails_at_one_row_unless_it_says_why(manifest: Node) -> None:
    lenient = [
        test["name"]
        for test in manifest["nodes"].values()
        if test["resource_type"] == "test"
        and test["config"]["severity"].lower() != "error"
        and not (test["config"]["meta"].get("reason") and test["config"]["meta"].get("owner"))
    ]
    assert lenient == []


def test_no_model_reads_the_clock_or_chance(manifest: Node) -> None:
    assert [node["name"] for node in _models(manifest) if CLOCK.search(_file(node).read_text())] == []


def test_only_engine_macros_branch_on_the_engine() -> None:
    dbt = PROJECT_ROOT / "dbt"
    files = [*dbt.glob("models/**/*.sql"), *dbt.glob("macros/*.sql")]
    assert files
    assert [str(path.relative_to(dbt)) for path in files if ENGINE_BRANCH.search(path.read_text())] == []


def test_models_are_of_one_screen_or_two(manifest: Node) -> None:
    long = [n["name"] for n in _models(manifest) if len(_file(n).read_text().splitlines()) > MAX_LINES]
    assert long == []


def test_no_model_keeps_state_from_night_to_night(manifest: Node) -> None:
    stateful = [
        n["name"] for n in _models(manifest) if n["config"]["materialized"] not in {"table", "view", "ephemeral"}
    ]
    assert stateful == [], "a model is one SELECT over all its rows; which of them a night restates is not its business"


def test_macros_stay_few(manifest: Node) -> None:
    # Macros of macros/engine hold no rule: each spells one function of the language for both engines. Those of
    # macros/restating are how a table is built, whatever its rule.
    own = [
        macro["name"]
        for macro in manifest["macros"].values()
        if macro["package_name"] == "kreislauf"
        and not macro["original_file_path"].startswith(("macros/engine/", "macros/restating/"))
    ]
    rules = [
        name for name in own if not name.startswith("test_") and "__" not in name and name != "generate_schema_name"
    ]
    assert len(rules) <= MAX_MACROS, rules


def test_each_model_has_a_yaml_of_its_name_beside_it(manifest: Node) -> None:
    orphans = [node["name"] for node in _models(manifest) if not _file(node).with_suffix(".yml").exists()]
    assert orphans == []


def test_sources_are_the_contracts_and_the_ledger(manifest: Node) -> None:
    sources = {f"{source['source_name']}.{source['name']}" for source in manifest["sources"].values()}
    feeds = {f"raw.{path.stem}" for path in (PROJECT_ROOT / "sources" / "feeds").glob("*.yml")}
    written = {f"{table.schema}.{table.name}" for table in [*COMMON, *(t for f in families() for t in f.writes)]}
    listed = {table.relation for table in JOURNALS}
    own = {"raw.runs", "journal.batches", "journal.batch_columns", "journal.erasures"}
    assert sources == feeds | own | written | listed


def test_sources_of_the_prediction_room_are_marked_and_no_others(manifest: Node) -> None:
    marked = {f"{one['source_name']}.{one['name']}" for one in manifest["sources"].values() if FITTED in one["tags"]}
    assert marked == {f"{t.schema}.{t.name}" for t in [*COMMON, *(t for f in families() for t in f.writes)]}


def test_journals_of_the_activation_room_are_marked_and_no_list_reads_them(manifest: Node) -> None:
    marked = {name for name, one in manifest["sources"].items() if one["tags"] == [ACTIVATED]}
    assert {f"journal.{manifest['sources'][name]['name']}" for name in marked} == {one.relation for one in JOURNALS}
    late = after_lists(manifest)
    assert [node["name"] for node in _models(manifest) if node["unique_id"] in late and _is_read_by_a_list(node)] == []


def _is_read_by_a_list(node: Node) -> bool:
    return str(node["fqn"][1]) in {"segments", "predictions", "staging", "quality"}


def test_families_read_only_what_is_built_before_them(manifest: Node) -> None:
    late = {name.split(".")[-1] for name in after_predictions(manifest)}
    assert [f"{f.name} reads {model}" for f in families() for model in f.models if model.split(".")[-1] in late] == []


def test_sources_use_schema_names(manifest: Node) -> None:
    assert [s["unique_id"] for s in manifest["sources"].values() if s["source_name"] != s["schema"]] == []


def test_personal_contract_columns_are_marked_in_core(manifest: Node, personal_columns: frozenset[str]) -> None:
    unmarked = [
        f"{node['name']}.{column['name']}"
        for node in _models(manifest)
        if node["fqn"][1] in {"core", "kpi", "segments", "predictions"}
        for column in node["columns"].values()
        if column["name"] in personal_columns and not column["config"]["meta"].get("personal")
    ]
    assert unmarked == []
