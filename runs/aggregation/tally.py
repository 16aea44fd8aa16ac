"""Counting votes: which values lead, by how much, how far the voters agree. Knows no method."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runs.aggregation.entries import Entry

MOST_LISTED = 100  # values that the figures list; the rest is summed up


@dataclass(frozen=True, slots=True)
class Tally:
    """Votes by value, most first; values with as many votes stand in order of first seen, that is
    of the lowest branch index, whatever the order in which answers arrived."""

    votes: Mapping[str, int]
    shown: Mapping[str, str]

    @property
    def total(self) -> int:
        return sum(self.votes.values())

    @property
    def leaders(self) -> tuple[str, ...]:
        """All values that share the most votes."""
        most = max(self.votes.values(), default=0)
        return tuple(value for value, count in self.votes.items() if count == most)

    @property
    def margin(self) -> int:
        """Votes between the first and the second value."""
        first, second, *_ = (*self.votes.values(), 0, 0)
        return first - second


def count(entries: Sequence[Entry]) -> Tally:
    votes: dict[str, int] = {}
    shown: dict[str, str] = {}
    for entry in sorted(entries, key=lambda entry: entry.child.index):
        if entry.value is not None:
            votes[entry.value] = votes.get(entry.value, 0) + 1
            shown.setdefault(entry.value, entry.shown)
    ranked = sorted(votes, key=lambda value: -votes[value])  # stable: first seen stays first
    return Tally({value: votes[value] for value in ranked}, shown)


def figures(entries: Sequence[Entry]) -> dict[str, Any]:
    """Figures of a vote: tally, agreement (the leader's share, 0..1), margin (votes), entropy."""
    tally = count(entries)
    listed = dict(list(tally.votes.items())[:MOST_LISTED])
    return {
        "votes": tally.total,
        "values": len(tally.votes),
        "tally": listed,
        "tally_others": tally.total - sum(listed.values()),
        "leaders": list(tally.leaders[:MOST_LISTED]),
        "agreement": max(tally.votes.values(), default=0) / tally.total if tally.total else 0.0,
        "margin": tally.margin,
        "entropy": entropy_bits(tally.votes.values()),
    }


def entropy_bits(counts: Iterable[int]) -> float:
    """Shannon entropy of a tally, in bits: 0 where all agree."""
    known = sorted(count for count in counts if count > 0)
    if len(known) < 2:
        return 0.0
    total = sum(known)
    return -sum(count / total * math.log2(count / total) for count in known)
