"""The time axis and the curve of calls in flight. `axis.js` says the same while live."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor
from typing import Any

from runs.presenters import figures
from runs.presenters.run_rows import Segment, parse_trail

SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000
STEPS = (
    *(100, 200, 500),
    *(n * SECOND for n in (1, 2, 5, 10, 20, 30)),
    *(n * MINUTE for n in (1, 2, 5, 10, 20, 30)),
    *(n * HOUR for n in (1, 2, 4, 12, 24)),
)
SAMPLES = 240
HEADROOM = 2  # a limit is drawn in proportion up to so many times the peak


@dataclass(frozen=True, slots=True)
class Tick:
    at: float  # percent of the axis
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """`end` in ms; ticks lie inside."""

    end: float
    step: int
    ticks: tuple[Tick, ...]


def axis_for(span_ms: float, is_open: bool) -> Axis:
    """An axis that holds `span_ms`; while open with room to grow, so that it seldom rescales."""
    span = max(span_ms, 500.0)
    step = _step(span)
    end = (floor(span / step) + 1) * step if is_open else span * 1.02
    count = floor(end / step + 1e-9)
    labels = (
        Tick(round(n * step / end * 100, 3), _label(n * step, step)) for n in range(1, count + 1)
    )
    return Axis(end, step, tuple(tick for tick in labels if tick.at < 97))


def _step(span: float) -> int:
    return next((step for step in STEPS if step * 5 >= span), STEPS[-1])


def _label(ms: float, step: float) -> str:
    if step < SECOND:
        return f"{ms / SECOND:.1f}{figures.NBSP}s"
    if step >= HOUR:
        return f"{ms / HOUR:.0f}{figures.NBSP}h"
    if step >= MINUTE and ms < HOUR:
        return f"{ms / MINUTE:.0f}{figures.NBSP}min"
    return f"{ms / SECOND:.0f}{figures.NBSP}s" if ms < MINUTE else figures.duration(ms)


def place(segment: Segment, end: float) -> str:
    """A segment's place as a style."""
    _, a, b = segment
    return f"left:{a / end * 100:.2f}%;width:{max((b - a) / end * 100, 0.12):.2f}%"


def in_flight_samples(branches: Iterable[Mapping[str, Any]], now: float, end: float) -> list[int]:
    """Calls in flight at `SAMPLES` + 1 evenly spaced moments of the axis, up to `now`."""
    steps = [0] * (SAMPLES + 2)
    for branch in branches:
        for sent, ended in _spans(branch, now):
            first = min(int(-(-sent * SAMPLES // end)), SAMPLES + 1)
            last = min(int(-(-ended * SAMPLES // end)), SAMPLES + 1)
            steps[first] += 1
            steps[last] -= 1
    samples, level = [], 0
    for number in range(int(min(now, end) * SAMPLES // end) + 1):
        level += steps[number]
        samples.append(level)
    return samples


def _spans(branch: Mapping[str, Any], now: float) -> Iterable[tuple[float, float]]:
    after = 0.0
    for earlier in parse_trail(branch["trail"], now):
        yield earlier.sent, earlier.ended
        after = after if earlier.is_beside else earlier.ended
    is_sent = branch["status"] in ("running", "succeeded", "failed", "cancelled")
    if is_sent and branch["sent"] is not None and branch["sent"] >= after:
        yield branch["sent"], now if branch["ended"] is None else branch["ended"]


def curve(samples: list[int], top: int) -> str:
    """The samples as points of a polyline in a box of 1000 × 58."""
    points = []
    for number, level in enumerate(samples):
        x = number / SAMPLES * 1000
        if number and samples[number - 1] != level:
            points.append(f"{x:.1f},{_height(samples[number - 1], top):.1f}")
        if number == 0 or number == len(samples) - 1 or samples[number - 1] != level:
            points.append(f"{x:.1f},{_height(level, top):.1f}")
    return " ".join(points)


def top_of(peak: int, most: int) -> int:
    """What the picture's height stands for: a limit far above the peak must not flatten it."""
    return max(peak, min(most, HEADROOM * peak)) if peak else most


def limit_line(line: Sequence[tuple[int, int]], now: float, end: float, top: int) -> str:
    """The steps of a limit as points of a polyline in the box of the curve."""
    points, before = [], ""
    for at, level in line:
        if at > now:
            break
        x, y = f"{at / end * 1000:.1f}", f"{_height(level, top):.1f}"
        points += [f"{x},{before}"] if before else []
        points.append(f"{x},{y}")
        before = y
    return " ".join([*points, f"{min(now / end, 1) * 1000:.1f},{before}"]) if points else ""


def place_shut(spans: Iterable[tuple[int, int]], now: float, end: float) -> list[str]:
    """Stretches of the axis as styles, as far as they have come."""
    seen = [(start, min(until, now)) for start, until in spans if start < now]
    return [
        f"left:{start / end * 100:.2f}%;width:{(until - start) / end * 100:.2f}%"
        for start, until in seen
    ]


def place_mark(at: float, level: int, end: float, top: int) -> str:
    """A mark on the line of the limit as a style; the box is as many pixels high as it says."""
    return f"left:{at / end * 100:.2f}%;top:{_height(level, top):.1f}px"


def _height(level: int, top: int) -> float:
    return 58 - min(level / max(top, 1), 1) * 48
