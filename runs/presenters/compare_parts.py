"""What became of each branch in the passes compared: those whose part differs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runs.models import Outcome, Run
from runs.presenters.run_checks import KINDS
from runs.queries import runs as queries

MOST_PARTS = 200
LONGEST_VALUE = 80


@dataclass(frozen=True, slots=True)
class Part:
    icon: str
    word: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class PartRow:
    """`number` of the branch, None for one that was never opened."""

    display: int
    label: str
    number: int | None
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class PartTable:
    rows: tuple[PartRow, ...]
    more: int
    of: int
    ns: tuple[int, ...]

    @property
    def count(self) -> int:
        return len(self.rows) + self.more


def table(run: Run, ns: Sequence[int], roots: Mapping[int, Outcome]) -> PartTable:
    """The children of a run with one join; `ns` are passes with an outcome."""
    entries = {n: {entry[0]: entry for entry in roots[n].contributions} for n in ns}
    children = sorted(set().union(*(found.keys() for found in entries.values())))
    known = {row["index"]: row for row in queries.children(run, most=max(len(children), 1))}
    differing = [child for child in children if len({_key(entries[n].get(child)) for n in ns}) > 1]
    rows = tuple(
        _row(child, known.get(child), [entries[n].get(child) for n in ns])
        for child in differing[:MOST_PARTS]
    )
    return PartTable(rows, max(len(differing) - MOST_PARTS, 0), len(children), tuple(ns))


def _key(entry: Sequence[Any] | None) -> tuple[Any, ...]:
    return (entry[1], entry[3]) if entry else ()


def _row(
    child: int, branch: Mapping[str, Any] | None, entries: Sequence[Sequence[Any] | None]
) -> PartRow:
    label = (branch["label"] if branch else "") or f"Branch {child + 1}"
    number = branch["number"] if branch else None
    return PartRow(child + 1, label, number, tuple(map(_part, entries)))


def _part(entry: Sequence[Any] | None) -> Part:
    if entry is None:
        return Part("off", "not told", "", "")
    _, kind, reason, value = entry
    icon, word = KINDS.get(kind, ("off", kind))
    text = " ".join((value or "").split())
    return Part(
        icon,
        word,
        text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…",
        reason or "",
    )
