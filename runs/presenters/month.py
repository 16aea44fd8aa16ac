"""What the runs of the last 30 days gave together: time saved, money, throttling, agreement."""

from collections.abc import Mapping, Sequence
from typing import Any

from runs.presenters import figures
from runs.presenters.run_kpis import Bar, Cell, Part, held_a_call

Kpis = Mapping[str, Any]


def cells(runs: Sequence[Kpis]) -> tuple[Cell, ...]:
    """Of the KPIs of ended runs; none where there were none."""
    if not runs:
        return ()
    return (_runs(runs), _saved(runs), _cost(runs), _throttled(runs), _agreement(runs))


def _runs(runs: Sequence[Kpis]) -> Cell:
    calls = _sum(runs, "attempts")
    sub = (Part(figures.plural(int(calls), "call")),)
    return Cell("runs", "Runs", "Runs that ended in the last 30 days.", _count(runs), "", sub, ())


def _saved(runs: Sequence[Kpis]) -> Cell:
    """What cannot be called a speed-up, being unmeasured on this machine, saves nothing here."""
    told = [
        kpis
        for kpis in runs
        if kpis.get("one_by_one_s")
        and (not kpis.get("is_private") or kpis.get("speed_up_is") == "measured")
    ]
    one_by_one, wall = _sum(told, "one_by_one_s"), _sum(told, "wall_s")
    saved = max(one_by_one - wall, 0.0)
    parts = [Part(f"{figures.seconds(wall)} instead of {figures.seconds(one_by_one)}")]
    if len(told) < len(runs):
        parts.append(Part(f" · {figures.plural(len(runs) - len(told), 'run')} not measured"))
    if not told:
        parts = [Part("no run was measured")]
    value, unit = figures.value_and_unit(figures.seconds(saved))
    bars = (Bar("time", _percent(wall, one_by_one)),) if told else ()
    tip = (
        "One-by-one time less wall clock, added up. Runs on this machine count only where their "
        "one-by-one time was measured."
    )
    prefix = "up to" if any(kpis.get("speed_up_is") != "measured" for kpis in told) else ""
    label = f"Time saved, {prefix}" if prefix else "Time saved"
    shown = value if told else figures.NOTHING
    return Cell("saved", label, tip, shown, unit if told else "", tuple(parts), bars)


def _cost(runs: Sequence[Kpis]) -> Cell:
    priced = [kpis for kpis in runs if kpis.get("cost_usd") is not None]
    cost, wasted = _sum(priced, "cost_usd"), _sum(priced, "wasted_usd")
    parts = [Part(f"useful {figures.money(cost - wasted)}")]
    if wasted:
        parts.append(Part(" · "))
        parts.append(Part(f"{figures.money(wasted)} wasted", "bad"))
    if len(priced) < len(runs):
        parts.append(Part(f" · {figures.plural(len(runs) - len(priced), 'run')} unknown"))
    bars: tuple[Bar, ...] = ()
    if cost:
        bars = (
            Bar("done", _percent(cost - wasted, cost)),
            Bar("failed", _percent(wasted, cost)),
        )
    tip = "Of all requests, failed ones too. Wasted: failed, superseded, aborted and lost ones."
    value = figures.money(cost) if priced else figures.NOTHING
    return Cell("cost", "Cost", tip, value, "", tuple(parts), bars)


def _throttled(runs: Sequence[Kpis]) -> Cell:
    attempts, refused = _sum(runs, "attempts"), _sum(runs, "throttled")
    value = figures.percent(refused / attempts if attempts else 0, 1)[:-1]
    parts = (
        Part(f"{figures.thousands(refused)} of {figures.plural(int(attempts), 'call')}"),
        Part(f" · {held_a_call(_sum(runs, 'held_s'), int(attempts))}"),
    )
    bars = (Bar("held", _percent(refused, attempts)),) if refused else ()
    tip = (
        "Calls that providers refused with “too many”, of all calls. Held: time that a call waited "
        "here so as not to be refused, in the mean."
    )
    return Cell("throttled", "Throttled", tip, value, "%", parts, bars)


def _agreement(runs: Sequence[Kpis]) -> Cell:
    found = [kpis["agreement"] for kpis in runs if kpis.get("agreement") is not None]
    tip = "The mean of the votes' agreement: the leading answer's share of the readable votes."
    if not found:
        return Cell(
            "agreement", "Agreement", tip, figures.NOTHING, "", (Part("no vote ended"),), ()
        )
    mean = sum(found) / len(found)
    sub = (Part(f"{figures.plural(len(found), 'vote')}, in the mean"),)
    bars = (Bar("done", _percent(mean, 1)),)
    return Cell("agreement", "Agreement", tip, figures.percent(mean)[:-1], "%", sub, bars)


def _sum(runs: Sequence[Kpis], name: str) -> float:
    return float(sum(kpis.get(name) or 0 for kpis in runs))


def _count(runs: Sequence[Kpis]) -> str:
    return figures.thousands(len(runs))


def _percent(part: float, whole: float) -> float:
    return min(round(part / whole * 100, 2), 100.0) if whole else 0.0
