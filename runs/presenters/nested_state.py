"""How a row of a nested run stands, in one word, and which filters show it. Knows no templates."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runs.domain.results import FAILED_OUTCOMES, OutcomeKind
from runs.domain.states import JoinStatus
from runs.queries.nested import RowJoin

UNDECIDED = frozenset({OutcomeKind.UNDECIDED, OutcomeKind.DISAGREEMENT})
CLOSE = 0.75  # a hit with less agreement than this was close


@dataclass(frozen=True, slots=True)
class State:
    """`tone` colours it, `icon` and `word` say the same without colour; `rank` is its weight."""

    key: str
    tone: str
    icon: str
    word: str
    rank: int


TIE = State("ties", "tie", "tie", "tie", 0)
MISS = State("misses", "failed", "fail", "miss", 1)
FAILED = State("failed", "failed", "gap", "failed", 2)
UNSURE = State("undecided", "tie", "warn", "undecided", 3)
HIT = State("hits", "done", "done", "hit", 4)
DONE = State("decided", "done", "done", "decided", 4)
RUNNING = State("open", "running", "live", "running", 5)
WAITING = State("open", "queued", "wait", "waiting", 6)

WORDS = {
    "hits": "Hits",
    "decided": "Decided",
    "misses": "Misses",
    "ties": "Ties",
    "undecided": "Undecided",
    "failed": "Failures",
    "open": "Still open",
    "full": "All votes asked",
}
ONE = {"hits": "hit", "misses": "miss", "ties": "tie", "failed": "failure"}
ALWAYS = ("ties", "failed")


@dataclass(frozen=True, slots=True)
class Filter:
    """A chip: pressed or not; `wanted` is the choice that a click on it makes."""

    key: str
    word: str
    count: int
    is_on: bool
    wanted: str


def state_of(row: RowJoin) -> State:
    if row.outcome == OutcomeKind.TIE:
        return TIE
    if row.outcome in UNDECIDED:
        return UNSURE
    if row.outcome in FAILED_OUTCOMES or row.status in (JoinStatus.FAILED, JoinStatus.CANCELLED):
        return FAILED
    if not row.outcome:
        return WAITING if row.status == JoinStatus.WAITING else RUNNING
    is_hit = row.quality.get("is_hit")
    return DONE if is_hit is None else HIT if is_hit else MISS


def launched(row: RowJoin) -> int | None:
    """Votes asked for; None while the row is open."""
    if not row.outcome:
        return None
    found: Any = row.quality.get("launched")
    return row.planned if found is None else int(found)


def counted(count: int, key: str) -> str:
    """`1 tie`, `3 ties`."""
    return f"{count:,} {ONE[key] if count == 1 and key in ONE else WORDS[key].lower()}"


def is_full(row: RowJoin) -> bool:
    return launched(row) == row.planned


def filters(
    rows: Sequence[tuple[RowJoin, State]], chosen: Sequence[str], *, may_stop: bool
) -> tuple[Filter, ...]:
    """All that have rows, those that people look for even without, and those chosen."""
    counts = Counter(state.key for _, state in rows)
    has_gold = any(row.quality.get("gold") is not None for row, _ in rows)
    counts["full"] = sum(is_full(row) for row, _ in rows) if may_stop else 0
    shown = [
        key
        for key in WORDS
        if counts[key] or key in ALWAYS or key in chosen or (has_gold and key == "misses")
    ]
    every = Filter("all", "All", len(rows), not chosen, "")
    return (every, *(_filter(key, counts[key], chosen) for key in shown))


def _filter(key: str, count: int, chosen: Sequence[str]) -> Filter:
    is_on = key in chosen
    others = [one for one in chosen if one != key]
    return Filter(key, WORDS[key], count, is_on, ",".join(others if is_on else [*others, key]))


def is_shown(row: RowJoin, state: State, chosen: Sequence[str]) -> bool:
    return not chosen or state.key in chosen or ("full" in chosen and is_full(row))


def chosen_of(text: str) -> tuple[str, ...]:
    """The filters that an address names, unknown ones left out."""
    return tuple(dict.fromkeys(key for key in text.split(",") if key in WORDS))
