"""Reads a YAML declaration into typed values; every mistake is one sentence with file and line; knows no feed."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from dagster_project.errors import CrmError

STRICT = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)
"""Configuration of every declared dataclass: a key nobody knows is a mistake, not a comment."""

Loc = tuple[str | int, ...]
T = TypeVar("T")
_UNKNOWN_KEY = ("unexpected_keyword_argument", "extra_forbidden")
_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@dataclass(frozen=True)
class Declaration:
    """One YAML file as plain values (every scalar is text) that remembers the line of each of them."""

    path: Path
    data: Any
    lines: Mapping[Loc, int]

    def line(self, loc: Sequence[str | int]) -> int:
        """Line of the value at `loc`, or of the nearest thing around it."""
        wanted = tuple(loc)
        while wanted and wanted not in self.lines:
            wanted = wanted[:-1]
        return self.lines.get(wanted, 1)

    def error(self, what: str, *, loc: Sequence[str | int] = (), remedy: str = "") -> CrmError:
        """The error to raise for a mistake at `loc`."""
        return CrmError(what, where=f"{self.path}:{self.line(loc)}", remedy=remedy)


def read_declaration(path: Path) -> Declaration:
    """Read one YAML file.

    Args:
        path: A file holding one mapping of keys to values.

    Raises:
        CrmError: The file is no YAML, holds a key twice or is no mapping.
    """
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise CrmError(f"no valid YAML: {error.problem}", where=f"{path}:{line}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CrmError("no valid YAML: the file is not readable UTF-8 text", where=str(path)) from error
    if not isinstance(node, yaml.MappingNode):
        raise CrmError("the file holds no keys", where=f"{path}:1", remedy="Write `key: value` lines.")
    lines: dict[Loc, int] = {}
    return Declaration(path=path, data=_plain(node, path=path, loc=(), lines=lines), lines=lines)


def parse_declaration(declaration: Declaration, model: type[T]) -> T:
    """Turn a declaration into the dataclass `model`.

    Raises:
        CrmError: A key is unknown or missing, or a value is not of its type. The first mistake is told, and unknown
            keys before missing ones: the one is often the other, mistyped.
    """
    try:
        return TypeAdapter(model).validate_python(declaration.data)
    except ValidationError as error:
        problem = min(
            error.errors(),
            key=lambda one: (one["type"] not in _UNKNOWN_KEY, declaration.line(_known(declaration, one["loc"]))),
        )
        what, remedy = _sentence(problem, model=model)
        raise declaration.error(what, loc=_known(declaration, problem["loc"]), remedy=remedy) from error


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A hint sentence naming the nearest known word, else all of them when they are few."""
    choices = sorted(set(known))
    folded = {choice.lower(): choice for choice in choices}
    close = difflib.get_close_matches(wrong.lower(), list(folded), n=1, cutoff=0.6)
    if close:
        return f"Did you mean {folded[close[0]]!r}?"
    return f"Known are: {', '.join(choices)}." if 0 < len(choices) <= 30 else ""


def _plain(node: yaml.Node, *, path: Path, loc: Loc, lines: dict[Loc, int]) -> Any:
    lines.setdefault(loc, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _plain_mapping(node, path=path, loc=loc, lines=lines)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, path=path, loc=(*loc, index), lines=lines) for index, item in enumerate(node.value)]
    is_plain = isinstance(node, yaml.ScalarNode) and not node.style
    return None if is_plain and node.value in ("", "~") else node.value


def _plain_mapping(node: yaml.MappingNode, *, path: Path, loc: Loc, lines: dict[Loc, int]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise CrmError("a key must be a plain word", where=f"{path}:{line}")
        if key in result:
            raise CrmError(f"the key {key!r} is given twice", where=f"{path}:{line}", remedy="Remove one of them.")
        lines[(*loc, key)] = line
        result[key] = _plain(value_node, path=path, loc=(*loc, key), lines=lines)
    return result


def _known(declaration: Declaration, loc: Sequence[str | int]) -> Loc:
    """Drop what pydantic adds to a location, so that the line of the nearest YAML key is found."""
    kept: list[str | int] = []
    for part in loc:
        if (*kept, part) in declaration.lines:
            kept.append(part)
    return tuple(kept)


def _sentence(problem: Any, *, model: type[Any]) -> tuple[str, str]:
    loc = [part for part in problem["loc"] if part != "[key]"]
    name = str(loc[-1]) if loc else "the file"
    kind = problem["type"]
    if kind in _UNKNOWN_KEY:
        return f"unknown key {name!r}", did_you_mean(name, _keys_at(model, loc[:-1]))
    if kind in ("missing", "missing_argument"):
        return f"the key {name!r} is missing", ""
    if kind == "literal_error":
        known = [part.strip(" '") for part in problem["ctx"]["expected"].replace(" or ", ", ").split(",")]
        return f"unknown {name} {problem['input']!r}", did_you_mean(str(problem["input"]), known)
    if kind == "value_error":
        return f"{name}: {problem['ctx']['error']}", ""
    text = problem["msg"][:1].lower() + problem["msg"][1:]
    given = "" if isinstance(problem["input"], dict | list) else f", not {problem['input']!r}"
    return f"{name}: {text}{given}", ""


def _keys_at(model: Any, loc: Sequence[str | int]) -> list[str]:
    """Keys that are allowed at a location, found by walking the annotations of the declared dataclasses."""
    for part in loc:
        model = _step(model, part)
    owner = next((one for one in _alternatives(model) if dataclasses.is_dataclass(one)), None)
    return [] if owner is None else [_alias(field) for field in dataclasses.fields(owner)]


def _step(model: Any, part: str | int) -> Any:
    for one in _alternatives(model):
        if dataclasses.is_dataclass(one):
            hints = typing.get_type_hints(one)
            named = [hints[field.name] for field in dataclasses.fields(one) if _alias(field) == part]
            if named:
                return named[0]
        elif typing.get_origin(one) in (dict, tuple):
            args = typing.get_args(one)
            return args[1] if typing.get_origin(one) is dict else args[0]
    return None


def _alternatives(model: Any) -> tuple[Any, ...]:
    origin = typing.get_origin(model)
    if origin in (typing.Union, types.UnionType):
        return typing.get_args(model)
    return (typing.get_args(model)[0],) if origin is typing.Annotated else (model,)


def _alias(field: dataclasses.Field[Any]) -> str:
    alias = getattr(field.default, "alias", None)
    return str(alias) if alias else field.name
