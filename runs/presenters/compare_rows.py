"""Rows of a nested run whose outcome differs between passes, in groups, a page at a time."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, groupby
from typing import Any

from runs.domain.states import JoinStatus
from runs.models import Run
from runs.presenters.nested import label_of, votes_for
from runs.presenters.nested_state import DONE, HIT, State, state_of
from runs.queries import nested as nested_queries
from runs.queries import passes as queries
from runs.queries.nested import RowJoin

ROWS_A_PAGE = 50
LONGEST_ANSWER = 60
SAME = "same"
GOOD = frozenset({HIT, DONE})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an address asks of the table."""

    group: str = ""
    start: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """What a row gave in one pass."""

    state: State
    answer: str
    votes_for: str


@dataclass(frozen=True, slots=True)
class Row:
    position: int
    display: int
    label: str
    gold: str
    told: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """`key` names it in addresses; `kind` colours its part of the bar."""

    key: str
    words: str
    kind: str
    count: int
    share: float
    rows: tuple[Row, ...] = ()
    is_on: bool = False


@dataclass(frozen=True, slots=True)
class RowTable:
    groups: tuple[Group, ...]
    bar: tuple[Group, ...]
    shown: tuple[Group, ...]
    differing: int
    of: int
    has_gold: bool
    wanted: Wanted
    previous_start: int | None
    next_start: int | None
    last: int
    changed_between: Mapping[tuple[int, int], int]
    ns: tuple[int, ...]

    @property
    def width(self) -> int:
        """Columns of the table."""
        return len(self.ns) + 2 + self.has_gold


@dataclass(frozen=True, slots=True)
class _Compared:
    """One row in all passes; `key` is the group it belongs to."""

    position: int
    item: int
    label: str
    key: str
    outcomes: tuple[Mapping[str, Any], ...]


@dataclass(slots=True)
class _Counted:
    groups: Counter[str] = field(default_factory=Counter)
    changed: Counter[tuple[int, int]] = field(default_factory=Counter)
    differing: list[_Compared] = field(default_factory=list)
    rows: int = 0
    has_gold: bool = False


def wanted_of(query: Mapping[str, str]) -> Wanted:
    """Of an address; what is not understood is left out."""
    start = query.get("start", "")
    number = int(start) if start.isdecimal() and len(start) < 7 else 0
    return Wanted(query.get("group", "")[:40], number // ROWS_A_PAGE * ROWS_A_PAGE)


def table(run: Run, ns: Sequence[int], wanted: Wanted) -> RowTable:
    """`ns`: passes with an outcome, at least two."""
    counted = _count(queries.outcome_rows(run, ns), ns)
    words = {key: _words(key, ns, counted.has_gold) for key in counted.groups}
    groups = _groups(counted, words)
    chosen = wanted.group if wanted.group in {group.key for group in groups} else ""
    found = [one for one in counted.differing if not chosen or one.key == chosen]
    order = {group.key: place for place, group in enumerate(groups)}
    found.sort(key=lambda one: (order[one.key], one.position))
    start = wanted.start if wanted.start < len(found) else 0
    page = found[start : start + ROWS_A_PAGE]
    after = start + len(page)
    return RowTable(
        groups=tuple(_marked(group, chosen) for group in groups),
        bar=(*_alike(counted, ns), *groups),
        shown=tuple(_shown(run, page, groups)),
        differing=len(counted.differing),
        of=counted.rows,
        has_gold=counted.has_gold,
        wanted=Wanted(chosen, start),
        previous_start=max(start - ROWS_A_PAGE, 0) if start else None,
        next_start=after if after < len(found) else None,
        last=after,
        changed_between=counted.changed,
        ns=tuple(ns),
    )


# Counting


def _count(rows: Iterable[Mapping[str, Any]], ns: Sequence[int]) -> _Counted:
    counted = _Counted()
    for position, of_row in groupby(rows, key=lambda row: row["join__position"]):
        by_pass = {row["pass_n"]: row for row in of_row}
        if len(by_pass) < len(ns):
            continue  # a pass that was broken off told nothing of this row
        outcomes = tuple(by_pass[n] for n in ns)
        counted.rows += 1
        counted.has_gold |= any(one["quality"].get("gold") is not None for one in outcomes)
        for (i, one), (j, other) in combinations(enumerate(outcomes), 2):
            counted.changed[ns[i], ns[j]] += _given(one) != _given(other)
        key = _key(outcomes)
        counted.groups[key] += 1
        if not key.startswith(SAME):
            first = outcomes[0]
            counted.differing.append(
                _Compared(position, first["join__item_number"], first["join__label"], key, outcomes)
            )
    return counted


def _given(one: Mapping[str, Any]) -> tuple[str, str | None]:
    return one["kind"], one["value"]


def _key(outcomes: Sequence[Mapping[str, Any]]) -> str:
    """The passes in which the row is right (decided, where no answer is known), as 1 and 0."""
    good = "".join("1" if _state(one) in GOOD else "0" for one in outcomes)
    is_same = len(set(map(_given, outcomes))) == 1
    if is_same:
        return f"{SAME}{'1' if '1' in good else '0'}"
    return good


def _state(one: Mapping[str, Any]) -> State:
    return state_of(
        RowJoin(
            one["join__number"],
            one["join__position"],
            one["join__label"],
            one["join__item_number"],
            0,
            JoinStatus.DONE,
            one["kind"],
            one["value"] or "",
            one["quality"],
        )
    )


# Words


def _words(key: str, ns: Sequence[int], has_gold: bool) -> str:
    good = "Right" if has_gold else "Decided"
    if key.startswith(SAME):
        return _same_words(key, has_gold)
    right = [str(n) for n, mark in zip(ns, key, strict=True) if mark == "1"]
    if not right:
        return f"{'Not right' if has_gold else 'Undecided'} in all, in another way"
    if len(right) == len(ns):
        return "Right in all, said in another way" if has_gold else "Another answer"
    word = "pass" if len(right) == 1 else "passes"
    return f"{good} in {word} {' and '.join(right)} only"


def _same_words(key: str, has_gold: bool) -> str:
    if key == f"{SAME}1":
        return "right in all" if has_gold else "the same in all"
    return "not right, the same in all" if has_gold else "undecided in all"


def _groups(counted: _Counted, words: Mapping[str, str]) -> list[Group]:
    """Those that differ: where the later passes gain first, then what they lose."""
    keys = [key for key in counted.groups if not key.startswith(SAME)]
    keys.sort(key=lambda key: (key[0] == "1", "1" not in key, key))
    return [_group(counted, key, words[key], _kind(key)) for key in keys]


def _kind(key: str) -> str:
    if "1" not in key or "0" not in key:
        return "other"
    return "lost" if key[0] == "1" else "won"


def _alike(counted: _Counted, ns: Sequence[int]) -> Iterator[Group]:
    for key, kind in ((f"{SAME}1", "alike"), (f"{SAME}0", "alike-not")):
        if counted.groups[key]:
            yield _group(counted, key, _words(key, ns, counted.has_gold), kind)


def _group(counted: _Counted, key: str, words: str, kind: str) -> Group:
    count = counted.groups[key]
    return Group(key, words, kind, count, round(count / max(counted.rows, 1) * 100, 3))


def _marked(group: Group, chosen: str) -> Group:
    return Group(
        group.key, group.words, group.kind, group.count, group.share, is_on=group.key == chosen
    )


# The page of rows


def _shown(run: Run, page: Sequence[_Compared], groups: Sequence[Group]) -> Iterator[Group]:
    items = nested_queries.items_of(run, [one.item for one in page])
    by_key = {group.key: group for group in groups}
    for key, found in groupby(page, key=lambda one: one.key):
        group = by_key[key]
        rows = tuple(_row(one, items) for one in found)
        yield Group(key, group.words, group.kind, group.count, group.share, rows)


def _row(one: _Compared, items: Mapping[int, Any]) -> Row:
    item = items.get(one.item)
    gold = next((o["quality"].get("gold") for o in one.outcomes if o["quality"].get("gold")), "")
    return Row(
        one.position,
        one.position + 1,
        label_of(one.label, item),
        _short(str(gold)),
        tuple(map(_told, one.outcomes)),
    )


def _told(one: Mapping[str, Any]) -> Told:
    tally = one["quality"].get("tally") or {}
    counts = sorted(tally.values(), reverse=True)
    answer = one["value"] or ""
    if not answer and counts:
        most = counts[0]
        answer = " or ".join(name for name, votes in tally.items() if votes == most)
    return Told(_state(one), _short(" ".join(answer.split())), votes_for(counts))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_ANSWER else f"{text[: LONGEST_ANSWER - 1]}…"
