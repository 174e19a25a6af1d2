"""Puts one small mistake at a time into a statement; whether a test catches it is judged elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlglot import exp

FIXTURE = "__dbt__cte__"
"""What dbt puts before the name of an input it made of a unit test's rows."""

LARGEST_COUNTED = 1000
"""Above it, one more or less is lost among the digits (microseconds of a day): the number is doubled instead."""

Change = tuple[str, exp.Expr]
Rule = Callable[[exp.Expr], Iterator[Change]]


@dataclass(frozen=True, order=True)
class Mutant:
    """One mistake: in which common table expression, what kind, what stood there and what stands there now."""

    part: str
    kind: str
    original: str
    mutant: str
    occurrence: int = 1
    """Which of the places in that part where the same stands; they are counted from above."""


@dataclass(frozen=True)
class Variant:
    """A mutant of one statement, and the line of the statement it is on."""

    mutant: Mutant
    sql: str
    line: int


def variants_of(statement: exp.Expr) -> Iterator[Variant]:
    """Every mutant of a statement; its fixtures are left as they are."""
    seen: Counter[tuple[str, str, str, str]] = Counter()
    for node in [one for one in statement.walk(bfs=False) if not _is_left_alone(one)]:
        part = _part(node)
        for kind, replacement in _changes(node):
            shown = _shown(node)
            before = text(shown or node)
            node.replace(replacement)
            change = (part, kind, *_described(before, text(shown or replacement), node=node))
            sql = text(statement)
            replacement.replace(node)
            seen[change] += 1
            yield Variant(Mutant(*change, occurrence=seen[change]), sql, _line(node))


def text(node: exp.Expr) -> str:
    """An expression as DuckDB reads it, in one line."""
    return node.sql("duckdb", comments=False)


def _changes(node: exp.Expr) -> Iterator[Change]:
    for kinds, rule in _RULES:
        if isinstance(node, kinds):
            yield from rule(node)
    yield from _dropped_condition(node)


def _shown(node: exp.Expr) -> exp.Expr | None:
    """What is quoted instead of a bare value, which alone says nothing."""
    return node.parent if isinstance(node, exp.Literal | exp.Boolean) else None


def _described(before: str, after: str, *, node: exp.Expr) -> tuple[str, str]:
    """A union is told by which side is left: its text is that of two queries."""
    if not isinstance(node, exp.Union):
        return before, after
    return "UNION ALL", "left side only" if after == text(node.this) else "right side only"


def _is_left_alone(node: exp.Expr) -> bool:
    """Fixtures, types, hashes (a key is only compared, however its text is put together), and what `exists` selects."""
    while (parent := node.parent) is not None:
        if isinstance(parent, exp.CTE) and parent.alias.startswith(FIXTURE):
            return True
        if isinstance(parent, exp.DataType | exp.MD5):
            return True
        if isinstance(parent, exp.Select) and isinstance(parent.parent, exp.Exists) and node.arg_key == "expressions":
            return True
        node = parent
    return False


def _part(node: exp.Expr) -> str:
    cte = node.find_ancestor(exp.CTE)
    return cte.alias if cte else "select"


def _line(node: exp.Expr | None) -> int:
    while node is not None:
        lines = [found.meta["line"] for found in node.find_all(exp.Identifier, exp.Star) if "line" in found.meta]
        if lines:
            return int(min(lines))
        node = node.parent
    return 1


def _comparison(node: exp.Expr) -> Iterator[Change]:
    turned: dict[type[exp.Expr], type[exp.Binary]] = {
        exp.LT: exp.LTE,
        exp.LTE: exp.LT,
        exp.GT: exp.GTE,
        exp.GTE: exp.GT,
        exp.EQ: exp.NEQ,
        exp.NEQ: exp.EQ,
    }
    yield "comparison", turned[type(node)](this=node.this.copy(), expression=node.expression.copy())


def _between(node: exp.Expr) -> Iterator[Change]:
    low, high = node.args["low"], node.args["high"]
    for above, below in ((exp.GT, exp.LTE), (exp.GTE, exp.LT)):
        yield (
            "comparison",
            exp.Paren(
                this=exp.And(
                    this=above(this=node.this.copy(), expression=low.copy()),
                    expression=below(this=node.this.copy(), expression=high.copy()),
                )
            ),
        )


def _negated(node: exp.Expr) -> Iterator[Change]:
    if not isinstance(node.parent, exp.Not):
        yield "negation", exp.Not(this=node.copy())


def _not(node: exp.Expr) -> Iterator[Change]:
    yield "negation", node.this.copy()


def _shorter_list(node: exp.Expr) -> Iterator[Change]:
    for position in range(len(node.expressions) if len(node.expressions) > 1 else 0):
        shorter = node.copy()
        shorter.set("expressions", [one for at, one in enumerate(shorter.expressions) if at != position])
        yield "shorter list", shorter


def _connector(node: exp.Expr) -> Iterator[Change]:
    other = exp.Or if isinstance(node, exp.And) else exp.And
    yield "and / or", exp.Paren(this=other(this=node.this.copy(), expression=node.expression.copy()))


def _dropped_condition(node: exp.Expr) -> Iterator[Change]:
    """A condition that no longer holds anything back; one of several in an `or` that no longer lets anything in."""
    parent = node.parent
    if parent is None or isinstance(node, exp.Connector | exp.Boolean | exp.Paren):
        return
    holder, child = parent, node
    while isinstance(holder, exp.Paren):
        holder, child = holder.parent, holder  # type: ignore[assignment]
    if isinstance(holder, exp.Or):
        yield "dropped alternative", exp.false()
    elif isinstance(holder, exp.And) or _is_whole_condition(holder, child):
        yield "dropped condition", exp.true()
    if isinstance(holder, exp.If) and child.arg_key == "this":
        yield "dropped case", exp.false()


def _is_whole_condition(holder: exp.Expr | None, child: exp.Expr) -> bool:
    if isinstance(holder, exp.Where | exp.Having | exp.Qualify):
        return True
    return isinstance(holder, exp.Join | exp.If) and child.arg_key in {"on", "this"} and child is not _joined(holder)


def _joined(holder: exp.Expr) -> exp.Expr | None:
    return holder.this if isinstance(holder, exp.Join) else None


def _date_difference(node: exp.Expr) -> Iterator[Change]:
    swapped = node.copy()
    start, end = swapped.this.copy(), swapped.expression.copy()
    swapped.set("this", end)
    swapped.set("expression", start)
    yield "swapped dates", swapped


def _arithmetic(node: exp.Expr) -> Iterator[Change]:
    other: dict[type[exp.Expr], type[exp.Binary]] = {
        exp.Add: exp.Sub,
        exp.Sub: exp.Add,
        exp.Mul: exp.Div,
        exp.Div: exp.Mul,
    }
    yield "arithmetic", other[type(node)](this=node.this.copy(), expression=node.expression.copy())


_OTHER_FUNCTION: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.Min: exp.Max,
    exp.Max: exp.Min,
    exp.Sum: exp.Max,
    exp.Avg: exp.Max,
    exp.Least: exp.Greatest,
    exp.Greatest: exp.Least,
    exp.ArgMax: exp.ArgMin,
    exp.ArgMin: exp.ArgMax,
    exp.Lag: exp.Lead,
    exp.Lead: exp.Lag,
    exp.FirstValue: exp.LastValue,
    exp.LastValue: exp.FirstValue,
}


def _function(node: exp.Expr) -> Iterator[Change]:
    copied = node.copy()
    other = _OTHER_FUNCTION[type(node)]
    yield "function", other(**{name: value for name, value in copied.args.items() if name in other.arg_types})


def _count(node: exp.Expr) -> Iterator[Change]:
    if isinstance(node.this, exp.Distinct):
        yield "distinct", exp.Count(this=node.this.expressions[0].copy(), big_int=True)
    elif not isinstance(node.this, exp.Star):
        yield "counted column", exp.Count(this=exp.Star(), big_int=True)


def _default(node: exp.Expr) -> Iterator[Change]:
    values = [node.this, *node.expressions]
    for left in (values[:-1], values[1:]):
        copies = [one.copy() for one in left]
        yield "default", copies[0] if len(copies) == 1 else exp.Coalesce(this=copies[0], expressions=copies[1:])


def _unwrapped(node: exp.Expr) -> Iterator[Change]:
    yield "unwrapped", node.this.copy()


def _literal(node: exp.Expr) -> Iterator[Change]:
    """Off by one; not the digits of a rounding, nor the 0 that may not divide: neither is a rule of the business."""
    if node.is_string or (isinstance(node.parent, exp.Round | exp.Nullif) and node.arg_key != "this"):
        return
    if node.is_int:
        number = int(node.this)
        yield "number", exp.Literal.number(number + 1 if number < LARGEST_COUNTED else number * 2)
    else:
        yield "number", exp.Literal.number(float(node.this) / 2)


def _boolean(node: exp.Expr) -> Iterator[Change]:
    if not isinstance(node.parent, exp.Join):
        yield "truth value", exp.Boolean(this=not node.this)


def _order(node: exp.Expr) -> Iterator[Change]:
    """The other way round; a median is the same from either end."""
    within = node.find_ancestor(exp.WithinGroup)
    if within is not None and text(within.this.this) == "0.5":
        return
    turned = node.copy()
    turned.set("desc", not node.args.get("desc"))
    yield "order", turned


def _join(node: exp.Expr) -> Iterator[Change]:
    """Rows without a partner are lost; the other way round says nothing where there always is one, which is usual."""
    if node.args.get("side") == "LEFT":
        turned = node.copy()
        turned.set("side", None)
        yield "join", turned


def _partition(node: exp.Expr) -> Iterator[Change]:
    columns = node.args.get("partition_by") or []
    for position in range(len(columns)):
        wider = node.copy()
        wider.set("partition_by", [one for at, one in enumerate(wider.args["partition_by"]) if at != position])
        yield "wider window", wider


def _union(node: exp.Expr) -> Iterator[Change]:
    if node.args.get("with_") is None:
        yield "dropped branch", node.this.copy()
        yield "dropped branch", node.expression.copy()


def _else(node: exp.Expr) -> Iterator[Change]:
    """Null instead of a value; in a sum, null and 0 are the same."""
    default = node.args.get("default")
    if default is None or (isinstance(node.parent, exp.Sum) and text(default) == "0"):
        return
    shorter = node.copy()
    shorter.set("default", None)
    yield "dropped else", shorter


_RULES: tuple[tuple[type[exp.Expr] | tuple[type[exp.Expr], ...], Rule], ...] = (
    ((exp.LT, exp.LTE, exp.GT, exp.GTE, exp.EQ, exp.NEQ), _comparison),
    (exp.Between, _between),
    ((exp.Is, exp.In), _negated),
    (exp.Not, _not),
    (exp.In, _shorter_list),
    ((exp.And, exp.Or), _connector),
    (exp.DateDiff, _date_difference),
    ((exp.Add, exp.Sub, exp.Mul, exp.Div), _arithmetic),
    (tuple(_OTHER_FUNCTION), _function),
    (exp.Count, _count),
    (exp.Coalesce, _default),
    ((exp.Nullif, exp.Abs), _unwrapped),
    (exp.Literal, _literal),
    (exp.Boolean, _boolean),
    (exp.Ordered, _order),
    (exp.Join, _join),
    (exp.Window, _partition),
    (exp.Union, _union),
    (exp.Case, _else),
)
