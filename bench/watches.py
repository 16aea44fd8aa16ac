"""A stopwatch over wall clock, this process's CPU and the simulator's."""

import time

from bench.provider import Provider
from bench.scenarios import Figures


class Stopwatch:
    """CPU is user and system time of all threads of this process; children are left out."""

    def __init__(self, provider: Provider, calls: int) -> None:
        self._provider = provider
        self._calls = calls
        self._began = (0.0, 0.0, 0.0)
        self._wall_s = 0.0

    def start(self) -> None:
        self._began = (time.monotonic(), time.process_time(), self._provider.cpu_s())

    def stop_wall(self) -> None:
        self._wall_s = time.monotonic() - self._began[0]

    def figures(self) -> Figures:
        """CPU up to now; the wall clock up to `stop_wall`."""
        _, cpu_s, simulator_s = self._began
        return {
            "wall_s": self._wall_s,
            "cpu_ms": (time.process_time() - cpu_s) / self._calls * 1000,
            "simulator_ms": (self._provider.cpu_s() - simulator_s) / self._calls * 1000,
            "calls_a_s": self._calls / self._wall_s,
        }
