"""When to send a second attempt beside an open one. Pure: no clock, no timer, no request.

The rule and its reasons: docs/hedging.md, after Dean and Barroso, "The Tail at Scale" (2013).
"""

from collections.abc import Iterable, Sequence
from math import exp, log

from runs.domain.policies import HEDGES_AFTER

QUANTILE = 0.95
FADES_AFTER = 4_000  # calls; then every earlier one counts half as much
BINS_AN_E_FOLD = 50  # a bin is 2 % wide


class Latencies:
    """How long calls of one kind take, in ms, by the product-limit estimator (Kaplan and Meier,
    1958): a call that is still open, was aborted or failed is known to take *longer* than it had.
    Left out, these would make calls seem short: at a run's start only its fastest have ended, and
    later the slowest are the ones that a second attempt cuts off."""

    def __init__(self) -> None:
        self.ended = 0
        self._ended: dict[int, float] = {}
        self._cut: dict[int, float] = {}

    def answered(self, ms: int) -> None:
        self.ended += 1
        _count(self._ended, ms)
        if self.ended % FADES_AFTER == 0:
            for counts in (self._ended, self._cut):
                counts.update({at: count / 2 for at, count in counts.items()})

    def cut_off(self, ms: int) -> None:
        """A call ended after `ms` without an answer."""
        _count(self._cut, ms)

    def quantile(self, share: float, open_ms: Iterable[int]) -> int | None:
        """The ms within which `share` of the calls are answered; None where that is not known.
        `open_ms`: for how long each open call has been open."""
        cut = dict(self._cut)
        for ms in open_ms:
            _count(cut, ms)
        at_risk = sum(self._ended.values()) + sum(cut.values())
        survive = 1.0
        for at in sorted({*self._ended, *cut}):
            survive *= 1 - self._ended.get(at, 0.0) / at_risk
            if survive <= 1 - share + 1e-9:
                return round(exp((at + 1) / BINS_AN_E_FOLD))
            at_risk -= self._ended.get(at, 0.0) + cut.get(at, 0.0)
            if at_risk <= 0:
                break
        return None


def _count(counts: dict[int, float], ms: int) -> None:
    at = int(log(max(ms, 1)) * BINS_AN_E_FOLD)
    counts[at] = counts.get(at, 0.0) + 1


class Threshold:
    """The p95 of one kind of call, worked out anew once a fiftieth more have ended, or a tenth of
    those that were open."""

    def __init__(self) -> None:
        self.latencies = Latencies()
        self.ms: int | None = None
        self._next_at = HEDGES_AFTER

    @property
    def is_due(self) -> bool:
        return self.latencies.ended >= self._next_at

    def renew(self, open_ms: Sequence[int]) -> None:
        ended = self.latencies.ended
        self.ms = self.latencies.quantile(QUANTILE, open_ms)
        step = min(ended, FADES_AFTER) // 50
        self._next_at = ended + max(1, min(step, len(open_ms) // 10))


def may_hedge(share: float, calls: int, hedges: int) -> bool:
    """Whether one more of a run's calls may be a hedge: of `calls` sent so far, `hedges` are. One
    is always allowed, then `share` of the ordinary ones."""
    return hedges <= share * (calls - hedges) + 1e-9
