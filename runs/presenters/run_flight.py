"""The calls in flight over time, and the limit on them: the picture above the timeline.

`static/js/live/timeline.js` draws the same while live.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from runs.domain.states import OPEN_RUN
from runs.models import Run
from runs.presenters.run_axis import (
    Axis,
    axis_for,
    curve,
    in_flight_samples,
    limit_line,
    place_mark,
    place_shut,
    top_of,
)
from runs.presenters.run_head import elapsed_ms
from runs.presenters.run_limits import Limits, limits_of
from runs.queries import runs as queries
from runs.queries.runs import BranchRow

LEAST_EVERY_S = 3
CALLS_A_SECOND = 1_000


@dataclass(frozen=True, slots=True)
class Mark:
    kind: str
    style: str
    title: str


@dataclass(frozen=True, slots=True)
class Flight:
    """In a box of 1000 × 66; `now` and the axis in ms since the launch. `peak` is that of the
    curve, which may miss the shortest calls; `counted_peak` misses none."""

    axis: Axis
    curve: str
    area: str
    limit_line: str
    shut: tuple[str, ...]
    silent: tuple[str, ...]
    marks: tuple[Mark, ...]
    limits: Limits
    peak: int
    counted_peak: int
    now: float
    in_flight: int
    is_open: bool
    every_s: int  # how often it is worth drawing anew: each time it looks at every call

    @property
    def words(self) -> str:
        most = max(self.peak, self.counted_peak)
        now = f"{self.in_flight} in flight" if self.is_open else f"at most {most} in flight"
        levels = [level for _, level in self.limits.drawn.line]
        return f"{now}, {limit_words(levels, is_open=self.is_open)}" if levels else now


def limit_words(levels: Sequence[int], *, is_open: bool) -> str:
    """The limit now, or between what it moved."""
    low, high = min(levels), max(levels)
    if is_open or low == high:
        return f"limit {levels[-1]}"
    return f"limit {low} to {high}"


def flight(run: Run) -> Flight:
    return flight_of(run, queries.spans(run))


def flight_of(run: Run, spans: Sequence[BranchRow]) -> Flight:
    """`spans`: the calls of all branches; none where only the axis is wanted."""
    now = float(elapsed_ms(run) or 0)
    last = max((span["ended"] or 0 for span in spans), default=0)
    is_open = run.status in OPEN_RUN
    axis = axis_for(now if is_open else max(last, now), is_open)
    limits = limits_of(run)
    samples = in_flight_samples(spans, now, axis.end)
    peak = max(samples, default=0)
    top = top_of(peak, max((level for _, level in limits.drawn.line), default=0))
    line = curve(samples, top)
    return Flight(
        axis=axis,
        curve=line,
        area=f"0,58 {line} {line.rsplit(' ', 1)[-1].split(',')[0]},58" if line else "",
        limit_line=limit_line(limits.drawn.line, now, axis.end, top),
        shut=tuple(place_shut(limits.drawn.shut, now, axis.end)),
        silent=tuple(place_shut(limits.drawn.silent, now, axis.end)),
        marks=tuple(
            Mark(mark.kind, place_mark(mark.at_ms, mark.level, axis.end, top), mark.title)
            for mark in limits.drawn.marks
        ),
        limits=limits,
        peak=peak,
        counted_peak=int(run.kpis.get("peak_in_flight") or 0),
        now=now,
        in_flight=run.in_flight,
        is_open=is_open,
        every_s=max(LEAST_EVERY_S, run.branches_planned // CALLS_A_SECOND),
    )
