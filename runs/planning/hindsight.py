"""How an estimate did: what was told before a run beside what the run took."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Figure: its least, expected and most in the estimate, and what it came to among the KPIs.
FIGURES = {
    "input_tokens": ("input_tokens_least", "input_tokens", "input_tokens_most", "input_tokens"),
    "output_tokens": (
        "output_tokens_least",
        "output_tokens_expected",
        "output_tokens_most",
        "output_tokens",
    ),
    "cost_usd": ("cost_least_usd", "cost_expected_usd", "cost_most_usd", "cost_usd"),
    "seconds": ("seconds_least", "seconds", "seconds_most", "wall_s"),
}
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Told:
    """A figure with its range as told, and what it took."""

    least: float
    expected: float
    most: float
    took: float

    @property
    def is_below(self) -> bool:
        return self.took < self.least - ROUNDING

    @property
    def is_above(self) -> bool:
        return self.took > self.most + ROUNDING

    @property
    def is_within(self) -> bool:
        return not self.is_below and not self.is_above


def compared(estimate: Mapping[str, Any], kpis: Mapping[str, Any]) -> dict[str, Told]:
    """By figure; those missing that were not told, or that are not known."""
    found = {"calls": _calls(estimate, kpis.get("attempts"))}
    for name, (least, expected, most, took) in FIGURES.items():
        told = (estimate.get(least), estimate.get(expected), estimate.get(most))
        found[name] = _told(*told, kpis.get(took))
    return {name: told for name, told in found.items() if told is not None}


def _calls(estimate: Mapping[str, Any], took: float | None) -> Told | None:
    if "retries_most" not in estimate:
        return None
    asked = estimate["merge_calls"]
    least = estimate["calls_least"] + asked + estimate["judge_calls_least"]
    most = estimate["calls"] + asked + estimate["judge_calls"] + estimate["retries_most"]
    return _told(least, least, most, took)


def _told(
    least: float | None, expected: float | None, most: float | None, took: float | None
) -> Told | None:
    if least is None or expected is None or most is None or took is None:
        return None
    return Told(least, expected, most, took)
