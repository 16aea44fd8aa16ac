"""How many votes to launch next, and how sure the leader is of the full vote.

Knows nothing of answers: it sees counts (or weights) only.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from math import ceil, floor
from typing import Literal

Number = int | Fraction

THRESHOLDS: Mapping[str, Fraction] = {
    "confident": Fraction(95, 100),
    "strict": Fraction(99, 100),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """When a vote is settled before its cap.

    `all` asks for every vote; `confident` and `strict` stop once the leader would win the full
    vote with .95 and .99; `decided` once nothing can change the leader. With a `least_share` (0..1
    of the votes read) a vote is settled only once the leader has it (`decided`: can no longer lose
    it), or nobody can reach it; with a `quorum` only once so many votes were read, or cannot be.
    A wave has at least `wave_least` and at most `wave_most` votes.
    """

    stop: Literal["all", "confident", "strict", "decided"] = "all"
    least_share: Fraction = Fraction(0)
    quorum: int = 0
    wave_least: int = 1
    wave_most: int | None = None


ALL = Rule()


def next_wave(
    ended: int,
    tally: Mapping[str, Number],
    cap: int,
    rule: Rule = ALL,
    weights_left: Sequence[Number] | None = None,
    *,
    read: int | None = None,
) -> int:
    """Votes to launch now that all launched ones have ended; 0 ends the vote.

    `ended` counts failed and unreadable votes too, `tally` only those that were read; `cap` is
    the most votes there may be. The wave is the least that could settle the vote, so that no vote
    is launched that voting one at a time would not have launched.

    `weights_left`: what each vote not launched yet weighs, in order, where votes are unequal; the
    tally then holds weights, and `read` says how many votes those are. Confidence assumes equal
    votes, so only `decided` is looked at.
    """
    if ended < 0 or cap < 0 or (weights_left is None and sum(tally.values()) > ended):
        raise ValueError(f"{sum(tally.values())} votes of {ended} ended, {cap} at most: impossible")
    left = max(cap - ended, 0)
    if rule.stop == "all" or not left:
        return left
    standing = _standing(tally, left, rule, weights_left, ended if read is None else read)
    if standing.is_settled():
        return 0
    wave = max(standing.least_to_settle(), rule.wave_least)
    return min(wave, left, rule.wave_most or left)


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where a vote stands: weights of the first, the second and all that were read, and what is
    left (`weights`: one by one). Equal votes weigh 1 each. `seen`: votes that were read."""

    first: Number
    second: Number
    total: Number
    left: Number
    seen: int
    weights: Sequence[Number] | None
    votes_left: int
    rule: Rule

    @property
    def threshold(self) -> Fraction | None:
        return None if self.weights is not None else THRESHOLDS.get(self.rule.stop)

    def is_settled(self) -> bool:
        return self._is_out_of_reach() or (
            self._is_led() and self._has_share() and self.seen >= self.rule.quorum
        )

    def _is_led(self) -> bool:
        if self.first - self.second > self.left:
            return True
        sure = self.threshold
        return sure is not None and self.first >= least_lead(int(self.second), sure)

    def _has_share(self) -> bool:
        of = self.total if self.threshold is not None else self.total + self.left
        return self.first >= self.rule.least_share * of

    def _is_out_of_reach(self) -> bool:
        """Whatever comes, the leader stays below the least share, or the quorum is missed."""
        needed = self.rule.least_share * (self.total + self.left)
        return self.first + self.left < needed or self.seen + self.votes_left < self.rule.quorum

    def least_to_settle(self) -> int:
        """The least votes (≥ 1) after which the vote could be settled: all of them for the
        leader; all for others, so that the share gets out of reach; or all failed."""
        for_leader = max(self._to_lead(), self._to_share(), self.rule.quorum - self.seen)
        return max(min(for_leader, self._to_lose_share(), self._to_lose_quorum()), 1)

    def _to_lead(self) -> int:
        half = Fraction(self.left - self.first + self.second) / 2
        decided = self._votes_worth(half, is_more=True)
        sure = self.threshold
        if sure is None:
            return decided
        return min(decided, least_lead(int(self.second), sure) - int(self.first))

    def _to_share(self) -> int:
        share = self.rule.least_share
        if self.threshold is None:
            return self._votes_worth(share * (self.total + self.left) - self.first)
        missing = share * self.total - self.first
        if missing <= 0:
            return 0
        return self.votes_left if share == 1 else ceil(missing / (1 - share))

    def _to_lose_share(self) -> int:
        if not self.rule.least_share:
            return self.votes_left
        # The first vote of all leads, whatever it says.
        first = self.first or (1 if self.weights is None else 0)
        spare = first + self.left - self.rule.least_share * (self.total + self.left)
        return self._votes_worth(Fraction(spare), is_more=True)

    def _to_lose_quorum(self) -> int:
        return self.seen + self.votes_left - self.rule.quorum + 1

    def _votes_worth(self, weight: Number, *, is_more: bool = False) -> int:
        """The least next votes that weigh `weight` together (`is_more`: more than that)."""
        if self.weights is None:
            return floor(weight) + 1 if is_more else ceil(weight)
        sum_so_far: Number = 0
        for count, own in enumerate(self.weights, 1):
            sum_so_far += own
            if sum_so_far > weight or (sum_so_far == weight and not is_more):
                return count
        return len(self.weights)


def _standing(
    tally: Mapping[str, Number],
    left: int,
    rule: Rule,
    weights_left: Sequence[Number] | None,
    read: int,
) -> _Standing:
    first, second, *_ = (*sorted(tally.values(), reverse=True), 0, 0)
    total = sum(tally.values())
    if weights_left is None:
        return _Standing(first, second, total, left, int(total), None, left, rule)
    if len(weights_left) != left:
        raise ValueError(f"{len(weights_left)} weights for {left} votes left")
    return _Standing(first, second, total, sum(weights_left), read, weights_left, left, rule)


def confidence(first: int, second: int) -> float:
    """Probability (0..1) that the leader stays ahead of the runner-up in the full vote, rounded
    once from the exact value. It says nothing on whether the leader is right.

    With `first` ≥ `second` votes so far and n = first + second + 1:
    2^-n · Σ_{j=0..first} C(n, j), the chance that the leader's true share beats the runner-up's
    under a uniform prior (Aggarwal et al., “Let's Sample Step by Step: Adaptive-Consistency”,
    2023, beta criterion).
    """
    return float(exact_confidence(first, second))


def leader_confidence(counts: Iterable[int], left: int) -> float:
    """`confidence` of the value with the most of `counts`, while `left` votes are still possible:
    1 once they cannot change it."""
    first, second, *_ = (*sorted(counts, reverse=True), 0, 0)
    return 1.0 if first - second > left else confidence(first, second)


@lru_cache(maxsize=4096)
def exact_confidence(first: int, second: int) -> Fraction:
    """`confidence` as an exact fraction, for comparisons with a threshold."""
    if not 0 <= second <= first:
        raise ValueError(
            "the leader has at least as many votes as the runner-up, and none less than 0"
        )
    draws = first + second + 1
    below = _lower_sum(draws, second)  # Σ_{j=0..second}: what is missing from 2^n by symmetry
    return 1 - Fraction(below, 1 << draws)


def least_lead(second: int, threshold: Fraction) -> int:
    """The least votes of a leader that are sure enough against `second` of the runner-up."""
    size = 1 << max(second, 15).bit_length()  # a few sizes, so that tables are made rarely
    return _leads(threshold, size)[second]


@lru_cache(maxsize=64)
def _leads(threshold: Fraction, size: int) -> tuple[int, ...]:
    return tuple(islice(_staircase(threshold), size))


def _staircase(threshold: Fraction) -> Iterator[int]:
    """The least lead against 0, 1, 2 … votes, exact. Of Σ_{j=0..second} C(n, j) with
    n = first + second + 1 each step up follows from the last one."""
    doubt = 1 - threshold
    first, second, draws = 0, 0, 1
    below = term = 1  # the sum, and its last term C(draws, second)
    while True:
        while below * doubt.denominator > doubt.numerator << draws:
            below = 2 * below - term
            draws += 1
            first += 1
            term = term * draws // (draws - second)
        yield first
        below = 2 * below - term
        draws += 1
        second += 1
        term = term * draws // second
        below += term


def _lower_sum(n: int, most: int) -> int:
    """Σ_{j=0..most} C(n, j) in whole numbers."""
    term = total = 1
    for j in range(1, most + 1):
        term = term * (n - j + 1) // j
        total += term
    return total
