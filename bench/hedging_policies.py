"""What hedging could give: the product's own rule on drawn latencies, without engine or network.

    .venv/bin/python bench/hedging_policies.py [--seeds 15] [--share 0.1]

1,000 calls of lognormal latency, median 200 ms, 99th percentile ten times that, at several numbers
in flight; hedges after or before the ordinary calls that wait, and the p95 by the product limit or
of the ended calls alone. The tables of docs/hedging.md are made of it.
"""

import argparse
import heapq
import math
import random
import sys
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from runs.engine.hedging import Latencies, Threshold, may_hedge

CALLS, MEDIAN_MS, SIGMA = 1_000, 200.0, math.log(10) / 2.326
IN_FLIGHT = (20, 50, 100, 300, 1_000)
WAYS = {  # do hedges go first? is the p95 that of the ended calls?
    "ordinary calls first": (False, False),
    "hedges first": (True, False),
    "p95 of the ended calls": (False, True),
}


class Ended(Latencies):
    """Knows of no calls but those that were answered."""

    def cut_off(self, ms: int) -> None:
        return None

    def quantile(self, share: float, open_ms: Iterable[int]) -> int | None:
        return super().quantile(share, [])


@dataclass
class Simulation:
    seed: int
    in_flight: int
    share: float
    hedges_first: bool = False
    is_naive: bool = False
    now: float = 0.0
    sent: int = 0
    hedges: int = 0
    open: dict[int, list[float]] = field(
        default_factory=dict
    )  # branch: when its attempts were sent
    events: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng = random.Random(self.seed)
        self._draws = [self._draw(rng) for _ in range(CALLS)]
        self._rng = random.Random(self.seed + 1_000_000)  # the same calls, hedged or not
        self._threshold = Threshold()
        if self.is_naive:
            self._threshold.latencies = Ended()
        self._alone: deque[int] = deque()  # in order of sending

    def _draw(self, rng: random.Random) -> float:
        return MEDIAN_MS * math.exp(SIGMA * rng.gauss(0, 1))

    def run(self) -> float:
        """The wall in ms."""
        while self.sent < CALLS or self.open:
            while self._in_flight() < self.in_flight and self._send():
                pass
            due = self._next_due()
            if due is not None and due < self.events[0][0]:
                self.now = due
            else:
                self.now, branch, sent = heapq.heappop(self.events)
                self._answer(branch, sent)
        return self.now

    def _in_flight(self) -> int:
        return sum(len(times) for times in self.open.values())

    def _send(self) -> bool:
        late = self._overdue() if self.hedges_first or self.sent == CALLS else None
        if late is not None:
            self._alone.remove(late)
            self.hedges += 1
            self._open(late, self._draw(self._rng))
        elif self.sent < CALLS:
            self._alone.append(self.sent)
            self._open(self.sent, self._draws[self.sent])
            self.sent += 1
        else:
            return False
        return True

    def _open(self, branch: int, ms: float) -> None:
        self.open.setdefault(branch, []).append(self.now)
        heapq.heappush(self.events, (self.now + ms, branch, self.now))

    def _overdue(self) -> int | None:
        if not may_hedge(self.share, self.sent + self.hedges, self.hedges):
            return None
        due = self._due()
        return self._alone[0] if due is not None and due <= self.now + 1e-9 else None

    def _due(self) -> float | None:
        while self._alone and self._alone[0] not in self.open:
            self._alone.popleft()
        if not self._alone or not self.share or self._threshold.ms is None:
            return None
        return self.open[self._alone[0]][0] + self._threshold.ms

    def _next_due(self) -> float | None:
        due = self._due()
        return None if due is None or due <= self.now + 1e-9 else due

    def _answer(self, branch: int, sent: float) -> None:
        times = self.open.pop(branch, None)
        if times is None:
            return  # of an attempt that was aborted
        self._threshold.latencies.answered(round(self.now - sent))
        for aborted in times:
            if aborted != sent:
                self._threshold.latencies.cut_off(round(self.now - aborted))
        if self._threshold.is_due:
            open_ms = [round(self.now - at) for times in self.open.values() for at in times]
            self._threshold.renew(open_ms)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seeds", type=int, default=15)
    parser.add_argument("--share", type=float, default=0.1)
    options = parser.parse_args()
    print("| in flight | way | wall, not hedged | wall, hedged | less, run by run | hedges |")
    print("|---|---|---|---|---|---|")
    for in_flight in IN_FLIGHT:
        seeds = range(options.seeds)
        off = [Simulation(seed, in_flight, 0.0).run() for seed in seeds]
        for way, how in WAYS.items():
            runs = [Simulation(seed, in_flight, options.share, *how) for seed in seeds]
            on = [one.run() for one in runs]
            less = median(1 - hedged / plain for hedged, plain in zip(on, off, strict=True))
            print(
                f"| {in_flight:,} | {way} | {median(off) / 1000:.1f} s | {median(on) / 1000:.1f} s "
                f"| {less:.0%} | {median(one.hedges for one in runs):g} |"
            )


if __name__ == "__main__":
    main()
