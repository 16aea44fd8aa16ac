"""How many calls may be in flight: additive increase, multiplicative decrease. Pure.

Chiu and Jain, “Analysis of the increase and decrease algorithms for congestion avoidance in
computer networks”, 1989.
"""

from dataclasses import dataclass

FIRST = 64  # slots before the first reply has told anything
CUT = 0.7
FAST_UNTIL = 0.9  # of the limit before the last cut
FAST_SHARE = 0.1  # of the limit, a round


@dataclass(slots=True)
class Concurrency:
    """`most`: the limit that a person declared. `limit` moves between 1 and it."""

    most: int
    is_known: bool = False  # something was answered, now or in an earlier process
    _limit: float = 0.0
    _before_cut: float = 0.0
    _cut_at: float = float("-inf")

    def __post_init__(self) -> None:
        self._limit = float(self.most if self.is_known else min(self.most, FIRST))

    @property
    def limit(self) -> int:
        return max(int(self._limit), 1)

    def declare(self, most: int) -> None:
        """The person changed the limit; a cut that holds now goes on holding below it."""
        if most == self.most:
            return
        was_full = self._limit >= self.most
        self.most = most
        self._limit = float(most) if was_full else min(self._limit, float(most))

    def answered(self) -> bool:
        """The first reply: nothing speaks against the declared limit. True if that opened it."""
        if self.is_known:
            return False
        self.is_known = True
        was = self.limit
        self._limit = float(self.most)
        return self.limit != was

    def grow(self) -> bool:
        """A success while the slots were all taken. True where the limit moved by a whole slot."""
        was = self.limit
        is_fast = self._limit < FAST_UNTIL * self._before_cut
        self._limit = min(self._limit + (FAST_SHARE if is_fast else 1.0 / self._limit), self.most)
        return self.limit != was

    def cut(self, sent_at: float, now: float) -> bool:
        """A call sent at `sent_at` was throttled. False where an earlier cut answers for it."""
        if sent_at <= self._cut_at:
            return False
        self._cut_at, self._before_cut = now, self._limit
        self._limit = max(self._limit * CUT, 1.0)
        self.is_known = True
        return True
