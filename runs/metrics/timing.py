"""Where the time went: every instant of a run's wall gets one label.

One sweep over the ends of all intervals, O(n log n). Knows nothing of money.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from runs.domain.states import AttemptStatus
from runs.metrics.figures import JOIN_ROLES, AttemptFigures, RunFigures, Span

LABELS = (
    *("down", "held", "join", "outage", "rate_limit", "budget"),
    *("at_the_limit", "backoff", "tail", "full"),
)
"""In order: an instant gets the first that fits. A wait to try again costs nothing while no slot is
free: then others wait for one, or all are in flight."""

# One number holds how many of each kind are open: adding it for a start and subtracting it for an
# end counts all kinds in one addition. 24 bits a kind are enough for 16 million attempts.
_BITS = 24
_MASK = (1 << _BITS) - 1
_CALLS, _JOINS, _WAITS, _BACKOFFS, _RATE, _BUDGET, _DOWN, _QUOTA, _OUTAGE, _PERSON = (
    1 << (_BITS * kind) for kind in range(10)
)
_BRIDGED_MS = 3  # from one call's wait at the gate to that of the next, which is ready: one wait


@dataclass(frozen=True, slots=True)
class Timing:
    """`where_ms`: milliseconds by label, summing to `wall_ms`, which is without the time that a
    person held the run. `busy_ms`: calls' durations within the wall, added up. `peak`: most calls
    in flight at once."""

    wall_ms: int
    where_ms: Mapping[str, int]
    busy_ms: int
    peak: int


def where_the_time_went(figures: RunFigures) -> Timing:
    steps = _steps(figures)
    times = sorted(steps)
    peak = _peak(times, steps)
    where = dict.fromkeys(LABELS, 0)
    busy = held_by_person = now = state = 0
    labels: dict[int, str] = {}  # by state: few differ, many instants share one
    for time in (*times, figures.wall_ms):
        length = time - now
        if length > 0:
            if state >= _PERSON:
                held_by_person += length
            else:
                label = labels.get(state)
                if label is None:
                    label = labels[state] = _label(state, peak, figures.limit_in_flight)
                where[label] += length
                busy += length * _in_flight(state)
            now = time
        state += steps.get(time, 0)
    return Timing(max(figures.wall_ms, 0) - held_by_person, where, busy, peak)


def _label(state: int, peak: int, limit: int | None) -> str:
    """The first of `LABELS` that fits."""
    children, joins = _count(state, _CALLS), _count(state, _JOINS)
    in_flight = children + joins
    waits, backoffs = _count(state, _WAITS), _count(state, _BACKOFFS)
    is_awaited = _count(state, _RATE) or waits or backoffs
    is_slot_free = limit is None or in_flight < limit
    fits = (
        ("down", _count(state, _DOWN)),
        ("held", _count(state, _QUOTA)),
        ("join", joins and not children),
        ("outage", _count(state, _OUTAGE) and is_awaited),
        ("rate_limit", _count(state, _RATE)),
        ("budget", _count(state, _BUDGET)),
        ("at_the_limit", waits),
        ("backoff", backoffs and is_slot_free),
        ("tail", 2 * in_flight < peak),
    )
    return next((label for label, holds in fits if holds), "full")


def _count(state: int, kind: int) -> int:
    return state // kind & _MASK


def _in_flight(state: int) -> int:
    return (state & _MASK) + (state >> _BITS & _MASK)


def _peak(times: Iterable[int], steps: Mapping[int, int]) -> int:
    state = peak = 0
    for time in times:
        state += steps[time]
        peak = max(peak, _in_flight(state))
    return peak


def _steps(figures: RunFigures) -> dict[int, int]:
    """What changes at which instant, clipped to the wall."""
    steps: dict[int, int] = defaultdict(int)
    wall = max(figures.wall_ms, 0)
    for kind, begun, ended in _intervals(figures):
        start, end = begun, ended
        if begun < 0 or ended > wall:
            start, end = max(begun, 0), min(ended, wall)
        if start < end:
            steps[start] += kind
            steps[end] -= kind
    return steps


def _intervals(figures: RunFigures) -> Iterable[tuple[int, int, int]]:
    for kind, spans in (
        (_DOWN, figures.down_spans_ms),
        (_QUOTA, figures.quota_spans_ms),
        (_OUTAGE, figures.outage_spans_ms),
        (_PERSON, figures.held_spans_ms),
    ):
        for start, end in _disjoint(spans):
            yield kind, start, end
    yield _DOWN, 0, min((attempt.ready_ms for attempt in figures.attempts), default=0)
    outages = _disjoint(figures.outage_spans_ms)
    yield from _of_attempts(figures.attempts, figures.wall_ms, outages)


def _of_attempts(
    attempts: Sequence[AttemptFigures], wall_ms: int, outages: Sequence[Span]
) -> Iterable[tuple[int, int, int]]:
    """Waits and calls. Between two attempts of a branch lies backoff, or the provider's wish to
    wait after it throttled."""
    previous: dict[int, AttemptFigures] = {}
    holds: dict[int, list[tuple[int, int, int]]] = {_RATE: [], _BUDGET: []}  # third: ready since
    for attempt in sorted(attempts, key=attrgetter("ready_ms")):
        held_from = attempt.admitted_ms
        if attempt.held_ms or attempt.limited_ms:
            held_from = max(held_from - _limited_ms(attempt, outages), attempt.ready_ms)
            holds[_RATE].append((held_from, attempt.admitted_ms, attempt.ready_ms))
        if attempt.short_ms:
            fits_at, held_from = held_from, max(held_from - attempt.short_ms, attempt.ready_ms)
            holds[_BUDGET].append((held_from, fits_at, attempt.ready_ms))
        yield _WAITS, attempt.ready_ms, held_from
        before = previous.get(attempt.branch)
        if before is not None and before.ended_ms is not None:
            kind = _between(attempt, before)
            if kind == _RATE:
                holds[_RATE].append((before.ended_ms, attempt.ready_ms, before.ended_ms))
            else:
                yield kind, before.ended_ms, attempt.ready_ms
        if before is None or not attempt.is_hedge or _ended_after(attempt, before):
            previous[attempt.branch] = attempt
        if attempt.sent_ms is not None:
            is_open = attempt.status == AttemptStatus.SENT
            end = attempt.ended_ms if attempt.ended_ms is not None else wall_ms if is_open else 0
            yield _JOINS if attempt.role in JOIN_ROLES else _CALLS, attempt.sent_ms, end
    for kind, spans in holds.items():
        for start, end in _bridged(span for span in spans if span[0] < span[1]):
            yield kind, start, end


def _ended_after(hedge: AttemptFigures, first: AttemptFigures) -> bool:
    """Until both have ended the branch waits for nothing."""
    return (hedge.ended_ms or 0) > (first.ended_ms or 0)


def _limited_ms(attempt: AttemptFigures, outages: Sequence[Span]) -> int:
    """What it waited for the rate limit, being the next one; where only the wait of its queue is
    known, that, less outages: the gate was shut during those, too."""
    if attempt.limited_ms is not None:
        return attempt.limited_ms
    if not outages:
        return attempt.held_ms
    ready, admitted = attempt.ready_ms, attempt.admitted_ms
    silent = sum(max(min(end, admitted) - max(start, ready), 0) for start, end in outages)
    return max(attempt.held_ms - silent, 0)


def _between(attempt: AttemptFigures, before: AttemptFigures) -> int:
    if before.status == AttemptStatus.THROTTLED:
        return _RATE
    return _BACKOFFS if attempt.is_backoff or before.status == AttemptStatus.ERROR else _WAITS


def _bridged(holds: Iterable[tuple[int, int, int]]) -> list[Span]:
    """As spans that do not overlap; short gaps in which the next call was ready already, too."""
    spans: list[Span] = []
    last = 0
    for start, end, ready in sorted(holds):
        is_one_wait = ready <= last and start - last <= _BRIDGED_MS
        spans.append((min(start, last) if spans and is_one_wait else start, end))
        last = max(last, end)
    return _disjoint(spans)


def _disjoint(spans: Iterable[Span]) -> list[Span]:
    """The same instants as spans that do not overlap."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
