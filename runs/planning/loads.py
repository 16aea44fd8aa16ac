"""Calls alike, in bulk: the unit in which estimates are reckoned."""

from dataclasses import dataclass
from math import ceil
from typing import Literal

from runs.planning.callers import Key

LoadKind = Literal["branch", "merge", "judge"]

# A token is taken for four bytes. A tokenizer may make fewer or more of them, and a chat template
# puts its own words around each call.
LEAST_SHARE, MOST_SHARE = 0.6, 1.5
FRAME_TOKENS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Calls alike. `asks` is their print (`planning.asks`). Levels follow one another; those of
    branches are 0. `calls`: how many are to be expected, fewer than `calls_most` where votes stop
    early or a judge is only asked for ties; in how many `rounds`, one after the other, at most.

    Tokens are sums over all the calls: the least and the expected ones over `calls`, the most over
    `calls_most`, with the longest answers (`longest`: of one). Retries are not among them."""

    level: int
    kind: LoadKind
    key: Key
    asks: str
    calls: int
    calls_most: int
    longest: int
    input_least: int
    input_tokens: int
    input_most: int
    output_least: int
    output_expected: int
    output_most: int
    rounds: int = 1
    told_tokens: int = 0

    @property
    def told_a_call(self) -> float:
        """Input tokens of one call by its length alone, as they are told before anything is known:
        what a later look compares with what was billed."""
        return self._each(self.told_tokens)

    @property
    def input_a_call(self) -> float:
        return self._each(self.input_tokens)

    @property
    def input_least_a_call(self) -> float:
        return self._each(self.input_least)

    @property
    def input_most_a_call(self) -> int:
        return ceil(self.input_most / self.calls_most) if self.calls_most else 0

    @property
    def output_a_call(self) -> float:
        return self._each(self.output_expected)

    @property
    def output_least_a_call(self) -> float:
        return self._each(self.output_least)

    def _each(self, total: int) -> float:
        return total / self.calls if self.calls else 0.0
