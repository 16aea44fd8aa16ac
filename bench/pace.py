"""How quick the machine is just now: a shared one changes by half from one minute to the next."""

import os
import time
from concurrent.futures import ProcessPoolExecutor
from math import inf

STEPS = 100_000
TRIES = 30
CORES = min(os.cpu_count() or 1, 2)  # parweb and the simulator: what is measured takes two
NEAR = 1.15  # of the quickest seen
LOOK_AGAIN_S = 2.0


class Pace:
    """Waits for quick moments, no longer than `patience_s` seconds in all. The pace is told in
    milliseconds of a loop of additions, while as many cores as a measurement takes do the same:
    neighbours often leave one core quick, and two not."""

    def __init__(self, patience_s: float) -> None:
        self._left_s = patience_s
        self._quickest_ms = inf

    def now(self) -> float:
        """That of the slowest core."""
        with ProcessPoolExecutor(CORES) as cores:
            now_ms = max(cores.map(_middle_ms, range(CORES)))
        self._quickest_ms = min(now_ms, self._quickest_ms)
        return now_ms

    def awaited(self) -> float:
        """The pace once the machine is quick, or patience is at its end."""
        now_ms = self.now()
        while now_ms > NEAR * self._quickest_ms and self._left_s > 0:
            time.sleep(LOOK_AGAIN_S)
            self._left_s -= LOOK_AGAIN_S
            now_ms = self.now()
        return now_ms


def _middle_ms(core: int) -> float:
    """The middle of several tries; the cores are told apart by the number alone."""
    return sorted(_once_ms() for _ in range(TRIES))[TRIES // 2]


def _once_ms() -> float:
    began = time.perf_counter()
    total = 0
    for step in range(STEPS):
        total += step
    return (time.perf_counter() - began) * 1e3
