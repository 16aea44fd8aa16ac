"""A nested run's page: its rows as squares and as a table, and how many votes they took."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from runs.models import Item, Run
from runs.presenters import figures
from runs.presenters.nested_state import (
    CLOSE,
    DONE,
    HIT,
    RUNNING,
    WAITING,
    Filter,
    State,
    chosen_of,
    filters,
    is_shown,
    launched,
    state_of,
)
from runs.queries import nested as queries
from runs.queries.nested import RowJoin, RowVotes

ROWS_A_PAGE = 50
MOST_SQUARES = 4_000
LONGEST_LABEL = 160
TELLING = 20  # characters of a text that says more than a row's number
LONGEST_ANSWER = 60
STEPS = (4, 9, 19, 39, 79, 159, 319, 639)  # bounds of the bars of votes

Judged = tuple[RowJoin, State]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an address asks of the table."""

    chosen: tuple[str, ...] = ()
    words: str = ""
    start: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the agreement's bar; `share` in percent of the votes planned."""

    kind: str
    share: float


@dataclass(frozen=True, slots=True)
class Row:
    position: int
    display: int
    label: str
    answer: str
    gold: str
    parts: tuple[Part, ...]
    agreement: str
    votes_for: str
    asked: int | None
    spared: int
    cost_usd: float | None
    state: State


@dataclass(frozen=True, slots=True)
class Table:
    filters: tuple[Filter, ...]
    wanted: Wanted
    rows: tuple[Row, ...]
    total: int
    has_gold: bool
    is_sorted: bool
    query: str
    previous_start: int | None
    next_start: int | None

    @property
    def last(self) -> int:
        return self.wanted.start + len(self.rows)


@dataclass(frozen=True, slots=True)
class Square:
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Legend:
    kind: str
    word: str
    count: int


@dataclass(frozen=True, slots=True)
class Bar:
    label: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Picture:
    """`a_square`: rows that one square stands for."""

    squares: tuple[Square, ...]
    legend: tuple[Legend, ...]
    bars: tuple[Bar, ...]
    a_square: int


@dataclass(frozen=True, slots=True)
class Nested:
    noun: str
    picture: Picture
    table: Table
    rows: tuple[Judged, ...]


def wanted_of(query: Mapping[str, str]) -> Wanted:
    """Of an address; what is not understood is left out."""
    start = query.get("start", "")
    number = int(start) if start.isdecimal() and len(start) < 7 else 0
    return Wanted(
        chosen_of(query.get("rows", "")),
        query.get("q", "").strip().replace("\x00", "")[:200],
        number // ROWS_A_PAGE * ROWS_A_PAGE,
    )


def nested(run: Run, wanted: Wanted) -> Nested:
    rows = tuple((row, state_of(row)) for row in queries.rows_of(run))
    return Nested(noun_of(run), picture(run, rows), table(run, rows, wanted), rows)


def noun_of(run: Run) -> str:
    by = (run.spec.get("each") or {}).get("by", "row")
    return {"chunks": "chunk", "list": "item"}.get(by, by)


def may_stop(run: Run) -> bool:
    return (run.spec.get("votes") or {}).get("stop", "all") != "all"


# The table


def table(run: Run, rows: Sequence[Judged], wanted: Wanted) -> Table:
    found = [one for one in rows if is_shown(*one, wanted.chosen)]
    if wanted.words:
        found = _said(run, found, wanted.words)
    if wanted.chosen:
        found.sort(key=lambda one: (one[1].rank, -(launched(one[0]) or 0), one[0].position))
    start = wanted.start if wanted.start < len(found) else 0
    wanted = Wanted(wanted.chosen, wanted.words, start)
    page = found[start : start + ROWS_A_PAGE]
    after = start + len(page)
    return Table(
        filters=filters(rows, wanted.chosen, may_stop=may_stop(run)),
        wanted=wanted,
        rows=_rows(run, page),
        total=len(found),
        has_gold=any(row.quality.get("gold") is not None for row, _ in rows),
        is_sorted=bool(wanted.chosen),
        query=query_of(wanted),
        previous_start=max(start - ROWS_A_PAGE, 0) if start else None,
        next_start=after if after < len(found) else None,
    )


def query_of(wanted: Wanted) -> str:
    """The choice of rows, as an address names it."""
    return ",".join(wanted.chosen)


def _said(run: Run, rows: Sequence[Judged], words: str) -> list[Judged]:
    items, low = queries.items_that_say(run, words), words.casefold()
    return [one for one in rows if one[0].item in items or low in one[0].value.casefold()]


def _rows(run: Run, page: Sequence[Judged]) -> tuple[Row, ...]:
    votes = queries.votes_on(run, [row.number for row, _ in page])
    items = queries.items_of(run, [row.item for row, _ in page])
    return tuple(_row(row, state, votes[row.number], items.get(row.item)) for row, state in page)


def _row(row: RowJoin, state: State, votes: RowVotes, item: Item | None) -> Row:
    if state is WAITING and votes.asked:
        state = RUNNING
    counts = sorted((row.quality.get("tally") or votes.tally).values(), reverse=True)
    agreement = row.quality.get("agreement")
    if agreement is None and counts:
        agreement = counts[0] / sum(counts)
    return Row(
        position=row.position,
        display=row.position + 1,
        label=label_of(row.label, item),
        answer=_answer(row, state, votes.tally),
        gold=_short(row.quality.get("gold")),
        parts=_parts(counts, row.planned, state),
        agreement=figures.percent(agreement),
        votes_for=votes_for(counts),
        asked=votes.asked or None,
        spared=int(row.quality.get("spared") or 0),
        cost_usd=votes.cost_usd,
        state=state,
    )


def label_of(label: str, item: Item | None) -> str:
    """The row's own label; where that is only a number, the longest of its texts."""
    own = [value for key, value in (item.fields if item else {}).items() if key.startswith("row.")]
    texts = [value for key, value in (item.fields if item else {}).items() if key == "row.question"]
    if not texts and (label.startswith("Row ") or label.isdecimal()):
        texts = [text for text in own if len(text) >= TELLING and not text.startswith("{")]
    text = max(texts, key=len, default="") or label
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"


def _answer(row: RowJoin, state: State, tally: Mapping[str, int]) -> str:
    if row.value:
        return _short(row.value)
    counts = row.quality.get("tally") or tally
    if state.key != "ties" or not counts:
        return ""
    most = max(counts.values())
    return _short(" or ".join(value for value, votes in counts.items() if votes == most))


def _short(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= LONGEST_ANSWER else f"{text[: LONGEST_ANSWER - 1]}…"


def _parts(counts: Sequence[int], planned: int, state: State) -> tuple[Part, ...]:
    """Leader, second, all others, and what was never asked or could not be read."""
    if not counts:
        return ()
    whole = max(planned, sum(counts))
    second = counts[1] if len(counts) > 1 else 0
    is_level = second == counts[0]
    lead = "done" if state in (HIT, DONE) else state.tone
    parts = (
        (lead, counts[0]),
        (lead if is_level else "other", second),
        ("other", sum(counts[2:])),
        ("rest", whole - sum(counts)),
    )
    return tuple(Part(kind, round(votes / whole * 100, 2)) for kind, votes in parts if votes)


def votes_for(counts: Sequence[int]) -> str:
    if not counts:
        return ""
    told = [counts[0], counts[1] if len(counts) > 1 else 0, sum(counts[2:])]
    return " : ".join(f"{one:,}" for one in (told if told[2] else told[:2]))


# The picture


def picture(run: Run, rows: Sequence[Judged]) -> Picture:
    a_square = max(-(-len(rows) // MOST_SQUARES), 1)
    kinds = [_kind(row, state) for row, state in rows]
    counts = Counter(kinds)
    squares = tuple(
        _square(rows[start : start + a_square], kinds[start : start + a_square])
        for start in range(0, len(rows), a_square)
    )
    legend = tuple(Legend(key, word, counts[key]) for key, word in _KINDS.items() if counts[key])
    return Picture(squares, legend, _bars(rows) if may_stop(run) else (), a_square)


_KINDS = {
    "h1": "hit, all agree",
    "h2": "hit, 75% and more",
    "h3": "hit, closer",
    "d1": "decided, all agree",
    "d2": "decided, 75% and more",
    "d3": "decided, closer",
    "misses": "miss",
    "ties": "tie",
    "undecided": "undecided",
    "failed": "failed",
    "open": "open",
}


def _kind(row: RowJoin, state: State) -> str:
    if state.key not in ("hits", "decided"):
        return state.key
    agreement = row.quality.get("agreement", 1.0)
    depth = 1 if agreement >= 1 else 2 if agreement >= CLOSE else 3
    return f"{'h' if state.key == 'hits' else 'd'}{depth}"


_WORST = ("failed", "misses", "ties", "undecided", "open", "h3", "d3", "h2", "d2", "h1", "d1")


def _square(rows: Sequence[Judged], kinds: Sequence[str]) -> Square:
    kind = min(kinds, key=_WORST.index)
    first, last = rows[0][0], rows[-1][0]
    if first is last:
        return Square(kind, f"{first.position + 1}: {_KINDS[kind]}")
    return Square(kind, f"{first.position + 1} to {last.position + 1}, at worst: {_KINDS[kind]}")


def _bars(rows: Sequence[Judged]) -> tuple[Bar, ...]:
    """How many rows took how many votes, in steps that widen."""
    took = [votes for row, _ in rows if (votes := launched(row)) is not None]
    if not took:
        return ()
    most = max(row.planned for row, _ in rows)
    bounds = [
        0,
        min(took),
        *(step for step in STEPS if min(took) < step < most - 1),
        most - 1,
        most,
    ]
    counted = Counter(took)
    spans = [(low + 1, high) for low, high in pairwise(sorted(set(bounds))) if high > low]
    sums = [sum(counted[votes] for votes in range(low, high + 1)) for low, high in spans]
    return tuple(
        Bar(f"{high}" if low == high or low == 1 else f"{low}–{high}", count, _share(count, took))
        for (low, high), count in zip(spans, sums, strict=True)
        if count
    )


def _share(count: int, of: Sequence[int]) -> float:
    return round(count / len(of) * 100, 2)
