"""Counting votes: which values lead, by how much, how far the voters agree. Knows no method."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from runs.aggregation.entries import Entry

MOST_LISTED = 100  # values that the figures list; the rest is summed up

Weight = int | Fraction


@dataclass(frozen=True, slots=True)
class Tally:
    """Votes by value, heaviest first; values of the same weight stand in order of first seen, that
    is of the lowest branch index, whatever the order in which answers arrived. `weights`: what the
    votes for each value weigh, exactly; their number where each weighs 1."""

    votes: Mapping[str, int]
    shown: Mapping[str, str]
    weights: Mapping[str, Weight]

    @property
    def total(self) -> int:
        """Votes that were read."""
        return sum(self.votes.values())

    @property
    def weight(self) -> Weight:
        """Weight of all votes that were read."""
        return sum(self.weights.values())

    @property
    def is_weighted(self) -> bool:
        return self.weights != self.votes

    @property
    def leaders(self) -> tuple[str, ...]:
        """All values that share the most weight."""
        most = max(self.weights.values(), default=0)
        return tuple(value for value, weight in self.weights.items() if weight == most)

    @property
    def margin(self) -> Weight:
        """Weight between the first and the second value."""
        first, second, *_ = (*self.weights.values(), 0, 0)
        return first - second


def count(entries: Iterable[Entry]) -> Tally:
    """The tally of those entries that have a value."""
    votes: dict[str, int] = {}
    weights: dict[str, Weight] = {}
    shown: dict[str, str] = {}
    for entry in sorted(entries, key=lambda entry: entry.child.index):
        value = entry.value
        if value is None:
            continue
        votes[value] = votes.get(value, 0) + 1
        weights[value] = weights.get(value, 0) + entry.weight
        shown.setdefault(value, entry.shown)
    ranked = sorted(votes, key=lambda value: -weights[value])  # stable: first seen stays first
    return Tally(
        {value: votes[value] for value in ranked},
        shown,
        {value: weights[value] for value in ranked},
    )


def figures(entries: Sequence[Entry]) -> dict[str, Any]:
    """`figures_of` the tally of those entries."""
    return figures_of(count(entries))


def figures_of(tally: Tally) -> dict[str, Any]:
    """Figures of a vote: tally (votes), agreement (the leader's share of the weight, 0..1; absent
    where nothing was readable), margin and entropy (bits) by weight. Where votes differ in weight,
    `weights` and `weight` say it."""
    listed = dict(list(tally.votes.items())[:MOST_LISTED])
    found = {
        "votes": tally.total,
        "values": len(tally.votes),
        "tally": listed,
        "tally_others": tally.total - sum(listed.values()),
        "leaders": list(tally.leaders[:MOST_LISTED]),
        "margin": number(tally.margin),
        "entropy": entropy_bits(tally.weights.values()),
    }
    if tally.weight:
        found["agreement"] = float(max(tally.weights.values()) / tally.weight)
    if tally.is_weighted:
        found["weights"] = {value: number(tally.weights[value]) for value in listed}
        found["weight"] = number(tally.weight)
    return found


def entropy_bits(counts: Iterable[Weight]) -> float:
    """Shannon entropy of a tally, in bits: 0 where all agree."""
    known = sorted(count for count in counts if count > 0)
    if len(known) < 2:
        return 0.0
    total = sum(known)
    shares = [float(count / total) for count in known]
    return -sum(share * math.log2(share) for share in shares)


def number(weight: Weight) -> int | float:
    """As JSON and people write it: a whole number where it is one."""
    return int(weight) if weight == int(weight) else float(weight)
