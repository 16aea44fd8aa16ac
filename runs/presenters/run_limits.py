"""The limit on calls in flight while a run went on: as a line over the curve, and as a table.

Where calls go to several gates, the line is the sum of their limits.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from runs.models import Run
from runs.presenters import figures
from runs.queries.limits import Change, History, histories

Span = tuple[int, int]
FOREVER = 1 << 40  # ms: an outage that has no end yet
MOST_ROWS = 100
MOST_MARKS = 40
MOST_STEPS = 240
CUT, SHUT, DOWN, UP, GROWN, SAME = "cut", "shut", "down", "up", "grown", "same"
ICONS = {CUT: "hold", SHUT: "hold", DOWN: "fail", UP: "done", GROWN: "plus", SAME: "wait"}
WEIGHTIEST = (DOWN, CUT, UP, SHUT, GROWN, SAME)
SILENT, ANSWERS = "does not answer", "answers again"  # what the breaker says


@dataclass(frozen=True, slots=True)
class Step:
    """A change beside what it changed: `before` and `level` are of all gates together."""

    kind: str
    history: History
    change: Change
    was: int
    before: int
    level: int


@dataclass(frozen=True, slots=True)
class Mark:
    at_ms: int
    level: int
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """`line`: from when on how many may be in flight. `shut`: from when to when nobody could
    start; `silent`: a provider answered nobody. All in ms since the launch."""

    line: tuple[tuple[int, int], ...] = ()
    shut: tuple[Span, ...] = ()
    silent: tuple[Span, ...] = ()
    marks: tuple[Mark, ...] = ()

    def as_json(self) -> str:
        """As the script reads it."""
        marks = [[mark.at_ms, mark.level, mark.kind, mark.title] for mark in self.marks]
        spans = {"shut": self.shut, "silent": self.silent}
        return json.dumps({"line": self.line, **spans, "marks": marks})


@dataclass(frozen=True, slots=True)
class Row:
    icon: str
    at: str
    whose: str
    limit: str
    reason: str
    shut: str


@dataclass(frozen=True, slots=True)
class Limits:
    """`rows`: the last changes; `earlier`: how many more there were."""

    drawn: Drawn
    rows: tuple[Row, ...]
    earlier: int
    is_several: bool
    sentence: str

    @property
    def last(self) -> int | None:
        return self.drawn.line[-1][1] if self.drawn.line else None


def limits_of(run: Run) -> Limits:
    found = histories(run)
    asked = run.in_flight_wanted or run.spec.get("limits", {}).get("in_flight")
    most = {name: frozen.get("in_flight") for name, frozen in run.connections.items()}
    firsts = {
        _key(one): min((n for n in (one.first, most.get(one.connection)) if n), default=0)
        for one in found
    }
    return limits(found, firsts, asked)


Key = tuple[str, str]


def limits(found: Sequence[History], firsts: dict[Key, int], asked: int | None) -> Limits:
    """`firsts`: the limit of each gate as the run began, 0 where unknown; `asked`: what the run
    itself asks for at most."""
    steps = tuple(_steps(found, dict(firsts), asked))
    start = _level(firsts.values(), asked)
    is_several = len(found) > 1
    rows = tuple(_row(step, is_several=is_several) for step in steps[-MOST_ROWS:])
    return Limits(
        drawn=Drawn(
            line=_thinned(start, steps),
            shut=_shut(found),
            silent=_silent(steps),
            marks=tuple(_mark(step, is_several=is_several) for step in _weightiest(steps)),
        ),
        rows=rows,
        earlier=len(steps) - len(rows),
        is_several=is_several,
        sentence="" if steps else _unchanged(start),
    )


def _unchanged(level: int) -> str:
    if not level:
        return "No limit is known."
    return f"Nothing changed it: {figures.plural(level, 'call')} at once from the start to the end."


def _key(history: History) -> Key:
    return history.connection, history.model


def _level(limits_now: Iterable[int], asked: int | None) -> int:
    total = sum(limits_now)
    return min(total, asked) if asked and total else total


def _steps(found: Sequence[History], now: dict[Key, int], asked: int | None) -> Iterator[Step]:
    changes = [(change.at_ms, n, change) for n, one in enumerate(found) for change in one.changes]
    for _, n, change in sorted(changes, key=lambda entry: entry[:2]):
        key = _key(found[n])
        was, before = now.get(key, 0), _level(now.values(), asked)
        now[key] = change.limit
        kind = kind_of(change, was)
        yield Step(kind, found[n], change, was, before, _level(now.values(), asked))


def kind_of(change: Change, was: int) -> str:
    """What happened at the gate, in one word."""
    if SILENT in change.reason:
        return DOWN
    if ANSWERS in change.reason:
        return UP
    if was and change.limit < was:
        return CUT
    if change.shut_until_ms is not None:
        return SHUT
    return GROWN if change.limit > was else SAME


# As a table


def _row(step: Step, *, is_several: bool) -> Row:
    change = step.change
    shut = change.shut_until_ms
    return Row(
        icon=ICONS[step.kind],
        at=figures.duration(change.at_ms),
        whose=f"{step.history.connection} / {step.history.model}" if is_several else "",
        limit=_move(step),
        reason=_sentence(change.reason),
        shut="" if shut is None else figures.duration(shut - change.at_ms),
    )


def _move(step: Step) -> str:
    if step.was in (0, step.change.limit):
        return figures.thousands(step.change.limit)
    return f"{figures.thousands(step.was)} → {figures.thousands(step.change.limit)}"


def _sentence(reason: str) -> str:
    return reason[:1].upper() + reason[1:]


def _mark(step: Step, *, is_several: bool) -> Mark:
    row = _row(step, is_several=is_several)
    whose = f" ({row.whose})" if row.whose else ""
    shut = f", shut for {row.shut}" if row.shut else ""
    title = f"{row.at}: {row.reason}{whose}. Limit {row.limit}{shut}."
    return Mark(step.change.at_ms, step.level, step.kind, title)


# As a drawing


def _thinned(start: int, steps: Sequence[Step]) -> tuple[tuple[int, int], ...]:
    """Of many steps, in each stretch the lowest level and the last."""
    line = [(step.change.at_ms, step.level) for step in steps if step.level != step.before]
    if len(line) > MOST_STEPS:
        a_part = line[-1][0] / MOST_STEPS * 2
        parts: dict[int, list[tuple[int, int]]] = {}
        for point in line:
            parts.setdefault(int(point[0] / a_part), []).append(point)
        kept = (
            {min(part, key=lambda point: point[1]), part[-1]} for part in parts.values() if part
        )
        line = sorted(point for points in kept for point in points)
    return ((0, start), *line) if start else tuple(line)


def _weightiest(steps: Sequence[Step]) -> list[Step]:
    """The changes worth a mark, in order of time."""
    kept = sorted(steps, key=lambda step: WEIGHTIEST.index(step.kind))[:MOST_MARKS]
    return sorted(kept, key=lambda step: step.change.at_ms)


def _shut(found: Sequence[History]) -> tuple[Span, ...]:
    """When no gate let anybody in."""
    every = [_spans(one.changes) for one in found]
    common = every[0] if every else []
    for spans in every[1:]:
        common = [
            (max(a, c), min(b, d)) for a, b in common for c, d in spans if max(a, c) < min(b, d)
        ]
    return tuple(common)


def _silent(steps: Sequence[Step]) -> tuple[Span, ...]:
    """From each opening of a breaker to its closing, or to whenever one looks."""
    spans: list[Span] = []
    since: dict[Key, int] = {}
    for step in steps:
        key = _key(step.history)
        if step.kind == DOWN:
            since.setdefault(key, step.change.at_ms)
        elif step.kind == UP and key in since:
            spans.append((since.pop(key), step.change.at_ms))
    return (*spans, *((start, FOREVER) for start in since.values()))


def _spans(changes: Sequence[Change]) -> list[Span]:
    merged: list[Span] = []
    for change in changes:
        if change.shut_until_ms is None:
            continue
        if merged and change.at_ms <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], change.shut_until_ms))
        else:
            merged.append((change.at_ms, change.shut_until_ms))
    return merged
