"""The vote curve: what fewer votes would have given and cost, from the branches already there.

Pure arithmetic over recorded readings; makes no calls and reads no texts.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import sqrt
from typing import Literal

Ties = Literal["declare", "first_seen"]
Z_95 = 1.959963984540054  # two-sided 95 % of the normal distribution


@dataclass(frozen=True, slots=True)
class Question:
    """One vote's branches in index order: what each read (None: failed or unreadable), its cost in
    US dollars and its tokens (None: unknown). `gold`: spellings of the right answer, if known."""

    readings: Sequence[str | None]
    gold: Sequence[str] | None = None
    costs_usd: Sequence[float | None] = ()
    tokens: Sequence[int | None] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """At most `votes` votes a question. `share` (0..1) of `questions` that were right, or that
    agreed with the full vote; `low` and `high`: its 95 % interval. `launched`, `cost_usd` and
    `tokens` a question in the mean; None where unknown."""

    votes: int
    share: float
    low: float
    high: float
    launched: float
    cost_usd: float | None
    tokens: float | None


@dataclass(frozen=True, slots=True)
class Curve:
    """`of`: what a share is of. `left_out`: questions without gold where others have it, or whose
    full vote gave no answer. `stopped`: questions with fewer votes than others; beyond their last
    vote they count with the answer they ended on."""

    of: Literal["accuracy", "agreement"]
    questions: int
    left_out: int
    stopped: int
    points: tuple[Point, ...]


def vote_curve(
    questions: Sequence[Question], is_hit: Callable[..., bool], *, ties: Ties = "first_seen"
) -> Curve | None:
    """Accuracy of the first k votes for k = 1 … n where there is gold, else how often they agree
    with the full vote. None where there is nothing to compare.

    `is_hit(value, *gold)` compares a reading with the right answer. A declared tie is no answer.
    """
    of: Literal["accuracy", "agreement"] = "agreement"
    asked = [question for question in questions if question.readings]
    if any(question.gold for question in asked):
        of, asked = "accuracy", [question for question in asked if question.gold]
    longest = max((len(question.readings) for question in asked), default=0)
    rights = [0] * longest
    counted = []
    for question in asked:
        hits = _hits(question, is_hit, ties)
        if hits is None:
            continue
        counted.append(question)
        for place in range(longest):
            rights[place] += hits[min(place, len(hits) - 1)]
    if not counted:
        return None
    return Curve(
        of,
        len(counted),
        len(questions) - len(counted),
        sum(len(question.readings) < longest for question in counted),
        tuple(_points(counted, rights)),
    )


def _hits(question: Question, is_hit: Callable[..., bool], ties: Ties) -> list[bool] | None:
    """Whether the first 1, 2 … votes were right, or gave the full vote's answer."""
    leaders = list(_leaders(question.readings, ties))
    if question.gold:
        known = {value: is_hit(value, *question.gold) for value in set(leaders)}
        return [known[value] for value in leaders]
    full = leaders[-1]
    return None if full is None else [value == full for value in leaders]


def _leaders(readings: Sequence[str | None], ties: Ties) -> Iterator[str | None]:
    """The answer after each vote, in time that does not grow with the votes before."""
    counts: dict[str, int] = {}
    places: dict[str, int] = {}  # of first seen
    tied: set[str] = set()  # all values with the most votes
    most, leader = 0, None
    for place, value in enumerate(readings):
        if value is not None:
            places.setdefault(value, place)
            count = counts[value] = counts.get(value, 0) + 1
            if count > most:
                most, leader, tied = count, value, {value}
            elif count == most:
                tied.add(value)
                leader = min(tied, key=places.__getitem__)
        yield None if ties == "declare" and len(tied) > 1 else leader


def _points(questions: Sequence[Question], rights: Sequence[int]) -> Iterator[Point]:
    count, longest = len(questions), len(rights)
    launched = _means([[1] * len(question.readings) for question in questions], longest)
    costs = _means([_known(question.costs_usd, question) for question in questions], longest)
    tokens = _means([_known(question.tokens, question) for question in questions], longest)
    for place, right in enumerate(rights):
        low, high = wilson(right, count)
        cost = costs[place] if costs else None
        token = tokens[place] if tokens else None
        mean = launched[place] if launched else 0.0
        yield Point(place + 1, right / count, low, high, mean, cost, token)


def _known(values: Sequence[float | None], question: Question) -> Sequence[float] | None:
    known = [value for value in values if value is not None]
    return known if len(known) == len(question.readings) else None


def _means(rows: Sequence[Sequence[float] | None], longest: int) -> list[float] | None:
    """Mean over the questions of the sum of the first 1, 2 … values; None where one is unknown."""
    sums = [0.0] * longest
    for row in rows:
        if row is None:
            return None
        for place, value in enumerate(row):
            sums[place] += value
    return [total / len(rows) for total in accumulate(sums)]


def wilson(right: int, count: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson, 1927)."""
    if not count:
        return 0.0, 1.0
    share, square = right / count, Z_95 * Z_95
    middle = share + square / (2 * count)
    spread = Z_95 * sqrt(share * (1 - share) / count + square / (4 * count * count))
    whole = 1 + square / count
    return max((middle - spread) / whole, 0.0), min((middle + spread) / whole, 1.0)
