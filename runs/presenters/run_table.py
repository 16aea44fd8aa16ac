"""The columns of the table of branches: their words, and the links that sort by them."""

from dataclasses import dataclass

from runs.queries.runs import SORTS

WORDS = {
    "number": "No.",
    "label": "Branch",
    "status": "State",
    "reading": "Read as",
    "tries": "Tries",
    "waited": "Waited",
    "held": "Held",
    "first": "First token",
    "took": "Took",
    "tokens": "Tokens",
    "cost": "Cost",
}
TEXTS = frozenset({"label", "status", "reading"})
LOWEST_FIRST = TEXTS | {"number"}  # of figures people look for the largest


@dataclass(frozen=True, slots=True)
class Column:
    """`sort`: what its link asks for; `order`: its `aria-sort`, empty where it is not sorted by."""

    word: str
    is_number: bool
    sort: str
    order: str


def sort_of(wanted: str) -> str:
    """What an address asks for: a column, with `-` from the largest down; else by number."""
    return wanted if wanted.removeprefix("-") in SORTS else "number"


def columns(sort: str) -> tuple[Column, ...]:
    return tuple(_column(key, word, sort) for key, word in WORDS.items())


def _column(key: str, word: str, sort: str) -> Column:
    first = key if key in LOWEST_FIRST else f"-{key}"
    other = f"-{key}" if first == key else key
    is_on = sort.removeprefix("-") == key
    order = ("descending" if sort.startswith("-") else "ascending") if is_on else ""
    return Column(word, key not in TEXTS, other if sort == first else first, order)
