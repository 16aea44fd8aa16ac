"""The time axis and the curve of calls in flight. `axis.js` says the same while live."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import floor, log10
from typing import Any

from runs.presenters import figures
from runs.presenters.run_rows import Segment, parse_trail

STEPS = (1.0, 2.0, 5.0, 10.0)
SAMPLES = 240


@dataclass(frozen=True, slots=True)
class Tick:
    at: float  # percent of the axis
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """`end` in ms; ticks lie inside."""

    end: float
    step: float
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


def _step(span: float) -> float:
    rough = span / 4
    power = 10.0 ** floor(log10(rough))
    return next(power * step for step in STEPS if power * step >= rough * 0.999)


def _label(ms: float, step: float) -> str:
    if step < 1000:
        return f"{ms / 1000:.1f} s"
    if step < 60_000:
        return f"{ms / 1000:.0f} s"
    return figures.duration(ms)


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
    for earlier in parse_trail(branch["trail"]):
        yield earlier.sent, earlier.ended
    is_sent = branch["status"] in ("running", "succeeded", "failed", "cancelled")
    if is_sent and branch["sent"] is not None:
        ended = now if branch["ended"] is None else branch["ended"]
        if not branch["trail"] or branch["sent"] >= parse_trail(branch["trail"])[-1].ended:
            yield branch["sent"], ended


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


def _height(level: int, top: int) -> float:
    return 58 - level / max(top, 1) * 48
