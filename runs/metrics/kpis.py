"""The KPIs of a run: all of them at its end, the cheap ones with every attempt.

Definitions in one sentence each: `metrics.definitions`. Knows no rows and no clock.
"""

from collections.abc import Mapping
from typing import Any

from runs.domain.plan import Role
from runs.domain.states import AttemptStatus
from runs.metrics import baseline
from runs.metrics.figures import SUCCESSES, AttemptFigures, RunFigures
from runs.metrics.timing import Timing, where_the_time_went
from runs.metrics.waste import Wasted

Kpis = dict[str, Any]

SERIALISED_SHARE = 0.5  # of the wall held by the rate limit
SERIALISED_CONCURRENCY = 1.5
_COMPARED_ROLES = frozenset({Role.SECTION, Role.VOTE})


class Running:
    """Totals that grow with each ended attempt, for the live display: O(1) an attempt."""

    def __init__(self, *, is_private: bool = False) -> None:
        self.is_private = is_private
        self.attempts = self.throttled = self.held_ms = 0
        self.hedges = self.hedges_won = 0
        self.succeeded_ms = self.busy_ms = 0
        self.input_tokens = self.output_tokens = 0
        self.cost_usd = self.useful_usd = self.unconfirmed_usd = 0.0
        self.unpriced = 0  # calls whose price is unknown
        self._useful: set[int] = set()  # branches of which a success has been counted
        self._wasted = Wasted()
        self._compared = self._compared_tokens = 0
        self._compared_usd = 0.0

    def add(self, attempt: AttemptFigures) -> None:
        """Count an attempt that has ended; one that was never sent is none."""
        self.held_ms += attempt.held_ms
        if not attempt.was_sent:
            return
        self.attempts += 1
        self.throttled += attempt.status == AttemptStatus.THROTTLED
        self.hedges += attempt.is_hedge
        self.busy_ms += attempt.duration_ms
        self.input_tokens += attempt.input_tokens or 0
        self.output_tokens += attempt.output_tokens or 0
        cost = self._cost(attempt)
        if attempt.status in SUCCESSES and attempt.branch not in self._useful:
            self._useful.add(attempt.branch)
            self._wasted.supersede(attempt.branch)
            self.hedges_won += attempt.is_hedge
            self._add_useful(attempt, cost)
        elif attempt.status != AttemptStatus.THROTTLED or cost:
            self._wasted.add(attempt, cost, is_answered=attempt.branch in self._useful)

    def _cost(self, attempt: AttemptFigures) -> float:
        """Unknown usage counts at its reservation and is marked; a refusal costs nothing."""
        cost = attempt.cost_usd
        if attempt.status == AttemptStatus.THROTTLED:
            cost = cost or 0.0
        elif cost is None or not attempt.is_confirmed:
            cost = attempt.reserved_usd if cost is None else cost
            self.unconfirmed_usd += cost
            may_be_unknown = attempt.cost_usd is None or attempt.status in SUCCESSES
            self.unpriced += may_be_unknown and not cost
        self.cost_usd += cost
        return cost

    def _add_useful(self, attempt: AttemptFigures, cost: float) -> None:
        self.succeeded_ms += attempt.duration_ms
        self.useful_usd += cost
        if attempt.role in _COMPARED_ROLES:
            self._compared += 1
            self._compared_usd += cost
            self._compared_tokens += (attempt.input_tokens or 0) + (attempt.output_tokens or 0)

    def as_kpis(self, elapsed_ms: int) -> Kpis:
        """All KPIs that are known while a run goes on."""
        return {
            **_speed(elapsed_ms, self.succeeded_ms, None),
            "is_private": self.is_private,
            "achieved_concurrency": _ratio(self.busy_ms, elapsed_ms),
            "attempts": self.attempts,
            "throttled": self.throttled,
            "throttle_rate": _ratio(self.throttled, self.attempts) or 0.0,
            "held_s": self.held_ms / 1000,
            "hedges": self.hedges,
            "hedges_won": self.hedges_won,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            **self._money(),
            "wasted_by": self._wasted.by_cause(is_priced=not self.unpriced),
        }

    def _money(self) -> Kpis:
        if self.unpriced:
            known = dict.fromkeys(("cost_usd", "useful_usd", "wasted_usd"))
            return {**known, "unconfirmed_usd": None, "multiplier": self._multiplier()}
        return {
            "cost_usd": round(self.cost_usd, 10),
            "useful_usd": round(self.useful_usd, 10),
            "wasted_usd": round(max(self.cost_usd - self.useful_usd, 0.0), 10),
            "unconfirmed_usd": round(self.unconfirmed_usd, 10),
            "multiplier": self._multiplier(),
        }

    def _multiplier(self) -> float | None:
        """By money where calls cost any, else by tokens."""
        if self._compared_usd > 0 and not self.unpriced:
            return self.cost_usd / (self._compared_usd / self._compared)
        if self._compared_tokens:
            total = self.input_tokens + self.output_tokens
            return total / (self._compared_tokens / self._compared)
        return None


def compute(figures: RunFigures, totals: Running | None = None) -> Kpis:
    """All KPIs of an ended run or pass; None stands for what is not known. `totals`: of the same
    attempts, where they have been added up as they ended."""
    running = totals or total(figures)
    timing = where_the_time_went(figures)
    quality = figures.quality
    return {
        **running.as_kpis(timing.wall_ms),
        **_speed(timing.wall_ms, running.succeeded_ms, baseline.ratio(figures.baseline)),
        **_where(timing),
        "coverage": quality.get("coverage"),
        "agreement": quality.get("agreement"),
        "margin": quality.get("margin"),
    }


def total(figures: RunFigures) -> Running:
    running = Running(is_private=figures.is_private)
    for attempt in figures.attempts:
        running.add(attempt)
    return running


def _speed(wall_ms: int, succeeded_ms: int, measured_ratio: float | None) -> Kpis:
    one_by_one_ms = succeeded_ms * (1.0 if measured_ratio is None else measured_ratio)
    speed_up = _ratio(one_by_one_ms, wall_ms) if one_by_one_ms else None
    return {
        "wall_s": wall_ms / 1000,
        "one_by_one_s": round(one_by_one_ms) / 1000 if one_by_one_ms else None,
        "speed_up": speed_up,
        "speed_up_is": "estimated" if measured_ratio is None else "measured",
        "latency_reduction": 1 - wall_ms / one_by_one_ms if one_by_one_ms else None,
    }


def _where(timing: Timing) -> Kpis:
    where = {label: spent / 1000 for label, spent in timing.where_ms.items()}
    concurrency = _ratio(timing.busy_ms, timing.wall_ms)
    is_serialised = (
        concurrency is not None
        and concurrency < SERIALISED_CONCURRENCY
        and timing.where_ms["rate_limit"] > SERIALISED_SHARE * timing.wall_ms
    )
    return {
        "achieved_concurrency": concurrency,
        "peak_in_flight": timing.peak,
        "where": where,
        "tail_s": where["tail"],
        "is_serialised": is_serialised,
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def numbers(kpis: Mapping[str, Any]) -> dict[str, float]:
    """The plain figures among KPIs: what can be compared between runs."""
    return {
        name: float(value)
        for name, value in kpis.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
