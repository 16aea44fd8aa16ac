"""A run's figures as the coordinator reports them: live totals, and all KPIs at its end."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from runs.domain.states import AttemptStatus
from runs.engine.protocols import Clock
from runs.engine.state import AttemptState, BranchState, RunState
from runs.metrics.figures import AttemptFigures, RunFigures
from runs.metrics.kpis import Running, compute


class RunningFigures:
    """`limit`: slots of the run's connections. `on_call` is told each call's seconds;
    `is_silent` says whether a provider answers nobody now, `outages` when it did under an earlier
    owner of the run (ms)."""

    def __init__(
        self,
        run: RunState,
        clock: Clock,
        *,
        is_private: bool,
        limit: int,
        baseline: Mapping[str, Any],
        on_call: Callable[[float], None],
        is_silent: Callable[[], bool] = lambda: False,
        outages: Iterable[tuple[int, int]] = (),
    ) -> None:
        self._run = run
        self._clock = clock
        self._is_private = is_private
        self._limit = min(limit, run.in_flight_cap or limit)
        self._baseline = baseline
        self._on_call = on_call
        self._is_silent = is_silent
        self._outages = list(outages)
        self._silent_since: int | None = None
        self._running = Running(is_private=is_private)
        self._ended: list[AttemptFigures] = []
        self._final: dict[str, Any] | None = None
        for attempt in run.attempts:
            if attempt.status is not AttemptStatus.SENT:
                self._add(run.branches[attempt.branch], attempt)

    def _add(self, branch: BranchState, attempt: AttemptState) -> None:
        figures = attempt_figures(branch, attempt)
        self._ended.append(figures)
        self._running.add(figures)

    def ended(self, branch: BranchState, attempt: AttemptState) -> None:
        self._add(branch, attempt)
        if attempt.status is AttemptStatus.OK and attempt.ended_ms and attempt.sent_ms:
            self._on_call((attempt.ended_ms - attempt.sent_ms) / 1000)

    def live(self) -> Mapping[str, Any]:
        if self._final is not None:
            return self._final
        self._listen()
        held_ms = sum(end - start for start, end in self._run.held_spans_ms)
        return {**self._running.as_kpis(self._clock.now_ms() - held_ms), **self._pauses()}

    def outages_ms(self) -> list[tuple[int, int]]:
        """When a provider answered nobody, up to now."""
        if self._silent_since is None:
            return self._outages
        return [*self._outages, (self._silent_since, self._clock.now_ms())]

    def _listen(self) -> None:
        """Note when the provider falls silent and when it answers again: either comes with a call's
        end, and so with a commit."""
        is_silent, now = self._is_silent(), self._clock.now_ms()
        if is_silent and self._silent_since is None:
            self._silent_since = now
        elif not is_silent and self._silent_since is not None:
            self._outages.append((self._silent_since, now))
            self._silent_since = None

    def _pauses(self) -> dict[str, Any]:
        """What the next owner of the run must know of the times at which nobody worked on it."""
        run = self._run
        return {
            "down_spans_ms": run.down_spans_ms,
            "held_spans_ms": run.held_spans_ms,
            "quota_spans_ms": run.quota_spans_ms,
            "held_since_ms": run.held_since_ms,
            "held_by": run.held_by,
            "excess": run.excess,
        }

    def final(self) -> Mapping[str, Any]:
        if any(attempt.status is AttemptStatus.LATE_OK for attempt in self._run.attempts):
            self._count_anew()
        root = self._run.root.outcome
        wall_ms = self._run.ended_ms or self._clock.now_ms()
        figures = RunFigures(
            wall_ms=wall_ms,
            attempts=self._ended,
            limit_in_flight=self._limit,
            quality=root.quality if root else {},
            is_private=self._is_private,
            baseline=self._baseline,
            down_spans_ms=self._run.down_spans_ms,
            held_spans_ms=self._run.held_spans_ms,
            quota_spans_ms=self._run.quota_spans_ms,
            outage_spans_ms=self.outages_ms(),
        )
        self._final = {**compute(figures, self._running), **self._pauses()}
        return self._final

    def _count_anew(self) -> None:
        """What had counted as lost may have answered since."""
        self._ended, self._running = [], Running(is_private=self._is_private)
        for attempt in self._run.attempts:
            self._add(self._run.branches[attempt.branch], attempt)


def attempt_figures(branch: BranchState, attempt: AttemptState) -> AttemptFigures:
    return AttemptFigures(
        branch=attempt.branch,
        role=branch.role,
        status=attempt.status,
        ready_ms=attempt.ready_ms,
        admitted_ms=attempt.admitted_ms,
        sent_ms=attempt.sent_ms,
        first_token_ms=attempt.first_token_ms,
        ended_ms=attempt.ended_ms,
        held_ms=attempt.held_ms,
        limited_ms=attempt.limited_ms,
        short_ms=attempt.short_ms,
        is_backoff=attempt.number > 1 and not attempt.is_hedge,
        input_tokens=attempt.input_tokens,
        output_tokens=attempt.output_tokens,
        cost_usd=attempt.cost_usd,
        reserved_usd=attempt.reserved_usd,
        is_confirmed=attempt.is_cost_confirmed,
        error_kind=attempt.error_kind,
        is_hedge=attempt.is_hedge,
    )
