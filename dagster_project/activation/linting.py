"""Explains all that is wrong with segments at once, without a warehouse; the rules are in `lint_rules`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from dagster_project.activation.destination_settings import Destination, read_destinations
from dagster_project.activation.lint_rules import RULES, Complaint, Subject, Surroundings
from dagster_project.activation.segments import SCHEMA, SegmentSettings
from dagster_project.errors import CrmError
from dagster_project.ingestion.declarations import Declaration, read_declaration
from dagster_project.manifest import Model, read_models
from dagster_project.settings import Settings

GROUPS = "models/groups.yml"
CUSTOMERS = "dim_customers"


def lint_segments(
    *, settings: Settings, manifest_path: Path, project_dir: Path, today: date, only: Collection[str] = ()
) -> tuple[Complaint, ...]:
    """Everything that is wrong with segments, mistakes first, each with its file and line.

    Args:
        settings: Where the destinations are declared.
        manifest_path: dbt's manifest.
        project_dir: The dbt project it was made of.
        today: Lists that ended before are told.
        only: Names of the segments to look at; all of them if empty.

    Raises:
        CrmError: There is no segment of a name, or the manifest cannot be read.
    """
    models = read_models(manifest_path)
    subjects = [_subject(model, project_dir=project_dir) for model in models if model.schema == SCHEMA]
    known = [one.name for one in subjects]
    for name in only:
        if name not in known:
            raise CrmError(f"there is no segment {name}", remedy=f"Known are: {', '.join(known) or 'none'}.")
    destinations, complaints = _destinations(settings)
    around = Surroundings(
        customer_columns=_customer_columns(models),
        owners=_owners(models, project_dir=project_dir),
        destinations=destinations,
        priorities=_priorities(subjects),
        today=today,
    )
    for one in subjects:
        if not only or one.name in only:
            complaints.extend(_complaints(one, around))
    return tuple(sorted(complaints, key=lambda one: (one.severity, one.segment)))


def taken_priorities(manifest_path: Path, *, project_dir: Path) -> frozenset[int]:
    """Priorities that contact lists have, said or not.

    Args:
        manifest_path: dbt's manifest.
        project_dir: The dbt project it was made of.
    """
    models = read_models(manifest_path)
    subjects = [_subject(model, project_dir=project_dir) for model in models if model.schema == SCHEMA]
    return frozenset(_priorities(subjects))


def _complaints(one: Subject, around: Surroundings) -> Iterator[Complaint]:
    found = [complaint for rule in RULES for complaint in rule(one, around)]
    if one.yaml is None:
        found.append(
            one.complaint(
                "no_yaml",
                "there is no YAML of the same name beside the model, or it cannot be read",
                where=one.yaml_file,
                remedy="Describe the model there, with its settings and a unit test.",
            )
        )
    yield from found
    if one.head is not None and not any(complaint.severity == "mistake" for complaint in found):
        yield from _left_to_say(one)


def _left_to_say(one: Subject) -> Iterator[Complaint]:
    """What would stop a night without being one of the rules."""
    try:
        SegmentSettings.model_validate(one.head)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            said = problem.get("ctx", {}).get("error", problem["msg"])
            yield one.complaint("wrong_setting", str(said), where=one.at(), remedy="Correct config.meta.segment.")


def _subject(model: Model, *, project_dir: Path) -> Subject:
    sql_path = project_dir / model.file
    yaml_path = sql_path.with_suffix(".yml")
    head = model.meta.get("segment")
    return Subject(
        name=model.name,
        sql_file=f"{project_dir.name}/{model.file}",
        sql=sql_path.read_text(encoding="utf-8") if sql_path.is_file() else model.sql,
        description=model.description,
        owner=model.meta.get("owner"),
        head=head if isinstance(head, dict) else None,
        columns=tuple(column.name for column in model.columns),
        yaml_file=f"{project_dir.name}/{Path(model.file).with_suffix('.yml')}",
        yaml=_declaration(yaml_path),
    )


def _declaration(path: Path) -> Declaration | None:
    try:
        return read_declaration(path) if path.is_file() else None
    except CrmError:
        return None


def _destinations(settings: Settings) -> tuple[Mapping[str, Destination] | None, list[Complaint]]:
    try:
        return read_destinations(settings), []
    except CrmError as error:
        told = Complaint(
            segment="",
            severity="mistake",
            rule="destinations",
            what=error.what,
            where=error.where,
            remedy=error.remedy,
        )
        return None, [told]


def _customer_columns(models: Collection[Model]) -> frozenset[str]:
    return frozenset(column.name for model in models if model.name == CUSTOMERS for column in model.columns)


def _owners(models: Collection[Model], *, project_dir: Path) -> frozenset[str]:
    """Teams that own a group of models, or a model that is no segment."""
    named = {str(model.meta.get("owner")) for model in models if model.schema != SCHEMA}
    groups = _declaration(project_dir / GROUPS)
    for group in (groups.data.get("groups") or []) if groups else []:
        named.add(str(group["owner"]["name"]).lower().replace(" ", "_"))
    return frozenset(named - {"None"})


def _priorities(subjects: Collection[Subject]) -> Mapping[int, tuple[str, ...]]:
    found: dict[int, list[str]] = defaultdict(list)
    for one in subjects:
        if one.knows("priority", "channel") and one.settings.is_contact:
            found[one.settings.priority].append(one.name)
    return {priority: tuple(names) for priority, names in found.items()}
