"""Writes one page per KPI from what its YAML says and from the published figures; nothing on them is written twice."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dagster_project.console.figures import MISSING, figure, month, words
from dagster_project.settings import Settings
from dagster_project.transformation.kpi_charts import line_chart
from dagster_project.transformation.kpi_definitions import KpiDefinition, kpi_definitions
from dagster_project.transformation.kpi_figures import Figures, Series, read_figures

KPI_PAGES = "kpis"

_CODE = re.compile(r"`([^`]+)`")
_EMPHASIS = re.compile(r"\*([^*\s][^*]*)\*")

_STYLE = """
:root { color-scheme: light dark; --text: #1c2430; --soft: #56606e; --line: #d9dee6; --page: #fff; --card: #f6f8fa;
  --accent: #0b57d0; --target: #b45309; }
@media (prefers-color-scheme: dark) { :root { --text: #e5e9ef; --soft: #9aa5b4; --line: #2f3844; --page: #12161c;
  --card: #1a2029; --accent: #8ab4f8; --target: #f0a04b; } }
* { box-sizing: border-box; }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--text); background: var(--page); margin: 0 auto;
  max-width: 68rem; padding: 1.5rem 1.25rem 4rem; }
a { color: var(--accent); }
a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: .6rem 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; padding-bottom: .2rem; border-bottom: 1px solid var(--line); }
.card h2, h3 { font-size: 1rem; margin: 0; padding: 0; border: 0; }
nav, .soft, small { color: var(--soft); font-size: .9rem; }
.question { font-size: 1.15rem; max-width: 48rem; margin: .2rem 0 .8rem; }
code { font: .88em ui-monospace, monospace; background: var(--card); border-radius: 3px; padding: .1em .3em;
  overflow-wrap: anywhere; }
.facts { display: flex; flex-wrap: wrap; gap: .3rem 1.5rem; margin: 0; padding: 0; list-style: none; color: var(--soft);
  font-size: .9rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)); gap: 1rem; padding: 0;
  margin: 0; list-style: none; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .9rem 1rem; }
.card p { margin: .2rem 0; }
.figure { font-size: 1.5rem; font-weight: 600; font-variant-numeric: tabular-nums; }
svg { display: block; width: 100%; height: auto; margin-top: .4rem; }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
svg .grid { stroke: var(--line); }
svg polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg .line { stroke: var(--accent); }
svg polyline.target { stroke: var(--target); stroke-dasharray: 5 4; stroke-width: 1.5; }
svg circle { stroke: var(--accent); stroke-width: 1.5; fill: var(--accent); }
svg circle.open { fill: var(--card); }
dl { display: grid; grid-template-columns: 9rem 1fr; gap: .5rem 1rem; margin: 0; }
dt { font-weight: 600; }
dd { margin: 0; max-width: 50rem; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; gap: .1rem; } dd { margin-bottom: .6rem; } }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { text-align: left; color: var(--soft); padding-bottom: .3rem; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.names { display: flex; flex-wrap: wrap; gap: .25rem .6rem; }
li { margin: .25rem 0; }
"""


def write_kpi_pages(manifest: Mapping[str, Any], *, settings: Settings) -> Path:
    """Write a page for every KPI model and an index over them; pages of models that are gone are removed.

    Args:
        manifest: dbt's manifest.
        settings: Where the published database and the documentation are.

    Returns:
        The index page.
    """
    definitions = kpi_definitions(manifest)
    figures = read_figures(definitions, settings=settings)
    folder = settings.docs_dir / KPI_PAGES
    folder.mkdir(parents=True, exist_ok=True)
    pages = {f"{one.name}.html": kpi_page(one, definitions=definitions, figures=figures) for one in definitions}
    for name, page in {**pages, "index.html": kpi_index(definitions, figures=figures)}.items():
        _write(folder / name, page)
    for path in folder.glob("*.html"):
        if path.name not in pages and path.name != "index.html":
            path.unlink()
    return folder / "index.html"


def kpi_index(definitions: Sequence[KpiDefinition], *, figures: Figures) -> str:
    """The measures with their newest figures, and the models they are made of."""
    cards = "".join(_card(one, figures.series.get(one.measure, ())) for one in definitions if one.is_headline)
    others = "".join(
        f"<li>{_link(one)} <small>{_inline(one.question or one.grain)}</small></li>"
        for one in definitions
        if not one.is_headline
    )
    body = (
        '<nav><a href="../index.html">Documentation</a></nav><h1>What we measure</h1>'
        f'<p class="soft">{_stand(figures)}</p>'
        f'<ul class="cards">{cards}</ul><h2>What they are made of</h2><ul>{others}</ul>'
    )
    return _document("What we measure", body)


def kpi_page(definition: KpiDefinition, *, definitions: Sequence[KpiDefinition], figures: Figures) -> str:
    """Question, current figures, definition, edge cases, columns and lineage of one model."""
    series = figures.series.get(definition.measure, ()) if definition.is_headline else ()
    facts = [
        f"<code>{definition.schema}.{definition.name}</code>",
        f"Owner: {_inline(definition.point('Owner'))}" if definition.point("Owner") else "",
        f"Better: {html.escape(definition.better)}" if definition.better else "",
        f"Grain: {_inline(definition.grain)}",
    ]
    body = [
        '<nav><a href="../index.html">Documentation</a> / <a href="index.html">What we measure</a></nav>',
        f"<main><h1>{html.escape(definition.title)}</h1>",
        f'<p class="question">{_inline(definition.question)}</p>',
        f'<ul class="facts">{"".join(f"<li>{fact}</li>" for fact in facts if fact)}</ul>',
        _current(series, figures) if definition.is_headline else "",
        _definition_list(definition),
        _edge_cases(definition),
        _columns(definition),
        _lineage(definition, {one.name for one in definitions}),
        "</main>",
    ]
    return _document(definition.title, "".join(body))


def _card(definition: KpiDefinition, series: Sequence[Series]) -> str:
    aimed = [one for one in series if any(point.target is not None for point in one.points)]
    shown = "".join(
        f"<p>{_newest(one)} <small>{html.escape(words(one.name))}</small></p>" for one in (aimed or series)[:3]
    )
    nothing = '<p class="soft">no figures yet</p>'
    return (
        f'<li class="card"><h2>{_link(definition)}</h2><p class="soft">{_inline(definition.question)}</p>'
        f"{shown or nothing}</li>"
    )


def _link(definition: KpiDefinition) -> str:
    return f'<a href="{definition.name}.html">{html.escape(definition.title)}</a>'


def _newest(series: Series) -> str:
    point = series.newest
    if point is None:
        return f'<span class="figure">{MISSING}</span>'
    state = "" if point.is_final else ", not final"
    target = "" if point.target is None else f", target {figure(point.target, series.unit)}"
    about = html.escape(f"{month(point.month)}{state}{target}")
    return f'<span class="figure">{html.escape(figure(point.value, series.unit))}</span> <small>{about}</small>'


def _stand(figures: Figures) -> str:
    return f"Figures of the night of {figures.as_of}." if figures.as_of else "Nothing has been published yet."


def _current(series: Sequence[Series], figures: Figures) -> str:
    if not series:
        return f'<h2>Current figures</h2><p class="soft">None. {_stand(figures)}</p>'
    charts = "".join(
        f'<li class="card"><h3>{html.escape(words(one.name))}</h3><p>{_newest(one)}</p>{line_chart(one)}</li>'
        for one in series
    )
    return (
        f'<h2>Current figures</h2><p class="soft">{_stand(figures)} Dashed: target. Hollow points may still change.</p>'
        f'<ul class="cards">{charts}</ul>{_table(series)}'
    )


def _table(series: Sequence[Series]) -> str:
    months = sorted({point.month for one in series for point in one.points}, reverse=True)
    by_month = [{point.month: point for point in one.points} for one in series]
    heads = "".join(f'<th scope="col" class="number">{html.escape(words(one.name))}</th>' for one in series)
    rows = []
    for day in months:
        cells = []
        for one, points in zip(series, by_month, strict=True):
            point = points.get(day)
            mark = "" if point is None or point.is_final or point.value is None else "*"
            text = figure(point.value if point else None, one.unit) + mark
            cells.append(f'<td class="number">{html.escape(text)}</td>')
        rows.append(f'<tr><th scope="row">{month(day)}</th>{"".join(cells)}</tr>')
    return (
        '<div class="scroll" tabindex="0"><table><caption>The last months; * may still change</caption>'
        f'<thead><tr><th scope="col">Month</th>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _definition_list(definition: KpiDefinition) -> str:
    entries = "".join(f"<dt>{html.escape(label)}</dt><dd>{_inline(text)}</dd>" for label, text in definition.points)
    return f"<h2>Definition</h2><dl>{entries}</dl>" if entries else ""


def _edge_cases(definition: KpiDefinition) -> str:
    if not definition.edge_cases:
        return ""
    entries = "".join(
        f"<li>{html.escape(one.sentence)}"
        + (f" <small>{_inline(one.description)}</small>" if one.description else "")
        + f"<br><small><code>{html.escape(one.name)}</code></small></li>"
        for one in definition.edge_cases
    )
    return f"<h2>Tested, each by an example</h2><ul>{entries}</ul>"


def _columns(definition: KpiDefinition) -> str:
    rows = "".join(
        f'<tr><th scope="row"><code>{html.escape(one.name)}</code></th><td>{html.escape(one.data_type)}</td>'
        f"<td>{_inline(one.description)}</td></tr>"
        for one in definition.columns
    )
    return (
        '<h2>Columns</h2><div class="scroll" tabindex="0"><table><thead><tr><th scope="col">Column</th>'
        f'<th scope="col">Type</th><th scope="col">Meaning</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _lineage(definition: KpiDefinition, pages: set[str]) -> str:
    layers = "".join(
        f'<dt>{layer}</dt><dd class="names">{_names(names, pages)}</dd>' for layer, names in definition.reads.items()
    )
    used = f'<dt>used by</dt><dd class="names">{_names(definition.used_by, pages)}</dd>' if definition.used_by else ""
    return (
        f"<h2>Where it comes from</h2><dl>{layers}{used}</dl><p><small>dbt/{html.escape(definition.file)}</small></p>"
    )


def _names(names: Iterable[str], pages: set[str]) -> str:
    return "".join(
        f'<a href="{name}.html"><code>{html.escape(name)}</code></a>'
        if name in pages
        else f"<code>{html.escape(name)}</code>"
        for name in names
    )


def _inline(text: str) -> str:
    """Code and emphasis of Markdown; everything else as it stands."""
    pieces = _CODE.split(html.escape(text))
    return "".join(
        f"<code>{piece}</code>" if position % 2 else _EMPHASIS.sub(r"<em>\1</em>", piece)
        for position, piece in enumerate(pieces)
    )


def _document(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
