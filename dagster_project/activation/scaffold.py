"""Begins a new segment: model, settings explained, a unit test that passes; who belongs to it is for others to say."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from dagster_project.activation.segments import SCHEMA, Channel
from dagster_project.errors import CrmError

OWNER = "campaign_management"
"""Who answers for lists nobody else answers for: the owner of the group `segments`."""

LONGEST_NAME, LONGEST_TITLE = 50, 60
_NAME = re.compile(r"seg_[a-z][a-z0-9]*(_[a-z0-9]+)*")
_OWNER = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

_LEGAL_BASIS: dict[Channel, str] = {
    "email": "consent (Art. 6(1)(a) GDPR, section 7 UWG)",
    "phone": "consent to calls (Art. 6(1)(a) GDPR, section 7 UWG)",
    "letter": "consent (Art. 6(1)(a) GDPR)",
    "internal": "legitimate interest (Art. 6(1)(f) GDPR): work list of the owner",
}


@dataclass(frozen=True)
class NewSegment:
    """The two files of a segment that was begun, model and YAML."""

    name: str
    sql_path: Path
    yaml_path: Path


def scaffold_segment(
    name: str,
    *,
    project_dir: Path,
    owner: str = OWNER,
    channel: Channel = "email",
    title: str = "",
    taken_priorities: Collection[int] = (),
) -> NewSegment:
    """Write the model and the YAML of a new segment; who ordered lately is on it until somebody says who really is.

    Both files are written beside their places and then given their names, the YAML first: a model without settings
    would stop a night.

    Args:
        name: `seg_` and who is on the list.
        project_dir: The dbt project.
        owner: The team that answers for the list.
        channel: How people are contacted.
        title: How people call the list; made of the name if empty.
        taken_priorities: Those of other lists; the new one gets the first free one from 50 on.

    Raises:
        CrmError: The name, owner or title cannot be used, or there is such a model already.
    """
    title = title or name.removeprefix("seg_").replace("_", " ").capitalize()
    check_words(name, owner=owner, title=title)
    folder = project_dir / "models" / SCHEMA
    sql_path, yaml_path = folder / f"{name}.sql", folder / f"{name}.yml"
    there = [path for path in (*project_dir.glob(f"models/**/{name}.sql"), yaml_path) if path.exists()]
    if there:
        raise CrmError(
            f"there is a model {name} already",
            where=str(there[0].relative_to(project_dir.parent)),
            remedy="Choose another name, or change that one.",
        )
    free = next((priority for priority in (*range(50, 101), *range(49, 0, -1)) if priority not in taken_priorities), 50)
    _write_new({yaml_path: _yaml(name, owner=owner, channel=channel, title=title, priority=free), sql_path: _SQL})
    return NewSegment(name=name, sql_path=sql_path, yaml_path=yaml_path)


def check_words(name: str, *, owner: str, title: str) -> None:
    """Refuse a name, an owner or a title that dbt, YAML or people would stumble over.

    Args:
        name: Of the segment.
        owner: The team that answers for the list.
        title: How people call it.

    Raises:
        CrmError: One of them cannot be used.
    """
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise CrmError(
            f"{name!r} cannot be the name of a segment",
            remedy=f"Write seg_ and who is on the list in lower-case letters, digits and single underscores, at most "
            f"{LONGEST_NAME} characters: seg_win_back.",
        )
    if not _OWNER.fullmatch(owner):
        raise CrmError(
            f"{owner!r} cannot be an owner", remedy="Name a team in lower-case letters: marketing_operations."
        )
    if not title.isprintable() or not title.strip() or len(title) > LONGEST_TITLE or set(title) & set("{}"):
        raise CrmError(
            f"{title!r} cannot be a title", remedy=f"Write at most {LONGEST_TITLE} characters, without braces."
        )


def _write_new(files: dict[Path, str]) -> None:
    """Give the texts their names only when all of them are written, and never the name of a file that is there."""
    written: list[Path] = []
    beside = {path: path.with_name(f".{path.name}.writing-{os.getpid()}") for path in files}
    try:
        for path, text in files.items():
            beside[path].write_text(text, encoding="utf-8")
        for path in files:
            os.link(beside[path], path)
            written.append(path)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise CrmError(f"the segment cannot be written: {error.strerror}", where=str(error.filename)) from error
    finally:
        for path in beside.values():
            path.unlink(missing_ok=True)


def _yaml(name: str, *, owner: str, channel: Channel, title: str, priority: int) -> str:
    contact = "" if channel == "internal" else _CONTACT.replace("__PRIORITY__", str(priority))
    double_opt_in = _DOUBLE_OPT_IN if channel == "email" else ""
    values = {
        "__CONTACT__": contact.replace("__DOUBLE_OPT_IN__", double_opt_in),
        "__EXPORTED__": "rank_number, reason, last_order_date"
        if channel == "internal"
        else "rank_number, reason, name, salutation, language, last_order_date",
        "__NAME__": name,
        "__OWNER__": owner,
        "__TITLE__": json.dumps(title, ensure_ascii=False),
        "__PURPOSE__": "none" if channel == "internal" else "marketing",
        "__LEGAL_BASIS__": json.dumps(_LEGAL_BASIS[channel]),
        "__CHANNEL__": channel,
    }
    text = _YAML
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text


_SQL = """\
{#- Grain: one row per customer who ordered lately. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current and not is_deleted

),

buyers as (

    select * from {{ ref('kpi_customer_lifetime_value') }}

),

-- Who belongs to the list, and why: say it here, in the grain above, and in the YAML. Consent, suppression,
-- pressure and holdouts are no business of a model.
final as (

    select
        customers.customer_key,
        cast(row_number() over (order by buyers.last_order_date desc, customers.customer_key asc) as bigint)
            as rank_number,
        'Last order on ' || cast(buyers.last_order_date as string) as reason,
        buyers.last_order_date
    from customers
    cross join parameters
    inner join buyers on customers.customer_key = buyers.customer_key
    where {{ days_between('buyers.last_order_date', 'parameters.as_of_date') }} < parameters.outcome_window_days

)

select * from final
"""

_CONTACT = """\
          priority: __PRIORITY__             # 1 takes people first, 100 last: one new contact per customer and night
          holdout_share: 0.1       # held out to measure what the list changes; 0 measures nothing
          cool_down_days: 30       # days before somebody who left may enter again
          # contact_cap: 2         # stricter than the cap of the company (contact_cap_count)
          # outcome_days: 60       # days in which an order counts as an answer, else outcome_window_days
          # min_record_score: 0.5  # demanded quality of the record, 0 to 1
__DOUBLE_OPT_IN__"""

_DOUBLE_OPT_IN = """\
          # double_opt_in: true    # a single opt-in is not enough; so for marketing by e-mail if not said
"""

_YAML = """\
models:
  - name: __NAME__
    description: |
      *Grain*: one row per customer who ordered lately.

      Who ordered lately?

      - *Rule*: last order less than `outcome_window_days` ago
      - *Order*: last order, latest first
      - *Caveats*: a beginning: say who belongs to the list instead
    config:
      meta:
        owner: __OWNER__
        segment:
          title: __TITLE__
          owner: __OWNER__  # who answers for the list
          purpose: __PURPOSE__       # what consent is asked for: marketing or service; none for a work list
          legal_basis: __LEGAL_BASIS__
          channel: __CHANNEL__           # email, phone or letter; internal for a list that nobody is contacted with
__CONTACT__          min_size: 1              # smaller or larger lists wait for a person; 0 lets an empty one leave
          max_size: 5000
          # expires: 2030-12-31    # last night of the list
          # destinations: [mailing]  # names in sources/destinations.yml; people pull it without any
          export_columns: [__EXPORTED__]
          sort_by: [rank_number]   # columns of the model; a leading minus sorts downwards
    columns:
      - name: customer_key
        data_type: string
        description: "Customer"
        constraints: [{type: not_null}]
        data_tests: [unique]
      - name: rank_number
        data_type: bigint
        description: "1 ordered last"
        constraints: [{type: not_null}]
      - name: reason
        data_type: string
        description: "Why the customer is on the list, in plain words and without personal data"
        constraints: [{type: not_null}]
      - name: last_order_date
        data_type: date
        description: "Last purchase"
        constraints: [{type: not_null}]

unit_tests:
  - name: __NAME___lists_who_ordered_lately
    description: |
      On 31 March with 30 days: c1 ordered on 2 March, c2 a day earlier, c3 today; c4 is deleted, c5 has never
      ordered. Of c1 there is an older version.
    model: __NAME__
    given:
      - input: ref('dim_parameters')
        rows: [{as_of_date: 2025-03-31, outcome_window_days: 30}]
      - input: ref('dim_customers')
        rows:
          - {customer_key: c1, is_current: true, is_deleted: false}
          - {customer_key: c1, is_current: false, is_deleted: false}
          - {customer_key: c2, is_current: true, is_deleted: false}
          - {customer_key: c3, is_current: true, is_deleted: false}
          - {customer_key: c4, is_current: true, is_deleted: true}
          - {customer_key: c5, is_current: true, is_deleted: false}
      - input: ref('kpi_customer_lifetime_value')
        rows:
          - {customer_key: c1, last_order_date: 2025-03-02}
          - {customer_key: c2, last_order_date: 2025-03-01}
          - {customer_key: c3, last_order_date: 2025-03-31}
          - {customer_key: c4, last_order_date: 2025-03-31}
          - {customer_key: c5, last_order_date: null}
    expect:
      rows:
        - {customer_key: c3, rank_number: 1, reason: Last order on 2025-03-31, last_order_date: 2025-03-31}
        - {customer_key: c1, rank_number: 2, reason: Last order on 2025-03-02, last_order_date: 2025-03-02}
"""
