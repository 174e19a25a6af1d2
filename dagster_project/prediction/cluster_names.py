"""Finds words for clusters of customers: what sets each apart, in a vocabulary that a marketer understands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LONGEST = 60
"""Characters of a name."""

CATEGORY = "category:"
"""Features that begin like this are the share of a product category in the money of a customer."""

_WORTH_SAYING = 0.4
"""Standard deviations from the mean of all customers from which a difference is worth a word."""

_CATEGORY_AHEAD = 0.12
"""Points of its share by which a category must be ahead to be in the name."""

_CATEGORY_LENGTH = 20
_MOST_DIFFERENCES = 4


@dataclass(frozen=True)
class Portrait:
    """One cluster beside all customers: the mean of each feature in standard deviations from that of all."""

    differences: Mapping[str, float]
    means: Mapping[str, float]
    overall: Mapping[str, float]


@dataclass(frozen=True)
class Word:
    """What a feature is called when it is high and when it is low; empty: not worth a name."""

    high: str
    low: str


ADJECTIVES: Mapping[str, Word] = {
    "recency_days": Word("Dormant", ""),
    "tenure_days": Word("", "New"),
    "orders_per_year": Word("Frequent", "Occasional"),
}
"""The first that is far enough from the mean of all begins the name."""

QUALIFIERS: Mapping[str, Word] = {
    "is_under_contract": Word("under contract", ""),
    "basket_amount": Word("large baskets", "small baskets"),
    "tickets_per_year": Word("many service calls", ""),
    "refund_rate": Word("many returns", ""),
    "discount_rate": Word("bargain hunters", ""),
    "store_rate": Word("in stores", ""),
    "personal_rate": Word("ordering in person", ""),
    "response_rate": Word("open to mailings", "deaf to mailings"),
    "margin_per_year_amount": Word("high margin", "low margin"),
    "orders_per_year": Word("frequent orders", "few orders"),
    "recency_days": Word("long not seen", "seen lately"),
    "tenure_days": Word("long with us", "new"),
}
"""Follow the name, the most distinguishing one first."""

DIFFERENCES: Mapping[str, Word] = {
    "orders_per_year": Word("order more often", "order less often"),
    "basket_amount": Word("larger baskets", "smaller baskets"),
    "margin_per_year_amount": Word("more margin", "less margin"),
    "recency_days": Word("last order longer ago", "bought more lately"),
    "tenure_days": Word("customers for longer", "customers for less time"),
    "discount_rate": Word("more discount", "less discount"),
    "refund_rate": Word("more returns", "fewer returns"),
    "personal_rate": Word("order more often in person", "order less often in person"),
    "store_rate": Word("more often in stores", "less often in stores"),
    "tickets_per_year": Word("more service calls", "fewer service calls"),
    "response_rate": Word("answer more mailings", "answer fewer mailings"),
    "is_under_contract": Word("more often under contract", "less often under contract"),
    "is_business": Word("more often businesses", "more often private"),
}


def names_of(portraits: Sequence[Portrait]) -> list[str]:
    """A name for each cluster: unique, at most `LONGEST` characters, the same for the same portraits.

    Clusters that would be called alike get one more qualifier each until none is left, then a number.
    """
    counts = [1] * len(portraits)
    names = [_name(portrait, count) for portrait, count in zip(portraits, counts, strict=True)]
    for _ in QUALIFIERS:
        doubles = {name for name, often in Counter(names).items() if often > 1}
        counts = [count + (name in doubles) for name, count in zip(names, counts, strict=True)]
        names = [_name(portrait, count) for portrait, count in zip(portraits, counts, strict=True)]
    return _numbered(names)


def differences_of(portrait: Portrait) -> str:
    """What sets the cluster apart from all customers, the greatest difference first."""
    words = [_difference(name, value) for name, value in _greatest(portrait.differences)]
    return ", ".join([word for word in words if word][:_MOST_DIFFERENCES]) or "like all customers"


def _name(portrait: Portrait, qualifier_count: int) -> str:
    adjective_feature, adjective = _adjective(portrait)
    noun = _noun(portrait)
    category = _category(portrait)
    head = " ".join(part for part in (adjective, noun, f"buying {category}" if category else "") if part)
    qualifiers = [
        word
        for name, value in _greatest(portrait.differences)
        if name != adjective_feature and name in QUALIFIERS and (word := _word(QUALIFIERS[name], value))
    ]
    name = head[0].upper() + head[1:]
    for qualifier in qualifiers[:qualifier_count]:
        longer = f"{name}, {qualifier}"
        name = longer if len(longer) <= LONGEST else name
    return name


def _adjective(portrait: Portrait) -> tuple[str, str]:
    found = ((feature, _word(word, portrait.differences.get(feature, 0.0))) for feature, word in ADJECTIVES.items())
    return next(((feature, word) for feature, word in found if word), ("", ""))


def _noun(portrait: Portrait) -> str:
    """Businesses or private customers, where the company has both and the cluster mostly one of them."""
    share, overall = portrait.means.get("is_business", 0.0), portrait.overall.get("is_business", 0.0)
    if not 0.02 <= overall <= 0.98:
        return "customers"
    if share >= 0.8:
        return "businesses"
    return "private customers" if share <= 0.05 else "customers"


def _category(portrait: Portrait) -> str:
    ahead = [
        (portrait.means[name] - portrait.overall[name], name.removeprefix(CATEGORY))
        for name in portrait.means
        if name.startswith(CATEGORY)
    ]
    lead, category = max(ahead, key=lambda one: (one[0], one[1]), default=(0.0, ""))
    return category[:_CATEGORY_LENGTH].strip() if lead >= _CATEGORY_AHEAD else ""


def _greatest(differences: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(differences.items(), key=lambda one: (-abs(one[1]), one[0]))


def _difference(name: str, value: float) -> str:
    if name.startswith(CATEGORY):
        category = name.removeprefix(CATEGORY)
        return _word(Word(f"more {category}", f"less {category}"), value)
    return _word(DIFFERENCES[name], value) if name in DIFFERENCES else ""


def _word(word: Word, value: float) -> str:
    if abs(value) < _WORTH_SAYING:
        return ""
    return word.high if value > 0 else word.low


def _numbered(names: Sequence[str]) -> list[str]:
    seen: Counter[str] = Counter()
    unique = []
    for name in names:
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name[: LONGEST - 4]} ({seen[name]})")
    return unique
