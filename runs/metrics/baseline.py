"""A measured baseline: some of a run's calls made again one by one, scaled to the whole run.

Durations measured under load flatter a speed-up: a backend that serialises its calls still seems
fast. Calls made alone do not. Knows nothing of how they are made.
"""

from collections.abc import Mapping, Sequence
from typing import Any

LEAST_SAMPLE = 3


def measured(sample: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """What to keep of a sample of (alone_ms, in_run_ms): each call's duration made alone, and the
    same branch's in the run. Raises `ValueError` for fewer than three calls."""
    if len(sample) < LEAST_SAMPLE:
        raise ValueError(f"a baseline needs at least {LEAST_SAMPLE} calls")
    alone, in_run = (sum(column) for column in zip(*sample, strict=True))
    if alone <= 0 or in_run <= 0:
        raise ValueError("a baseline needs calls that took time")
    return {"calls": len(sample), "alone_ms": alone, "in_run_ms": in_run}


def ratio(baseline: Mapping[str, Any] | None) -> float | None:
    """Duration alone ÷ duration in the run, None without a usable baseline."""
    if not baseline or int(baseline.get("calls") or 0) < LEAST_SAMPLE:
        return None
    alone, in_run = float(baseline["alone_ms"]), float(baseline["in_run_ms"])
    return alone / in_run if alone > 0 and in_run > 0 else None
