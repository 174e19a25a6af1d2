"""Writes Great Expectations' pages as a site that needs no network; what is on them is decided by the gate."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

_BODY = re.compile(r'<div class="container-fluid pt-4.*?(?=<footer>|</body>)', re.DOTALL)
_NEEDS_NETWORK = re.compile(
    r'<script\b.*?</script>|<link\b[^>]*>|<img\b[^>]*>|<a [^>]*href="(?:https?:|\.\./)[^"]*"[^>]*>(?P<text>.*?)</a>'
    r'|<div class="card mb-3">\s*<div class="card-header p-2">\s*<strong>Actions.*?</label>\s*</div>\s*</div>\s*</div>'
    r"\s*</div>\s*</div>",
    re.DOTALL,
)
_INDEX = "index.json"

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 70rem; padding: 1.5rem; color: #1c2430; }
a { color: #0b57d0; }
h1 { font-size: 1.4rem; }
h4, h5, h6 { margin: 1rem 0 .3rem; }
table { border-collapse: collapse; margin: .3rem 0 1rem; }
td, th { border: 1px solid #d5dae1; padding: .3rem .6rem; text-align: left; }
ul { list-style: none; padding: 0; }
i { font-style: normal; }
.badge { background: #eef1f5; border-radius: 3px; padding: 0 .3rem; }
.ok, .fa-check-circle::before { color: #15803d; }
.failed, .text-danger, .fa-times::before, .fa-exclamation-triangle::before { color: #b91c1c; }
.fa-check-circle::before { content: "\\2713"; }
.fa-times::before { content: "\\2717"; }
.fa-exclamation-triangle::before { content: "!"; }
@media (prefers-color-scheme: dark) {
  body { background: #12161c; color: #e5e9ef; }
  a { color: #8ab4f8; }
  .badge { background: #2a313b; }
}
"""


@dataclass(frozen=True)
class Page:
    """What one door said about one feed or list in one run."""

    door: str
    subject: str
    as_of: date
    size: int
    expectation_count: int
    failed_count: int
    bodies: tuple[str, ...]


def write_pages(pages: Sequence[Page], *, folder: Path) -> Path:
    """Write one page per feed or list and an index over all of them, those of earlier runs included.

    Args:
        pages: What was validated in this run.
        folder: The site.

    Returns:
        The index page.
    """
    entries = _known(folder)
    for page in pages:
        target = f"{page.door}/{page.subject}.html"
        body = "".join(_offline(body) for body in page.bodies)
        _write(folder / target, _document(f"{page.door}: {page.subject}", body, home="../index.html"))
        entries[target] = {
            "door": page.door,
            "subject": page.subject,
            "as_of": page.as_of.isoformat(),
            "checked": _checked(page),
            "expectations": page.expectation_count,
            "failed": page.failed_count,
        }
    _write(folder / _INDEX, json.dumps(entries, indent=2, sort_keys=True) + "\n")
    return _write(folder / "index.html", _document("What the doors said", _index(entries)))


def _checked(page: Page) -> str:
    if page.door == "batches":
        return f"{page.size} batch{'' if page.size == 1 else 'es'}"
    return "the whole list" if page.size == 1 else f"the whole list in {page.size} pieces"


def _known(folder: Path) -> dict[str, dict[str, object]]:
    try:
        entries: dict[str, dict[str, object]] = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {target: entry for target, entry in entries.items() if (folder / target).is_file()}


def _offline(page: str) -> str:
    """The content of a page without anything that a browser would fetch from elsewhere."""
    found = _BODY.search(page)
    return _NEEDS_NETWORK.sub(lambda match: match["text"] or "", found[0] if found else page)


def _index(entries: dict[str, dict[str, object]]) -> str:
    rows = "".join(
        f'<tr><td>{_text(entry["door"])}</td><td><a href="{_text(target)}">{_text(entry["subject"])}</a></td>'
        f"<td>{_text(entry['as_of'])}</td><td>{_text(entry['checked'])}</td><td>{_text(entry['expectations'])}</td>"
        f'<td class="{"failed" if entry["failed"] else "ok"}">{_text(entry["failed"] or "none")}</td></tr>'
        for target, entry in sorted(entries.items())
    )
    head = "".join(f"<th>{name}</th>" for name in ("Door", "Subject", "Run of", "Checked", "Expectations", "Failed"))
    return f"<h1>What the doors said</h1><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _text(value: object) -> str:
    return html.escape(str(value))


def _document(title: str, body: str, *, home: str = "") -> str:
    back = f'<p><a href="{home}">All feeds and lists</a></p><h1>{_text(title)}</h1>' if home else ""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{_text(title)}</title>'
        f"<style>{_STYLE}</style></head><body>{back}{body}</body></html>\n"
    )


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
    return path
