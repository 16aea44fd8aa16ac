"""Figures of votes: what one took and spared, and what many of them gave against gold answers.

Knows no method: it is given values as they were read.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runs.metrics.gold import SetScore


def of_vote(
    *,
    planned: int,
    launched: int,
    rounds: int,
    spared: int,
    confidence: float | None,
    cost_usd: float | None,
    tokens: float | None,
) -> dict[str, Any]:
    """What a vote took, and what the votes it spared would have cost. `cost_usd` and `tokens`: of
    an ended vote, in the mean; None where unknown. `confidence`: that the leader would win the
    full vote, not that it is right; None where votes are unequal."""
    return {
        "planned": planned,
        "launched": launched,
        "rounds": rounds,
        "spared": spared,
        "confidence": confidence,
        "spared_cost_usd": None if cost_usd is None else spared * cost_usd,
        "spared_tokens": None if tokens is None else round(spared * tokens),
    }


@dataclass(frozen=True, slots=True)
class Row:
    """One vote of many. `quality`: that of its outcome. `singles`: whether each branch alone was
    right, in branch order, None for a spared one; empty where that cannot be told."""

    is_tie: bool
    quality: Mapping[str, Any]
    singles: Sequence[bool | None] = field(default=())
    sets: SetScore | None = None

    @property
    def has_gold(self) -> bool:
        return "is_hit" in self.quality


def of_rows(rows: Sequence[Row], voters: Sequence[str]) -> dict[str, Any]:
    """Figures of all votes together. Branch i is of voter i modulo their number.

    `mean_single`: accuracy of a branch taken at random in each row; `best_single`: of the best
    voter, or of the best branch by its number where all are one voter, among those that answered
    in every row. A row that stopped early counts with the branches it has.
    """
    found: dict[str, Any] = {"rows": len(rows), "ties": sum(row.is_tie for row in rows)}
    found |= _spent(rows)
    golden = [row for row in rows if row.has_gold]
    if golden:
        hits = sum(bool(row.quality["is_hit"]) for row in golden)
        found |= {"gold_rows": len(golden), "hits": hits, "accuracy": hits / len(golden)}
        found |= _single([row.singles for row in golden], voters)
    sets = [row.sets for row in rows if row.sets is not None]
    if sets:
        found |= {"gold_rows": len(sets), **sum(sets, SetScore()).figures()}
        alone = [row.quality.get("mean_single_f1") for row in rows if row.sets is not None]
        known = [share for share in alone if share is not None]
        if len(known) == len(sets):
            found["mean_single_f1"] = sum(known) / len(known)
    return found


def _spent(rows: Sequence[Row]) -> dict[str, Any]:
    """Sums over the rows; unknown where one is."""
    votes = [row.quality for row in rows if "launched" in row.quality]
    if not votes:
        return {}
    sums = {name: sum(vote[name] for vote in votes) for name in ("launched", "planned", "spared")}
    for name in ("spared_cost_usd", "spared_tokens"):
        known = [vote[name] for vote in votes if vote.get(name) is not None]
        sums[name] = sum(known) if len(known) == len(votes) else None
    return {
        **sums,
        "votes_a_row": sums["launched"] / len(votes),
        "one_wave": sum(vote["rounds"] == 1 for vote in votes),
        "rounds": max(vote["rounds"] for vote in votes),
    }


def _single(rows: Sequence[Sequence[bool | None]], voters: Sequence[str]) -> dict[str, Any]:
    known = [[hit for hit in row if hit is not None] for row in rows]
    if not all(known):
        return {}
    mean = sum(sum(row) / len(row) for row in known) / len(known)
    best = max(_by_voter(rows, voters), key=lambda one: one[1], default=None)
    if best is None:
        return {"mean_single": mean}
    return {"mean_single": mean, "best_single": best[1], "best_single_is": best[0]}


def _by_voter(
    rows: Sequence[Sequence[bool | None]], voters: Sequence[str]
) -> Iterator[tuple[str, float]]:
    """(name, accuracy) of each voter that answered in every row."""
    names = list(dict.fromkeys(voters))
    if len(names) > 1:
        shares: dict[str, list[float]] = defaultdict(list)
        for row in rows:
            for name, share in _shares(row, voters):
                shares[name].append(share)
    else:
        most = max(map(len, rows))
        names = [f"Vote {index + 1}" for index in range(most)]
        shares = {
            name: [float(hit) for row in rows for hit in row[index : index + 1] if hit is not None]
            for index, name in enumerate(names)
        }
    for name in names:
        if len(shares[name]) == len(rows):
            yield name, sum(shares[name]) / len(rows)


def _shares(row: Iterable[bool | None], voters: Sequence[str]) -> Iterator[tuple[str, float]]:
    hits: dict[str, list[bool]] = defaultdict(list)
    for index, hit in enumerate(row):
        if hit is not None:
            hits[voters[index % len(voters)]].append(hit)
    for name, own in hits.items():
        yield name, sum(own) / len(own)
