"""Figures of passes side by side, each against the first named. Bars share one scale in a row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runs.models import Outcome, Pass, Run
from runs.presenters import figures
from runs.queries import passes as queries

SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Figure:
    """`delta` says how far it is from the baseline; `tone` whether that is better or worse."""

    value: str
    delta: str
    arrow: str
    tone: str
    share: float


@dataclass(frozen=True, slots=True)
class FigureRow:
    what: str
    explained: str
    state: str
    cells: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a figure reads and compares. `better`: 1 where more is, -1 where less is, 0 neither."""

    what: str
    explained: str
    state: str
    show: Callable[[float], str]
    apart: Callable[[float], str]
    better: int
    whole: float | None = None  # the scale's end; None: the largest of the row


def _share_words(apart: float) -> str:
    return f"{abs(apart) * 100:.1f} points"


def _count_words(apart: float) -> str:
    return f"{figures.thousands(abs(apart))} {'more' if apart > 0 else 'fewer'}"


def _plain(value: float) -> str:
    return figures.thousands(value) if float(value).is_integer() else f"{value:,.4g}"


def _shares(name: str, explained: str, state: str = "done") -> _Kind:
    return _Kind(name, explained, state, _percent, _share_words, 1, 1.0)


def _percent(value: float) -> str:
    return figures.percent(value, 1)


def _counts(name: str, explained: str, state: str, better: int) -> _Kind:
    return _Kind(name, explained, state, _plain, _count_words, better)


def _money_apart(apart: float) -> str:
    return f"{figures.money(abs(apart))} {'more' if apart > 0 else 'less'}"


def _apart(apart: float) -> str:
    return f"{_plain(abs(apart))} {'more' if apart > 0 else 'less'}"


def _time_apart(apart: float) -> str:
    return f"{figures.seconds(abs(apart))} {'more' if apart > 0 else 'less'}"


QUALITY: Mapping[str, _Kind] = {
    "accuracy": _shares("Accuracy of the join", "joined answers equal to the known ones"),
    "precision": _shares("Precision", "items kept that are right"),
    "recall": _shares("Recall", "right items that were kept"),
    "f1": _shares("F1", "of precision and recall"),
    "ties": _counts("Ties", "no answer has the most votes", "held", -1),
    "coverage": _shares("Coverage", "branches that entered the join"),
    "agreement": _shares("Agreement", "votes for the leader", "done"),
    "least_agreement": _shares("Least agreement", "on any field"),
    "margin": _Kind("Margin", "votes before the second", "live", _plain, _apart, 1),
    "unreadable": _counts("Unreadable", "answers from which nothing was read", "failed", -1),
    "items": _counts("Items kept", "in the one list", "live", 0),
    "duplicates": _counts("Duplicates folded", "items said more than once", "spared", 0),
    "stdev": _Kind("Spread", "standard deviation of the numbers", "held", _plain, _apart, 0),
}
CALLS = _counts("Calls", "the votes, or what joining again asked", "live", -1)
COST = _Kind("Cost", "of those calls", "cost", figures.money, _money_apart, -1)
TIME = _Kind("Time", "from its start to its end", "time", figures.seconds, _time_apart, -1)


# Figures that mean something else with another method; all others are of the run's branches.
OF_METHOD = frozenset({"agreement", "margin", "unreadable", "items", "duplicates", "stdev"})


def rows(
    run: Run,
    ns: Sequence[int],
    passes: Mapping[int, Pass],
    roots: Mapping[int, Outcome],
    methods: Mapping[int, str],
) -> tuple[FigureRow, ...]:
    """`methods`: the join of each pass."""
    found = []
    alike = [methods[n] == methods[ns[0]] for n in ns]
    for key, kind in QUALITY.items():
        values = [_number(roots[n].quality.get(key)) if n in roots else None for n in ns]
        if any(value is not None for value in values) and not _is_idle(key, values):
            found.append(_row(kind, values, alike if key in OF_METHOD else ()))
    spent = [False] * len(ns)  # what was paid once is no measure of what is paid again
    found.append(_row(CALLS, [_calls(run, passes[n]) for n in ns], spent))
    found.append(_row(COST, [_spent(run, passes[n]) for n in ns], spent))
    found.append(_row(TIME, [_took(run, passes[n]) for n in ns], spent))
    return tuple(found)


def _is_idle(key: str, values: Sequence[float | None]) -> bool:
    """Counts of what did not happen in any pass."""
    return key in {"unreadable", "duplicates"} and not any(values)


def _row(kind: _Kind, values: Sequence[float | None], comparable: Sequence[bool] = ()) -> FigureRow:
    """`comparable` with the baseline; all are, where it is empty."""
    top = kind.whole or max((abs(value) for value in values if value is not None), default=0)
    first = values[0]
    cells = [
        _cell(kind, value, first, top, is_baseline=place == 0, is_comparable=can)
        for place, (value, can) in enumerate(
            zip(values, comparable or [True] * len(values), strict=True)
        )
    ]
    return FigureRow(kind.what, kind.explained, kind.state, tuple(cells))


def _cell(
    kind: _Kind,
    value: float | None,
    first: float | None,
    top: float,
    *,
    is_baseline: bool,
    is_comparable: bool,
) -> Figure:
    if value is None:
        return Figure(figures.NOTHING, "", "", "", 0.0)
    share = round(min(max(value / top, 0), 1) * 100, 2) if top else 0.0
    shown = kind.show(value)
    if not is_comparable:
        return Figure(shown, "", "", "", share)
    if is_baseline:
        return Figure(shown, "baseline", "", "muted", share)
    if first is None:
        return Figure(shown, "", "", "", share)
    apart = value - first
    if abs(apart) < SAME:
        return Figure(shown, "the same", "", "muted", share)
    tone = "" if not kind.better else "good" if apart * kind.better > 0 else "bad"
    return Figure(shown, kind.apart(apart), "▲" if apart > 0 else "▼", tone, share)


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None


def _calls(run: Run, one: Pass) -> float | None:
    if _is_live_first(one):
        return float(run.calls)
    return None if one.ended_at is None else float(one.calls)


def _spent(run: Run, one: Pass) -> float | None:
    if _is_live_first(one):
        return run.spent_usd
    return None if one.ended_at is None else one.spent_usd


def _is_live_first(one: Pass) -> bool:
    """The first pass before there was another: its figures are the run's own."""
    return one.n == queries.FIRST and not one.status


def _took(run: Run, one: Pass) -> float | None:
    if one.n == queries.FIRST:
        wall = run.kpis.get("wall_s")
        return float(wall) if isinstance(wall, int | float) else None
    if one.ended_at is None:
        return None
    return max((one.ended_at - one.started_at).total_seconds(), 0.0)
