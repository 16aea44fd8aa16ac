"""What the person chose to happen when branches fail, and how often and how long to try."""

from dataclasses import dataclass
from enum import StrEnum

HEDGES_AFTER = 20  # answered calls of one kind, before anything is said of how long they take


class OnFailure(StrEnum):
    STOP = "stop"  # the first failed branch ends the run
    ALL = "all"  # every branch is needed; the others still end
    AT_LEAST = "at_least"  # `least` usable children are enough
    MARK_GAPS = "mark_gaps"  # go on; the join is told what is missing


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """`least` counts usable children and is read only with `AT_LEAST`."""

    on_failure: OnFailure = OnFailure.MARK_GAPS
    least: int = 1


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with full jitter (AWS Architecture Blog, 2015).

    tries: calls of one branch at most, throttled ones not counted (default 4).
    base_s, most_s: first and longest backoff in seconds.
    """

    tries: int = 4
    base_s: float = 0.5
    most_s: float = 20.0


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Bounds of one attempt. deadline_s: total seconds; idle_s: most seconds between bytes;
    max_bytes: decoded bytes of one reply."""

    deadline_s: float = 120.0
    connect_s: float = 10.0
    idle_s: float = 60.0
    max_bytes: int = 4_000_000


@dataclass(frozen=True, slots=True)
class Budget:
    """Hard caps of a run; None is no cap. cost_usd in US dollars; tokens read and written."""

    cost_usd: float | None = None
    calls: int | None = None
    tokens: int | None = None
