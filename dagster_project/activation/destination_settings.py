"""Reads where lists can be sent to from one YAML file; every mistake is one sentence with file and line."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from dagster_project.activation.formats import Format, FormatChanges
from dagster_project.activation.layouts import LAYOUTS
from dagster_project.errors import CrmError
from dagster_project.ingestion.declarations import (
    STRICT,
    Declaration,
    did_you_mean,
    parse_declaration,
    read_declaration,
)
from dagster_project.settings import Settings

Content = Literal["full", "delta", "both"]

FILE = "destinations.yml"
VARIABLE = "CRM_DESTINATIONS"
FROM_ENVIRONMENT = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
"""An option that names the environment variable with its value."""

_SECRETS = frozenset({"password", "passphrase", "key", "secret", "token"})
_OPTIONS: Mapping[str, frozenset[str]] = {
    "file": frozenset(),
    "s3": frozenset({"key", "secret", "token", "endpoint_url", "region", "server_side_encryption"}),
    "sftp": frozenset({"username", "password", "client_key", "passphrase", "known_hosts"}),
}
_PATHS = ("known_hosts", "client_key")
_SECRET_LOOKING = re.compile(r"-----BEGIN|\bA[KS]IA[0-9A-Z]{16}\b|^[A-Za-z0-9+/_=-]{32,}$")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@checked_dataclass(frozen=True, config=STRICT)
class _Entry:
    """One destination as it stands in the file."""

    url: Annotated[str, Field(min_length=1)]
    layout: str = "plain"
    content: Content = "full"
    format: FormatChanges = field(default_factory=FormatChanges)
    encrypt_to: str | None = None
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Destination:
    """A place that lists are sent to.

    Args:
        name: As segments name it in their settings.
        url: `file:///folder`, `s3://bucket/prefix` or `sftp://host:port/folder`, without credentials.
        layout: Name of the layout.
        content: The whole list every night, what changed since it last arrived, or both.
        form: How its files are written.
        encrypt_to: File of the recipient's OpenPGP certificate; None sends the file as it is.
        options: What the connection needs; `env:NAME` stands for the value of an environment variable.
    """

    name: str
    url: str
    layout: str = "plain"
    content: Content = "full"
    form: Format = field(default_factory=Format)
    encrypt_to: Path | None = None
    options: Mapping[str, str] = field(default_factory=dict)


def read_destinations(settings: Settings) -> Mapping[str, Destination]:
    """All destinations that are configured, by name; none without a file.

    The file is the one that `CRM_DESTINATIONS` names, else `destinations.yml` among the sources. `{data_dir}` in an url
    stands for the data directory; other paths in it are relative to the file.

    Args:
        settings: Where the sources and the data directory are.

    Raises:
        CrmError: Something in the file makes no sense; said with its line.
    """
    named = os.environ.get(VARIABLE)
    path = Path(named) if named else settings.sources_dir / FILE
    if not named and not path.is_file():
        return {}
    try:
        declaration = read_declaration(path)
    except OSError as error:
        raise CrmError(
            f"the destinations cannot be read: {error.strerror}",
            where=str(path),
            remedy=f"Mend or unset {VARIABLE}.",
        ) from error
    entries = parse_declaration(declaration, dict[str, _Entry])
    return {name: _destination(declaration, name, entry, settings=settings) for name, entry in entries.items()}


def _destination(declaration: Declaration, name: str, entry: _Entry, *, settings: Settings) -> Destination:
    if not _NAME.fullmatch(name):
        raise declaration.error(
            f"{name!r} is no name", loc=(name,), remedy="Use lower-case letters, digits and underscores."
        )
    if entry.layout not in LAYOUTS:
        raise declaration.error(
            f"unknown layout {entry.layout!r}", loc=(name, "layout"), remedy=did_you_mean(entry.layout, LAYOUTS)
        )
    url = _checked_url(declaration, name, entry.url.replace("{data_dir}", str(settings.data_dir)))
    beside = declaration.path.resolve().parent
    options = _checked_options(declaration, name, entry.options, url=urlsplit(url))
    return Destination(
        name=name,
        url=url,
        layout=entry.layout,
        content=entry.content,
        form=_checked_format(declaration, name, entry),
        encrypt_to=beside / entry.encrypt_to if entry.encrypt_to else None,
        options={key: _absolute(key, text, beside=beside) for key, text in options.items()},
    )


def _absolute(key: str, text: str, *, beside: Path) -> str:
    return text if key not in _PATHS or FROM_ENVIRONMENT.fullmatch(text) else str(beside / Path(text).expanduser())


def _checked_format(declaration: Declaration, name: str, entry: _Entry) -> Format:
    try:
        return entry.format.applied_to(LAYOUTS[entry.layout].form)
    except ValidationError as error:
        problem = error.errors()[0]
        raise declaration.error(str(problem["ctx"]["error"]), loc=(name, "format")) from error


def _checked_url(declaration: Declaration, name: str, url: str) -> str:
    loc = (name, "url")
    if "{" in url:
        raise declaration.error("the url has a placeholder nobody knows", loc=loc, remedy="Known is {data_dir}.")
    parts = urlsplit(url)
    if parts.scheme not in _OPTIONS:
        raise declaration.error(
            f"the url begins with {parts.scheme or 'nothing'!r}", loc=loc, remedy=did_you_mean(parts.scheme, _OPTIONS)
        )
    if parts.password or parts.query or parts.fragment:
        raise declaration.error(
            "the url holds more than a place",
            loc=loc,
            remedy="Write credentials as options that name an environment variable: `password: env:NAME`.",
        )
    _check_parts(declaration, parts, loc=loc)
    return url


def _check_parts(declaration: Declaration, parts: SplitResult, *, loc: tuple[str, str]) -> None:
    try:
        is_port = parts.port is None or parts.port > 0
    except ValueError:
        is_port = False
    has_place = bool(parts.hostname) if parts.scheme != "file" else not parts.netloc
    has_folder = parts.scheme == "s3" or len(parts.path) > 1
    if not (is_port and has_place and has_folder):
        shape = {"file": "file:///folder", "s3": "s3://bucket/prefix", "sftp": "sftp://host:22/folder"}[parts.scheme]
        raise declaration.error("the url is not whole", loc=loc, remedy=f"Write {shape}.")


def _checked_options(
    declaration: Declaration, name: str, options: Mapping[str, str], *, url: SplitResult
) -> Mapping[str, str]:
    known = _OPTIONS[url.scheme]
    for key, text in options.items():
        loc = (name, "options", key)
        if key not in known:
            raise declaration.error(f"unknown option {key!r}", loc=loc, remedy=did_you_mean(key, known))
        is_secret = key in _SECRETS or (key not in _PATHS and _SECRET_LOOKING.search(text))
        if is_secret and not FROM_ENVIRONMENT.fullmatch(text):
            raise declaration.error(
                f"the option {key} holds a secret itself",
                loc=loc,
                remedy="Write `env:NAME` and keep the secret in that environment variable, and change it: it was read.",
            )
    if url.scheme == "sftp" and not options.get("known_hosts"):
        raise declaration.error(
            "the option known_hosts is missing",
            loc=(name, "options"),
            remedy="Name the file with the server's host key: without it anybody could pose as the server.",
        )
    if urlsplit(options.get("endpoint_url", "")).scheme == "http" and not _is_this_machine(options["endpoint_url"]):
        raise declaration.error(
            "the endpoint_url is not encrypted", loc=(name, "options", "endpoint_url"), remedy="Use https."
        )
    return options


def _is_this_machine(url: str) -> bool:
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
