"""What a tried join shows: its outcome with every answer's part in it, or what it would ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runs.domain.results import Contribution, Outcome
from runs.presenters.figures import money, percent, plural, thousands
from runs.presenters.run_checks import KINDS
from runs.presenters.run_state import Pill, outcome_pill
from runs.services.trying import Tried, Wish

LONGEST_SHOWN = 4_000  # characters of a value or a prompt
LONGEST_VALUE = 120
MOST_VALUES = 8

_SHARES = {
    "coverage": "Coverage",
    "agreement": "Agreement",
    "least_agreement": "Least agreement on a field",
}
_NUMBERS = {
    "margin": ("Margin", "vote"),
    "entropy": ("Entropy", "bit"),
    "duplicates": ("Folded into others", "answer"),
    "unreadable": ("Unreadable", "answer"),
}
_PLAIN = {
    "items": "Items kept",
    "folded": "Mentions folded",
    "below_support": "Items named too seldom",
    "median": "Median",
    "mean": "Mean",
    "min": "Lowest",
    "max": "Highest",
    "stdev": "Standard deviation",
}


_SAID_WHERE_ANY = {"folded", "below_support"}


@dataclass(frozen=True, slots=True)
class Part:
    """One pasted answer and what became of it."""

    number: int
    kind: str
    icon: str
    word: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a model would be asked. `figures` are (what, figure)."""

    head: str
    figures: tuple[tuple[str, str], ...]
    label: str
    prompt: str


@dataclass(frozen=True, slots=True)
class Shown:
    pill: Pill | None = None
    value: str = ""
    detail: str = ""
    parts: tuple[Part, ...] = ()
    figures: tuple[tuple[str, str], ...] = ()
    asked: Asked | None = None


def shown(tried: Tried) -> Shown:
    if isinstance(tried.result, Wish):
        return Shown(asked=_asked(tried.result, len(tried.children)))
    outcome = tried.result
    return Shown(
        pill=outcome_pill(outcome.kind),
        value=_cut(outcome.value or "", LONGEST_SHOWN),
        detail=outcome.detail,
        parts=tuple(_part(one) for one in outcome.contributions),
        figures=tuple(_figures(outcome)),
    )


def _part(one: Contribution) -> Part:
    icon, word = KINDS[one.kind]
    value = _cut(one.value or "", LONGEST_VALUE)
    is_said = f"“{value}”" in one.reason
    return Part(one.child + 1, one.kind, icon, word, "" if is_said else value, one.reason)


def _figures(outcome: Outcome) -> list[tuple[str, str]]:
    quality = outcome.quality
    found = [("Tally", _tally(quality["tally"]))] if quality.get("tally") else []
    found += [(what, percent(quality[key])) for key, what in _SHARES.items() if _has(quality, key)]
    found += [
        (what, f"{_number(quality[key])} {unit}{'' if quality[key] == 1 else 's'}")
        for key, (what, unit) in _NUMBERS.items()
        if _has(quality, key) and (quality[key] or key in {"margin", "entropy"})
    ]
    found += [
        (what, _number(quality[key]))
        for key, what in _PLAIN.items()
        if _has(quality, key) and (quality[key] or key not in _SAID_WHERE_ANY)
    ]
    return found


def _has(quality: Mapping[str, Any], key: str) -> bool:
    value = quality.get(key)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _tally(tally: Mapping[str, Any]) -> str:
    named = [f"{_cut(value, 40)} {_number(votes)}" for value, votes in tally.items()]
    more = f" and {len(named) - MOST_VALUES} more" if len(named) > MOST_VALUES else ""
    return " · ".join(named[:MOST_VALUES]) + more


def _number(value: float) -> str:
    return thousands(int(value)) if float(value).is_integer() else f"{value:.3g}"


def _asked(wish: Wish, answers: int) -> Asked:
    calls = f"{wish.calls_least}–{wish.calls_most}" if wish.calls_least < wish.calls_most else ""
    count = f"{calls} calls" if calls else plural(wish.calls_most, "call")
    whom = f"{wish.connection} / {wish.model}" if wish.connection and wish.model else "not chosen"
    out = f"up to {thousands(wish.output_tokens_most)} out"
    first = wish.calls[0]
    return Asked(
        head=f"These {plural(answers, 'answer')} need a model: {count}.",
        figures=(
            ("Model", whom),
            ("Calls", calls or thousands(wish.calls_most)),
            ("Tokens", f"about {thousands(wish.input_tokens)} in, {out}"),
            ("Cost, expected – most", _cost(wish)),
        ),
        label=first.label,
        prompt=_cut(first.prompt, LONGEST_SHOWN),
    )


def _cost(wish: Wish) -> str:
    expected, most = wish.cost_expected_usd, wish.cost_most_usd
    if most is None:
        return "price not known"
    return money(most) if expected == most else f"{money(expected)} – {money(most)}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
