"""Sends a file to a destination: encrypted if it asks for it, tried again if that may help, the same only once."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import SplitResult, urlsplit

from dagster_project.activation.destination_settings import FROM_ENVIRONMENT, Destination, read_destinations
from dagster_project.activation.encryption import SUFFIX, encrypt
from dagster_project.activation.layouts import RenderedFile
from dagster_project.errors import CrmError

if TYPE_CHECKING:
    from dagster_project.activation.transports import Place

__all__ = ["Arrival", "Destination", "deliver", "name_at", "read_destinations"]

Status = Literal["arrived", "unchanged", "would_arrive"]

ATTEMPTS = 5
FIRST_WAIT_SECONDS = 0.5


@dataclass(frozen=True)
class Arrival:
    """What became of a file.

    Args:
        name: As it is named at the destination.
        status: It arrived, was there already, or would arrive if this were no dry run.
        message: What is to be known about it; empty if nothing is.
    """

    name: str
    status: Status
    message: str = ""


def name_at(destination: Destination, file: RenderedFile) -> str:
    """What a file is named at a destination: encrypted files end with `.pgp`.

    Args:
        destination: Where it goes.
        file: The file.
    """
    return f"{file.name}{SUFFIX}" if destination.encrypt_to else file.name


def deliver(
    destination: Destination, file: RenderedFile, *, last_sha256: str | None = None, dry_run: bool = False
) -> Arrival:
    """Send one file; it appears under its name whole or not at all, and sending it again changes nothing.

    A connection that breaks is tried again, five times within some seconds; refused credentials are not.

    Args:
        destination: Where to.
        file: What.
        last_sha256: Digest of the plain bytes that arrived last under this name. It tells whether an encrypted file is
            up to date: its own bytes differ each time.
        dry_run: Look what is there, write nothing.

    Raises:
        CrmError: It did not arrive; what was there before still is. The message holds no credentials.
    """
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

    from dagster_project.activation.transports import may_pass, opened, reason_of

    name = name_at(destination, file)
    make = _place(destination)
    content = _content(destination, file)
    is_known = last_sha256 == file.sha256

    def attempt() -> Arrival:
        with opened(make) as place:
            if _is_there(place, name, file, is_encrypted=destination.encrypt_to is not None, is_known=is_known):
                return Arrival(name, status="unchanged", message=file.note)
            if dry_run:
                return Arrival(name, status="would_arrive", message=file.note)
            place.tidy(_ours(file))
            place.put(name, content())
            return Arrival(name, status="arrived", message=file.note)

    retrying = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(multiplier=FIRST_WAIT_SECONDS),
        retry=retry_if_exception(may_pass),
        reraise=True,
    )
    try:
        return retrying(attempt)
    except CrmError:
        raise
    except Exception as error:
        what, remedy = reason_of(error)
        raise CrmError(
            f"{name} did not arrive at {destination.name}: {what}",
            where=_without_user(urlsplit(destination.url)),
            remedy=remedy,
        ) from None


def _content(destination: Destination, file: RenderedFile) -> Callable[[], bytes]:
    """The bytes that travel, made when they are needed and then kept for the next attempt."""
    certificate = destination.encrypt_to
    if certificate is None:
        return lambda: file.content
    return cache(lambda: encrypt(file.content, certificate=certificate, as_of=file.as_of))


def _is_there(place: Place, name: str, file: RenderedFile, *, is_encrypted: bool, is_known: bool) -> bool:
    try:
        found = place.read(name)
    except PermissionError:
        return False
    if is_encrypted:
        return bool(found) and is_known
    return found is not None and hashlib.sha256(found).hexdigest() == file.sha256


def _ours(file: RenderedFile) -> re.Pattern[str]:
    """The names of all files of the same segment, whatever their night."""
    night = f"_{file.as_of.isoformat()}"
    return re.compile(rf"{re.escape(file.name[: file.name.index(night)])}_\d{{4}}-\d{{2}}-\d{{2}}[_.].*")


def _place(destination: Destination) -> Callable[[], Place]:
    """How to connect; the values of environment variables are looked up now, and kept nowhere else."""
    from dagster_project.activation.transports import Bucket, Folder, Server

    parts = urlsplit(destination.url)
    options = {name: _value(destination, name, text) for name, text in destination.options.items()}
    match parts.scheme:
        case "s3":
            return lambda: Bucket(f"{parts.netloc}{parts.path}".rstrip("/"), options=options)
        case "sftp":
            known = {"username": parts.username, **options} if parts.username else options
            return lambda: Server(str(parts.hostname), port=parts.port or 22, root=parts.path, options=known)
        case _:
            return lambda: Folder(Path(parts.path))


def _value(destination: Destination, name: str, text: str) -> str:
    match = FROM_ENVIRONMENT.fullmatch(text)
    if match is None:
        return text
    value = os.environ.get(match[1])
    if not value:
        raise CrmError(
            f"the option {name} of the destination {destination.name} is not set",
            where=match[1],
            remedy="Set the environment variable for the nightly run.",
        )
    return value


def _without_user(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
