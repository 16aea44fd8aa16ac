"""Calls alike, in bulk: the unit in which estimates are reckoned."""

from dataclasses import dataclass
from typing import Literal

from runs.planning.callers import Key

EXPECTED_SHARE = 0.5  # of the longest answer: an assumption, and shown as one
LoadKind = Literal["branch", "merge", "judge"]


@dataclass(frozen=True, slots=True)
class Load:
    """Calls alike. Levels follow one another; those of branches are 0. `calls`: how many are to be
    expected, fewer than `calls_most` where votes stop early or a judge is only asked for ties.
    Tokens are estimates and sums over all the calls: `input_tokens` and `output_expected` over
    `calls`, `input_most` and `output_most` over `calls_most` with the longest answers."""

    level: int
    kind: LoadKind
    key: Key
    calls: int
    calls_most: int
    input_tokens: int
    output_expected: int
    output_most: int
    input_most: int


def expected_of(most: int) -> int:
    """The output tokens to expect where at most so many may come."""
    return max(1, round(most * EXPECTED_SHARE))
