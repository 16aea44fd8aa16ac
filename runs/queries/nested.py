"""Reads of a nested run: its rows, each a join of its own, and what became of their votes."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum, TextField
from django.db.models.functions import Cast, Substr

from runs.domain.plan import CHILD_ROLES, Role
from runs.domain.states import BranchStatus
from runs.models import Branch, Item, Join, Run

LONGEST_VALUE = 300  # characters of an answer in the table
VoteRow = tuple[str, float | None, int | None]  # what it read, its cost in US dollars, tokens
ENDED = (BranchStatus.SUCCEEDED, BranchStatus.FAILED, BranchStatus.CANCELLED, BranchStatus.SPARED)


@dataclass(frozen=True, slots=True)
class RowJoin:
    """A row of a nested run. `quality` holds the figures of its join, once it has ended."""

    number: int
    position: int
    label: str
    item: int
    planned: int
    status: str
    outcome: str
    value: str
    quality: Mapping[str, Any]


@dataclass(slots=True)
class RowVotes:
    """The votes on one row so far. `asked`: those of which a request was sent."""

    asked: int = 0
    ended: int = 0
    failed: int = 0
    cost_usd: float | None = None
    tokens: int = 0
    tally: dict[str, int] = field(default_factory=dict)


def is_nested(run: Run) -> bool:
    return bool(run.spec.get("each"))


def rows_of(run: Run) -> list[RowJoin]:
    """All rows, in order."""
    rows = Join.objects.filter(run=run, parent_number=0).order_by("position")
    return [
        RowJoin(*row)
        for row in rows.values_list(
            *("number", "position", "label", "item_number", "children", "status", "outcome"),
            Substr("value", 1, LONGEST_VALUE),
            "quality",
        )
    ]


def row_at(run: Run, position: int) -> Join | None:
    return Join.objects.filter(run=run, parent_number=0, position=position).first()


def votes_on(run: Run, joins: Collection[int]) -> dict[int, RowVotes]:
    """By the number of the row's join: only of those asked for."""
    found = {number: RowVotes() for number in joins}
    rows = (
        Branch.objects.filter(run=run, join_number__in=list(joins), role__in=CHILD_ROLES)
        .values_list("join_number", "status", "reading")
        .annotate(Count("id"), Count("sent_ms"), Sum("cost_usd"), Sum("output_tokens"))
        .order_by()
    )
    for number, status, reading, count, asked, cost, tokens in rows:
        votes = found[number]
        votes.asked += asked
        votes.ended += count if status in ENDED else 0
        votes.failed += count if status == BranchStatus.FAILED else 0
        votes.tokens += tokens or 0
        if cost is not None:
            votes.cost_usd = (votes.cost_usd or 0.0) + cost
        if status == BranchStatus.SUCCEEDED and reading:
            votes.tally[reading] = votes.tally.get(reading, 0) + count
    return found


def items_of(run: Run, numbers: Collection[int]) -> dict[int, Item]:
    rows = Item.objects.filter(run=run, number__in=list(numbers))
    return {row.number: row for row in rows}


def items_that_say(run: Run, words: str) -> set[int]:
    """Numbers of the items with these words in any field or the gold answer."""
    rows = Item.objects.filter(run=run).annotate(said=Cast("fields", TextField()))
    wanted = Q(said__icontains=words) | Q(label__icontains=words) | Q(gold__icontains=words)
    return set(rows.filter(wanted).values_list("number", flat=True))


def votes_of_ended(run: Run) -> Iterator[tuple[str | None, list[VoteRow]]]:
    """Of each ended row its gold answer and its votes, in the order of their index."""
    ended = Join.objects.filter(run=run, parent_number=0).exclude(outcome="")
    golds = {number: quality.get("gold") for number, quality in _qualities(ended)}
    rows = (
        Branch.objects.filter(run=run, role=Role.VOTE)
        .order_by("join_number", "index")
        .values_list("join_number", "reading", "cost_usd", "output_tokens")
    )
    for number, votes in groupby(rows.iterator(chunk_size=5_000), key=itemgetter(0)):
        if number in golds:
            yield golds[number], [(reading, cost, tokens) for _, reading, cost, tokens in votes]


def _qualities(rows: QuerySet[Join]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    yield from rows.values_list("number", "quality").iterator()
