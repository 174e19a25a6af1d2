"""Everything that can be wrong with a segment is told at once, with its line and what to do."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from dagster_project.activation.lint_rules import Complaint
from dagster_project.errors import CrmError
from tests.unit.activation.lint_projects import NAME, Project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("CRM_DESTINATIONS", raising=False)
    return Project(tmp_path).begin()


def only_one(project: Project) -> Complaint:
    complaints = project.lint()
    assert len(complaints) == 1, complaints
    return complaints[0]


def test_nothing_is_said_of_a_segment_that_is_fine(project: Project) -> None:
    assert project.lint() == ()


@pytest.mark.parametrize(
    ("old", "new", "rule", "what", "remedy"),
    [
        ("cool_down_days", "cooldown_days", "unknown_setting", "cooldown_days is no known", "'cool_down_days'?"),
        ("purpose: marketing", "purpose: marketting", "wrong_setting", "should be 'marketing', ", "'marketing'?"),
        ("max_size: 5000", "max_size: many", "wrong_setting", "max_size should be a valid integer", "Correct it."),
        ("max_size: 5000", "max_size: 0", "wrong_setting", "max_size should be greater", "Correct it."),
        ("priority: 50", "priority: 101", "wrong_setting", "priority should be less than", "Correct it."),
        ("min_size: 1 ", "min_size: 5001 ", "sizes", "min_size 5001 is above max_size 5000", "raise max_size"),
        ("language, last", "langage, last", "unknown_column", "langage, which neither", "Did you mean 'language'?"),
        ("language, last", "birth_date, last", "address_column", "birth_date, but an address only", "Take it out."),
        ("[rank_number]", "[-rank_nr]", "unknown_order", "sort_by names rank_nr", "Did you mean 'rank_number'?"),
        ("[rank_number]", "[language]", "unknown_order", "sort_by names language", "Known are: customer_key"),
        ("purpose: marketing", "purpose: none", "contact_without_purpose", "channel email needs a purpose", "Write"),
        ("channel: email ", "channel: email\n          key: reason ", "key_of_contact_list", "one row per", "Take"),
        ("# double_opt_in: true", "double_opt_in: false", "single_opt_in", "without double opt-in", "Take"),
        ('"consent (Art. 6(1)(a) GDPR, section 7 UWG)"', "interest", "legal_basis", "takes consent", "Write"),
        ("# destinations: [mail", "destinations: [mal", "unknown_destination", "no destination maling", "'mailing'?"),
        (
            "# destinations: [mailing]",
            "destinations: [letter_shop]",
            "destination_of_another_channel",
            "email",
            "letter",
        ),
        ("# expires: 2030-12-31", "expires: 2025-03-30", "expired", "the last day of the list was 2025", "Prolong"),
    ],
)
def test_one_wrong_setting_is_one_sentence_with_its_line(
    project: Project, old: str, new: str, rule: str, what: str, remedy: str
) -> None:
    told = only_one(project.edit((old, new)))
    assert told.rule == rule
    assert what in told.what
    assert remedy in told.remedy
    assert told.where == project.line(new.strip().splitlines()[-1].strip())


@pytest.mark.parametrize(
    ("max_size", "shows", "remedy"),
    [
        (419, None, ""),
        (400, "no effect below 10.2 points", "Hold out 0.11, or nobody."),
        (200, "no effect below 14.4 points", "Hold out 0.25, or nobody."),
        (100, "no effect below 20.4 points", "No share is enough for so few: hold out nobody, or raise max_size."),
        (4, "no effect at all", "No share is enough for so few: hold out nobody, or raise max_size."),
    ],
)
def test_a_holdout_that_can_show_nothing_is_told(
    project: Project, max_size: int, shows: str | None, remedy: str
) -> None:
    project.edit(("max_size: 5000", f"max_size: {max_size}"))
    if shows is None:
        assert project.lint() == ()
        return
    told = only_one(project)
    assert (told.severity, told.rule) == ("warning", "small_holdout")
    assert told.what == f"a list of at most {max_size} with a holdout_share of 0.1 shows {shows}"
    assert told.remedy == remedy
    assert told.where == project.line("holdout_share")


def test_settings_that_are_just_right_are_not_told(project: Project) -> None:
    project.edit(
        ("max_size: 5000", "max_size: 500"),
        ("# expires: 2030-12-31", "expires: 2025-03-31"),
        ("min_size: 1 ", "min_size: 500 "),
        ("# destinations: [mailing]", "destinations: [mailing]"),
        ("language, last_order_date", "city, last_order_date"),
    )
    assert project.lint() == ()


def test_all_mistakes_are_told_at_once_before_the_warnings(project: Project) -> None:
    project.edit(
        ("min_size: 1 ", "minsize: 1 "),
        ("holdout_share: 0.1", "holdout_share: 0.9"),
        ("          max_size: 5000\n", ""),
        ("owner: campaign_management", "owner: campain_management"),
        ("[rank_number]", "[rank]"),
    )
    complaints = project.lint()
    assert [(one.severity, one.rule) for one in complaints] == [
        ("mistake", "missing_setting"),
        ("mistake", "missing_setting"),
        ("mistake", "wrong_setting"),
        ("mistake", "unknown_setting"),
        ("mistake", "unknown_order"),
        ("warning", "unknown_owner"),
    ]
    assert complaints[0].what == "the setting min_size is missing"
    assert complaints[0].where == project.line("segment:")
    assert complaints[-1].remedy == "Did you mean 'campaign_management'?"


def test_what_only_makes_sense_for_contacts_is_told_of_a_work_list(tmp_path: Path) -> None:
    project = Project(tmp_path).begin(channel="internal")
    assert project.lint() == ()
    settings = ("holdout_share: 0.1", "cool_down_days: 3", "contact_cap: 2", "outcome_days: 9", "min_record_score: 0.1")
    lines = "".join(f"          {one}\n" for one in settings)
    project.edit(("          max_size", f"{lines}          max_size"), ("purpose: none", "purpose: service"))
    complaints = project.lint()
    assert [one.where for one in complaints[:-1]] == [project.line(one) for one in settings]
    assert {one.rule for one in complaints[:-1]} == {"contact_setting_on_work_list"}
    assert (complaints[-1].severity, complaints[-1].rule) == ("warning", "purpose_of_work_list")


def test_a_work_list_needs_its_own_key(tmp_path: Path) -> None:
    project = Project(tmp_path).begin(channel="internal")
    project.edit(("channel: internal", "key: deal_key\n          channel: internal"))
    assert only_one(project).what == "the model has no column deal_key"
    project.edit(("- name: rank_number", "- name: deal_key\n      - name: rank_number"))
    assert project.lint() == ()


def test_two_lists_of_one_priority_are_told_of_both_and_work_lists_have_none(project: Project) -> None:
    project.begin("seg_newcomers").begin("seg_clean_up", channel="internal")
    assert [(one.segment, one.rule) for one in project.lint()] == [
        ("seg_newcomers", "same_priority"),
        ("seg_regulars", "same_priority"),
    ]
    assert project.rules(NAME) == ["same_priority"]
    project.edit(("          priority: 50", "          # priority: 50"))
    assert "which is what counts if none is said" in project.lint(NAME)[0].what
    project.edit(("priority: 50", "priority: 51"), name="seg_newcomers")
    assert project.lint() == ()


def test_columns_that_every_list_needs_are_missed(project: Project) -> None:
    project.edit(("- name: reason", "- name: cause"), ("- name: customer_key\n", "- name: client_key\n"))
    assert [one.what for one in project.lint()] == [
        "the model has no column customer_key",
        "the model has no column reason",
    ]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("'Called ' || customers.name", "name"),
        ("coalesce('a, b', customers.email, left(phone, 3))", "email, phone"),
        ("case when customers.birth_date is null then 'select' else 'x' end", "birth_date"),
        ("'Bought ' || product_name || ' for his email'", None),
        ("'x' -- not the name", None),
    ],
)
def test_personal_data_in_a_reason_are_told_with_the_line_of_the_model(
    project: Project, reason: str, words: str | None
) -> None:
    project.edit(("'Last order on ' || cast(buyers.last_order_date as string)", f"{reason}\n       "), suffix="sql")
    project.edit(
        ("        customers.customer_key,\n", "        customers.customer_key, customers.city as name,\n"), suffix="sql"
    )
    if words is None:
        assert project.lint() == ()
    else:
        told = only_one(project)
        assert told.what == f"the reason is made of {words}, and the journals keep it"
        assert told.where == project.line("as reason", suffix="sql")


def test_a_column_with_personal_data_is_told(project: Project) -> None:
    project.edit(("- name: last_order_date", "- name: email\n      - name: last_order_date"))
    assert only_one(project).what.startswith("the model has a column email")


def test_owners_are_teams_that_own_something_else(project: Project) -> None:
    project.edit(("owner: campaign_management  # who", "owner: sales_operations  # who"))
    told = only_one(project)
    assert told.what == "the list belongs to sales_operations, and its model to campaign_management"
    project.edit(("owner: campaign_management", "owner: sales_operations"))
    assert project.lint() == ()


def test_grain_and_unit_tests_are_missed(project: Project) -> None:
    project.edit(("{#- Grain: one", "{#- One"), suffix="sql")
    assert only_one(project).where == "dbt/models/segments/seg_regulars.sql:1"
    project.edit(("*Grain*: one", "One"), (f"- name: {NAME}_lists", "- name: lists"))
    assert project.rules() == ["no_grain", "no_grain", "name_of_unit_test"]
    project.edit((f"model: {NAME}", "model: seg_others"))
    assert project.rules() == ["no_grain", "no_grain", "no_unit_test"]


def test_a_segment_without_settings_or_without_yaml(project: Project) -> None:
    yaml = project.dbt / "models" / "segments" / f"{NAME}.yml"
    project.edit(("        segment:\n", "        audience:\n"))
    assert project.rules() == ["no_settings"]
    yaml.unlink()
    assert project.rules() == ["no_settings", "key", "reason", "no_grain", "no_unit_test", "no_yaml"]


def test_a_broken_file_of_destinations_is_one_mistake(project: Project) -> None:
    (project.folder / "sources" / "destinations.yml").write_text("mailing:\n  url: carrier-pigeon\n")
    told = only_one(project.edit(("# destinations: [mailing]", "destinations: [mailing]")))
    assert (told.rule, told.segment) == ("destinations", "")
    assert told.where.endswith("destinations.yml:2")


def test_the_reader_says_which_day_it_is(project: Project) -> None:
    project.edit(("# expires: 2030-12-31", "expires: 2030-12-31"))
    assert project.lint(today=date(2030, 12, 31)) == ()
    assert [one.rule for one in project.lint(today=date(2031, 1, 1))] == ["expired"]


def test_a_segment_nobody_knows_is_told(project: Project) -> None:
    with pytest.raises(CrmError, match=r"there is no segment seg_regular\. Known are: seg_regulars\."):
        project.lint("seg_regular")
