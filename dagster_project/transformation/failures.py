"""Turns what dbt and the database say into one sentence for a person; deciding what happens next is the caller's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dagster_project.errors import CrmError

if TYPE_CHECKING:
    from dagster_project.transformation.build import NodeResult

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_HEADING = re.compile(r"^(\w+ )+Error( in \w+ [^\n]*)?\s*(\([^)\n]*\))?\s*\n", re.MULTILINE)
_LINE_POINTER = re.compile(r"\n\s*LINE \d+:.*", re.DOTALL)
_COMPILED_CODE = re.compile(r"\n\s*compiled code at .*", re.DOTALL)
LONGEST_MESSAGE = 300


def parse_failure(error: BaseException | None) -> Exception:
    """What dbt found wrong while reading the project: a reference to nothing, broken Jinja, bad YAML.

    Trouble with the file system is no fault of the project and stays what it is.
    """
    if isinstance(error, OSError):
        return error
    text = str(error) if error else "dbt gave no reason"
    return CrmError(
        f"the dbt project cannot be read: {one_sentence(text)}",
        where=_file_in(text),
        remedy="Correct the file and run `crm nightly` again; nothing was changed.",
    )


def build_failure(failed: Iterable[NodeResult], *, error: BaseException | None = None) -> CrmError:
    """Why the build ended badly: the first broken model, or else the first failed test, and how many more."""
    broken = sorted(failed, key=lambda node: (node.status != "error", node.kind == "test", node.name))
    if not broken:
        return CrmError(f"dbt stopped: {one_sentence(str(error) if error else 'it gave no reason')}")
    first, others = broken[0], len(broken) - 1
    more = f" (and {others} more)" if others else ""
    if first.kind == "test" and first.status == "fail":
        return CrmError(
            f"the data test {first.name} found {first.failures} bad row{'' if first.failures == 1 else 's'}{more}",
            where=first.path,
            remedy="The published database and the lists stay as they were; see docs/guides/operations.md.",
        )
    return CrmError(
        f"the {first.kind} {first.name} failed: {one_sentence(first.message)}{more}",
        where=first.path,
        remedy="The published database and the lists stay as they were; correct it and run `crm nightly` again.",
    )


def one_sentence(text: str) -> str:
    """Take headings, pointers into SQL and line breaks out of a message, and keep it short."""
    plain = _ANSI.sub("", text).strip()
    plain = _COMPILED_CODE.sub("", _LINE_POINTER.sub("", _HEADING.sub("", plain)))
    joined = " ".join(plain.split()).rstrip(".")
    return joined if len(joined) <= LONGEST_MESSAGE else joined[: LONGEST_MESSAGE - 1] + "…"


def _file_in(text: str) -> str:
    found = re.search(r"((?:models|seeds|macros|tests)/[\w./-]+\.(?:sql|yml|yaml|csv))", text)
    return found[1] if found else ""
