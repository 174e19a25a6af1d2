"""All contracts and mappings together, checked against each other; reads declarations, never data."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from dagster_project.errors import CrmError
from dagster_project.ingestion.contracts import Bounds, Contract, LoadMode, load_contract
from dagster_project.ingestion.declarations import Declaration, did_you_mean
from dagster_project.ingestion.mappings import ColumnMapping, FeedMapping, SourceMapping, load_mapping
from dagster_project.ingestion.sql import check_expression
from dagster_project.settings import PROJECT_ROOT

FEEDS_FOLDER = "feeds"
RULES_VERSION = 2
"""Part of every fingerprint: raise it when a file under its mapping would give other rows or journal than before."""


@dataclass(frozen=True)
class Catalog:
    """Every contract and every mapping of one company."""

    contracts: tuple[Contract, ...]
    mappings: tuple[SourceMapping, ...]

    def contract(self, feed: str) -> Contract:
        """The contract of a feed.

        Raises:
            CrmError: No such feed.
        """
        for contract in self.contracts:
            if contract.feed == feed:
                return contract
        hint = did_you_mean(feed, (contract.feed for contract in self.contracts))
        raise CrmError(f"unknown feed {feed!r}", remedy=hint)

    def bounds(self, mapping: SourceMapping, feed: str) -> Bounds:
        """The bounds that hold for a feed when this mapping delivers it.

        A contract's volume ratios speak of full exports; a mapping that delivers changes only is not held to them.
        """
        contract = self.contract(feed)
        of_contract = contract.bounds
        if self.mode(mapping, feed) != contract.mode:
            of_contract = dataclasses.replace(of_contract, min_volume_ratio=None, max_volume_ratio=None)
        return mapping.bounds.over(of_contract)

    def mode(self, mapping: SourceMapping, feed: str) -> LoadMode:
        """The load mode of a feed when this mapping delivers it."""
        return mapping.feeds[feed].mode or self.contract(feed).mode

    def fingerprint(self, mapping: SourceMapping, feed: str) -> str:
        """Hash of all that decides how a file becomes rows of the feed; descriptions and owners do not."""
        contract = TypeAdapter(Contract).dump_python(self.contract(feed), mode="json")
        own = TypeAdapter(SourceMapping).dump_python(dataclasses.replace(mapping, name=""), mode="json")
        own["feeds"] = {feed: own["feeds"][feed]}
        text = json.dumps([RULES_VERSION, _bare(contract), _bare(own)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def load_catalog(sources_dir: Path) -> Catalog:
    """Read `feeds/` and one folder per system.

    Args:
        sources_dir: Where the declarations lie; without a `feeds` folder the built-in contracts are used.

    Raises:
        CrmError: A file breaks the format; one sentence with file and line.
    """
    if not sources_dir.is_dir():
        raise CrmError("the folder of contracts and mappings does not exist", where=str(sources_dir))
    own = sources_dir / FEEDS_FOLDER
    feeds_dir = own if own.is_dir() else PROJECT_ROOT / "sources" / FEEDS_FOLDER
    contracts = tuple(load_contract(path) for path in _declarations(feeds_dir))
    systems = sorted(one for one in sources_dir.iterdir() if one.is_dir() and one.name != FEEDS_FOLDER)
    loaded = [load_mapping(path) for system in systems for path in _declarations(system)]
    catalog = Catalog(contracts=contracts, mappings=tuple(mapping for mapping, _ in loaded))
    for mapping, declaration in loaded:
        for feed_mapping in mapping.feeds.values():
            _check_feed(catalog, feed_mapping, declaration)
    return catalog


def _declarations(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.iterdir() if path.suffix in (".yml", ".yaml") and not path.name.startswith(".")
    )


def _check_feed(catalog: Catalog, feed_mapping: FeedMapping, declaration: Declaration) -> None:
    loc = ("feeds", feed_mapping.feed)
    known = {contract.feed: contract for contract in catalog.contracts}
    contract = known.get(feed_mapping.feed)
    if contract is None:
        hint = did_you_mean(feed_mapping.feed, known)
        raise declaration.error(f"unknown feed {feed_mapping.feed!r}", loc=loc, remedy=hint)
    for name, column in feed_mapping.columns.items():
        where = (*loc, "columns", name)
        if name not in contract.by_name:
            hint = did_you_mean(name, contract.by_name)
            raise declaration.error(f"the feed {contract.feed!r} has no column {name!r}", loc=where, remedy=hint)
        _check_sql(column.sql, declaration, loc=(*where, "sql"))
        _check_constant(column, contract, name, declaration)
    _check_sql(feed_mapping.filter, declaration, loc=(*loc, "filter"))
    needed = [column.name for column in contract.columns if column.required or column.name in contract.key]
    missing = [name for name in needed if name not in feed_mapping.columns and contract.by_name[name].required]
    if missing:
        what = f"the feed {contract.feed!r} requires the column {missing[0]!r}, which the mapping does not fill"
        raise declaration.error(what, loc=(*loc, "columns"), remedy=f"Add `{missing[0]}: …` to its columns.")


def _check_sql(text: str | None, declaration: Declaration, *, loc: tuple[str, ...]) -> None:
    if text is None:
        return
    try:
        check_expression(text)
    except ValueError as error:
        raise declaration.error(f"no valid SQL expression: {error}", loc=loc) from error


def _check_constant(column: ColumnMapping, contract: Contract, name: str, declaration: Declaration) -> None:
    allowed = contract.by_name[name].allowed
    given: list[str | None] = [column.constant, *(column.values or {}).values()]
    loc = ("feeds", contract.feed, "columns", name)
    for value in given:
        if allowed and value is not None and value not in allowed:
            hint = did_you_mean(value, allowed)
            raise declaration.error(f"{value!r} is not allowed in {contract.feed}.{name}", loc=loc, remedy=hint)


def _bare(value: Any) -> Any:
    """A declaration without what only people read."""
    if isinstance(value, dict):
        return {key: _bare(one) for key, one in value.items() if key not in ("description", "owner")}
    return [_bare(one) for one in value] if isinstance(value, list) else value
