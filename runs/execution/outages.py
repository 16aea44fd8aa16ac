"""Errors of an outage, known again after a restart: while the breaker was open none counted."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from runs.domain.errors import DeadlineExceeded, ProviderUnavailable
from runs.engine.state import AttemptState, RunState
from runs.execution.breaker import PATIENCE_S
from runs.execution.rules import ANSWERS_AGAIN, SILENT, SUCCEEDS
from runs.models import LimiterChange, Run

Span = tuple[float, float]  # ms since the launch

PASSING = frozenset({ProviderUnavailable.kind, DeadlineExceeded.kind})
ENDS = frozenset({ANSWERS_AGAIN, SUCCEEDS, LimiterChange.START})
EARLIER_MS = 50  # the error that opens a breaker ends a moment before


def of_outages(run: Run, state: RunState, failed: Iterable[AttemptState]) -> set[tuple[int, int]]:
    """Branch and number of those that failed while the provider answered nobody."""
    calls = defaultdict(list)
    for attempt in failed:
        call = state.branches[attempt.branch].spec.call
        connection = (run.connections.get(call.connection) or {}).get("id")
        if attempt.error_kind in PASSING and attempt.ended_ms is not None and connection:
            calls[connection, call.model].append((attempt.ended_ms, attempt))
    return {
        (attempt.branch, attempt.number)
        for key, ends in calls.items()
        for begin, end in _spans(run, *key)
        for ended_ms, attempt in ends
        if begin - EARLIER_MS <= ended_ms < end
    }


def _spans(run: Run, connection: int, model: str) -> list[Span]:
    """When the breaker was open and errors did not count."""
    if run.launched_at is None:
        return []
    rows = LimiterChange.objects.filter(
        connection_id=connection, model=model, at__gte=run.launched_at - timedelta(hours=1)
    )
    spans: list[Span] = []
    is_open = False
    for at, reason in rows.order_by("at", "id").values_list("at", "reason"):
        ms = (at - run.launched_at).total_seconds() * 1000
        if reason == SILENT:
            spans.append((ms, ms + PATIENCE_S * 1000))
            is_open = True
        elif reason in ENDS and is_open:
            spans[-1] = (spans[-1][0], min(ms, spans[-1][1]))
            is_open = False
    return spans
