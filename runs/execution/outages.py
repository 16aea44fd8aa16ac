"""Outages, known again after a restart: when they were, and the errors that did not count."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from math import inf

from runs.domain.errors import DeadlineExceeded, ProviderUnavailable
from runs.engine.state import AttemptState, RunState
from runs.execution.breaker import PATIENCE_S
from runs.execution.rules import ANSWERS_AGAIN, SILENT, SUCCEEDS
from runs.models import Branch, LimiterChange, Run

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
        if begin - EARLIER_MS <= ended_ms < min(end, begin + PATIENCE_S * 1000)
    }


def spans_ms(run: Run, now_ms: int) -> list[tuple[int, int]]:
    """When providers that the run calls answered nobody, up to now."""
    names = {frozen.get("id"): name for name, frozen in run.connections.items()}
    opened = LimiterChange.objects.filter(
        connection_id__in=[one for one in names if one], reason=SILENT, at__gte=_earliest(run)
    )
    calls = Branch.objects.filter(run=run)
    spans = [
        span
        for connection, model in set(opened.values_list("connection_id", "model"))
        if calls.filter(connection=names[connection], model=model).exists()
        for span in _spans(run, connection, model)
    ]
    clipped = [(max(round(begin), 0), round(min(end, now_ms))) for begin, end in spans]
    return sorted((begin, end) for begin, end in clipped if begin < end)


def _spans(run: Run, connection: int, model: str) -> list[Span]:
    """When the breaker was open; one that has no end yet ends never."""
    rows = LimiterChange.objects.filter(
        connection_id=connection, model=model, at__gte=_earliest(run)
    )
    spans: list[Span] = []
    since: float | None = None
    for at, reason in rows.order_by("at", "id").values_list("at", "reason"):
        ms = (at - _launched(run)).total_seconds() * 1000
        if since is not None and (reason == SILENT or reason in ENDS):
            spans.append((since, ms))
            since = None
        if reason == SILENT:
            since = ms
    if since is not None:
        spans.append((since, inf))
    return spans


def _earliest(run: Run) -> datetime:
    """A breaker that opened earlier will hardly be open at the launch."""
    return _launched(run) - timedelta(hours=1)


def _launched(run: Run) -> datetime:
    return run.launched_at or run.created_at
