"""The strip of figures at the top of a run. `kpis.js` says the same while live.

Both read one mapping, the run as the wire sends it with three counts added: `by_status`
(branches by status), `heard` (children with an answer) and `tally` (votes by value).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runs.presenters import figures

LEAST_GAIN = 1.05


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a line under a figure; `tone` is good, bad or nothing."""

    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a meter; `share` in percent."""

    state: str
    share: float


@dataclass(frozen=True, slots=True)
class Cell:
    key: str
    label: str
    tip: str
    value: str
    unit: str
    sub: tuple[Part, ...]
    bars: tuple[Bar, ...]


def strip(run: Mapping[str, Any]) -> tuple[Cell, ...]:
    """All cells, in order."""
    last = _agreement(run) if run["method"] == "majority" else _coverage(run)
    return (_time(run), _branches(run), _cost(run), _throttled(run), last)


def _time(run: Mapping[str, Any]) -> Cell:
    kpis, is_open = run["kpis"], run["ended_ms"] is None
    wall_ms = run["elapsed_ms"]
    if not is_open and kpis.get("wall_s") is not None:
        wall_ms = kpis["wall_s"] * 1000
    value, unit = figures.value_and_unit(figures.duration(wall_ms))
    bars: tuple[Bar, ...] = ()
    if kpis.get("one_by_one_s") and wall_ms is not None:
        bars = (Bar("time", _share(wall_ms / 1000, kpis["one_by_one_s"])),)
    tip = (
        "From the launch to the end, less time held by a person. Compared with one by one: the "
        "successful calls end to end, as long as they took here; or a measured sample, scaled."
    )
    label = "Elapsed" if is_open else "Wall clock"
    return Cell("time", label, tip, value, unit, _faster(run), bars)


def _faster(run: Mapping[str, Any]) -> tuple[Part, ...]:
    kpis = run["kpis"]
    if not kpis.get("one_by_one_s"):
        return (
            Part("one by one: not known yet" if run["ended_ms"] is None else "no call succeeded"),
        )
    one_by_one, gain = figures.seconds(kpis["one_by_one_s"]), kpis.get("speed_up")
    is_measured = kpis.get("speed_up_is") == "measured"
    if gain is None or (kpis.get("is_private") and not is_measured):
        known = "" if run["ended_ms"] is None else "not measured · "
        return (Part(f"{known}one by one up to {one_by_one}"),)
    if gain < LEAST_GAIN:
        how = ", measured" if is_measured else ""
        return (Part(f"no faster than one by one, {one_by_one}{how}"),)
    if is_measured:
        return (
            Part(f"{figures.times(gain)} faster", "good"),
            Part(f" than {one_by_one}, measured"),
        )
    return (Part(f"up to {figures.times(gain)} faster", "good"), Part(f" than {one_by_one}"))


def _branches(run: Mapping[str, Any]) -> Cell:
    by = {"pending": 0, "running": 0, "succeeded": 0, "failed": 0, "cancelled": 0, "spared": 0}
    by |= run["by_status"]
    total = max(run["planned"], sum(by.values()))
    waiting = total - sum(by.values()) + by["pending"]
    word = "waiting" if run["ended_ms"] is None else "not called"
    told = (
        (by["failed"], "failed", "bad"),
        (by["running"], "in flight", ""),
        (waiting, word, ""),
        (by["cancelled"], "cancelled", ""),
        (by["spared"], "spared", ""),
    )
    parts = [
        Part(f"{figures.thousands(count)} {word}", tone) for count, word, tone in told if count
    ]
    bars = tuple(
        Bar(state, _share(by[status], total))
        for status, state in (
            ("succeeded", "done"),
            ("failed", "failed"),
            ("running", "live"),
            ("spared", "spared"),
        )
        if by[status]
    )
    tip = "One branch is one call with its tries; calls that a join asked for are counted too."
    unit = f"of {figures.thousands(total)} done"
    value = figures.thousands(by["succeeded"])
    return Cell(
        "branches", "Branches", tip, value, unit, _joined(parts) or (Part("none failed"),), bars
    )


def _cost(run: Mapping[str, Any]) -> Cell:
    kpis, budget, spent = run["kpis"], run["budget_usd"], run["spent_usd"]
    is_partly_unknown = "cost_usd" in kpis and kpis["cost_usd"] is None
    is_unknown = is_partly_unknown and not spent
    parts = []
    if is_partly_unknown and spent:
        parts.append(Part("at least: a price is unknown", "bad"))
    if kpis.get("multiplier") is not None and spent:
        parts.append(Part(f"{figures.times(kpis['multiplier'])} one call"))
    tokens = (kpis.get("input_tokens") or 0) + (kpis.get("output_tokens") or 0)
    parts.append(Part(f"{figures.thousands(tokens)} tokens"))
    wasted = kpis.get("wasted_usd") or 0
    if wasted and run["ended_ms"] is not None:
        parts.append(Part(f"{figures.money(wasted)} wasted", "bad"))
    bars: tuple[Bar, ...] = ()
    if budget:
        bars = (
            Bar("time", _share(spent, budget)),
            Bar("reserved", _share(run["reserved_usd"], budget)),
        )
    elif spent and run["ended_ms"] is not None:
        bars = (Bar("done", _share(spent - wasted, spent)), Bar("failed", _share(wasted, spent)))
    unit = f"of {figures.money(budget)}" if budget else ("price unknown" if is_unknown else "")
    value = figures.NOTHING if is_unknown else figures.money(spent)
    tip = (
        "All tries, failed ones too. “One call”: the mean of an ended branch. "
        "Wasted: failed, superseded and aborted tries."
    )
    return Cell("cost", "Cost", tip, value, unit, _joined(parts), bars)


def _throttled(run: Mapping[str, Any]) -> Cell:
    kpis = run["kpis"]
    attempts, throttled = kpis.get("attempts") or 0, kpis.get("throttled") or 0
    share = throttled / attempts if attempts else 0.0
    parts = [Part(f"{figures.thousands(throttled)} of {figures.plural(attempts, 'call')}")]
    reason = kpis.get("held_reason") if run["ended_ms"] is None else ""
    held = Part(held_a_call(kpis.get("held_s") or 0, attempts))
    parts.append(Part(f"held now: {reason}", "bad") if reason else held)
    tip = (
        "Calls that the provider refused with “too many”. "
        "Held: time that a call waited here so as not to be refused, in the mean."
    )
    value = figures.percent(share, 1)[:-1]
    bars = (Bar("held", _share(throttled, attempts)),) if throttled else ()
    return Cell("throttled", "Throttled", tip, value, "%", _joined(parts), bars)


LEAST_HELD_S = 0.1


def held_a_call(held_s: float, calls: int) -> str:
    """Their sum says little: a hundred calls that wait side by side for a second are no delay of
    a hundred."""
    if not (held_s and calls):
        return "none held"
    least = "under " if held_s / calls < LEAST_HELD_S else ""
    return f"held {least}{figures.seconds(max(held_s / calls, LEAST_HELD_S))} a call"


def _agreement(run: Mapping[str, Any]) -> Cell:
    votes = sorted(run["tally"].values(), reverse=True)
    tip = "Share of the readable votes that the leader has."
    if not votes:
        none = "no readable vote yet" if run["ended_ms"] is None else "no readable vote"
        return Cell("quality", "Agreement", tip, figures.NOTHING, "", (Part(none),), ())
    share = votes[0] / sum(votes)
    second = votes[1] if len(votes) > 1 else 0
    parts = [Part(f"{figures.thousands(votes[0])} to {figures.thousands(second)}")]
    if len(votes) > 2:
        parts.append(Part(f"{figures.thousands(len(votes))} different answers"))
    bars = (Bar("done", _share(votes[0], sum(votes))),)
    return Cell("quality", "Agreement", tip, figures.percent(share)[:-1], "%", _joined(parts), bars)


def _coverage(run: Mapping[str, Any]) -> Cell:
    expected, heard = run["planned"], run["heard"]
    share = heard / expected if expected else 0.0
    places = 0 if heard in (0, expected) else 1
    parts = (Part(f"{figures.thousands(heard)} of {figures.thousands(expected)} heard"),)
    tip = "Share of the planned branches whose answer the join could use."
    bars = (Bar("done", _share(heard, expected)),) if heard else ()
    return Cell("quality", "Coverage", tip, figures.percent(share, places)[:-1], "%", parts, bars)


def _share(part: float, whole: float) -> float:
    """Percent with two places, at most 100."""
    return min(round(part / whole * 100, 2), 100.0) if whole else 0.0


def _joined(parts: list[Part]) -> tuple[Part, ...]:
    """Parts with middle dots between them."""
    told: list[Part] = []
    for part in parts:
        if told:
            told.append(Part(" · "))
        told.append(part)
    return tuple(told)
