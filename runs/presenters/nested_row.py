"""One row of a nested run: what was asked, what its votes said, and what became of each."""

from collections.abc import Mapping
from dataclasses import dataclass

from runs.models import Item, Join, Run
from runs.presenters import figures
from runs.presenters.nested import label_of, noun_of
from runs.presenters.nested_state import State, state_of
from runs.presenters.run_checks import KINDS
from runs.presenters.run_rows import look
from runs.queries import nested as queries
from runs.queries import runs as run_queries
from runs.queries.nested import RowJoin
from runs.queries.runs import BranchRow

MOST_VOTES = 500
MOST_ANSWERS = 12
LONGEST_FIELD = 4_000


@dataclass(frozen=True, slots=True)
class Tally:
    value: str
    votes: int
    of: int
    tone: str


@dataclass(frozen=True, slots=True)
class Vote:
    number: int
    display: int
    icon: str
    word: str
    reading: str
    became: str
    branch: BranchRow


@dataclass(frozen=True, slots=True)
class Detail:
    title: str
    label: str
    state: State
    is_open: bool
    answer: str
    gold: str
    detail: str
    has_confidence: bool
    facts: tuple[tuple[str, str], ...]
    tally: tuple[Tally, ...]
    more_answers: int
    fields: tuple[tuple[str, str], ...]
    votes: tuple[Vote, ...]
    position: int
    previous: int | None
    next: int | None


def row_detail(run: Run, join: Join, count: int) -> Detail:
    """`count`: the rows there are."""
    outcome = run_queries.outcome(run, join.number)
    children = run_queries.children(run, join.number, most=MOST_VOTES)
    item = run_queries.item(run, join.item_number)
    seen = _as_row(join)
    state = state_of(seen)
    tally = join.quality.get("tally") or _tally(children)
    ranked = sorted(tally.items(), key=lambda pair: (-pair[1], pair[0]))
    became = {
        child: (KINDS.get(kind, ("", kind))[1], reason)
        for child, kind, reason, _ in (outcome.contributions if outcome else ())
    }
    return Detail(
        title=f"{noun_of(run).capitalize()} {join.position + 1}",
        label=label_of(join.label, item),
        state=state,
        is_open=not join.outcome,
        answer=outcome.value or "" if outcome else "",
        gold=_gold(join, item),
        detail=outcome.detail if outcome else "",
        has_confidence=join.quality.get("confidence") is not None,
        facts=_facts(join, children),
        tally=tuple(_line(place, ranked, join.children) for place in range(len(ranked)))[
            :MOST_ANSWERS
        ],
        more_answers=max(len(ranked) - MOST_ANSWERS, 0),
        fields=_fields(item),
        votes=tuple(_vote(child, became) for child in children),
        position=join.position,
        previous=join.position - 1 if join.position else None,
        next=join.position + 1 if join.position + 1 < count else None,
    )


def _as_row(join: Join) -> RowJoin:
    return queries.RowJoin(
        join.number,
        join.position,
        join.label,
        join.item_number,
        join.children,
        join.status,
        join.outcome,
        join.value,
        join.quality,
    )


def _tally(children: list[BranchRow]) -> dict[str, int]:
    found: dict[str, int] = {}
    for child in children:
        if child["status"] == "succeeded" and child["reading"]:
            found[child["reading"]] = found.get(child["reading"], 0) + 1
    return found


def _gold(join: Join, item: Item | None) -> str:
    gold = join.quality.get("gold")
    if gold is None:
        gold = item.gold if item and item.gold is not None else ""
    return str(gold)


def _line(place: int, ranked: list[tuple[str, int]], planned: int) -> Tally:
    value, votes = ranked[place]
    leaders = sum(count == ranked[0][1] for _, count in ranked)
    tone = "level" if votes == ranked[0][1] and leaders > 1 else "" if place == 0 else "lose"
    return Tally(value, votes, max(planned, votes), tone)


def _facts(join: Join, children: list[BranchRow]) -> tuple[tuple[str, str], ...]:
    quality = join.quality
    costs = [child["cost"] for child in children if child["cost"] is not None]
    tokens = sum(child["output_tokens"] or 0 for child in children)
    asked = sum(child["sent"] is not None for child in children)
    told = [
        ("Votes asked", f"{asked:,} of {join.children:,}"),
        ("Agreement", figures.percent(quality.get("agreement"))),
        ("Rounds", figures.thousands(quality.get("rounds"))),
        ("Spared", figures.thousands(quality.get("spared"))),
        ("Leader wins the full vote", figures.percent(quality.get("confidence"), 1)),
        ("Output tokens", figures.thousands(tokens)),
        ("Cost", figures.money(sum(costs)) if costs else figures.NOTHING),
    ]
    return tuple((name, value) for name, value in told if value != figures.NOTHING)


def _fields(item: Item | None) -> tuple[tuple[str, str], ...]:
    """What a prompt can name of the row, each text once."""
    if item is None:
        return ()
    shown: dict[str, str] = {}
    for name, value in item.fields.items():
        if value and value not in shown.values() and name not in ("row.text", "input"):
            shown[name.partition(".")[2] or name] = value[:LONGEST_FIELD]
    return tuple((shown or {"input": item.fields.get("input", "")[:LONGEST_FIELD]}).items())


def _vote(child: BranchRow, became: Mapping[int, tuple[str, str]]) -> Vote:
    seen = look(child, child["ended"] or 0, ())
    words, reason = became.get(child["index"], ("", ""))
    return Vote(
        child["number"],
        child["index"] + 1,
        seen.icon,
        seen.word,
        child["reading"],
        words or child["reason"] or reason,
        child,
    )
