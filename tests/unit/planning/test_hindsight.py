"""What was told before a run beside what it took."""

from dataclasses import asdict
from typing import Any

import pytest

from runs.domain.usage import Price
from runs.planning import build
from runs.planning.estimate import estimate
from runs.planning.hindsight import Told, compared
from tests.unit.planning.samples import items, made, sectioning

KPIS = {
    "attempts": 3,
    "input_tokens": 300,
    "output_tokens": 150,
    "cost_usd": 0.0006,
    "wall_s": 5.0,
}


def stored() -> dict[str, Any]:
    configuration = made(sectioning())
    plan = build.plan(configuration, items(3, text="x" * 380))
    prices = {("local", "smollm2-135m"): Price(1.0, 2.0)}
    return asdict(estimate(configuration, plan, prices, {}))


def test_every_figure_is_compared_with_its_own_range() -> None:
    found = compared(stored(), KPIS)
    assert list(found) == ["calls", "input_tokens", "output_tokens", "cost_usd", "seconds"]
    assert all(told.is_within for told in found.values())
    assert all(told.least <= told.expected <= told.most for told in found.values())


@pytest.mark.parametrize(
    ("took", "is_below", "is_above"),
    [(1.0, True, False), (2.0, False, False), (4.0, False, False), (5.0, False, True)],
)
def test_both_ends_belong_to_the_range(took: float, is_below: bool, is_above: bool) -> None:
    told = Told(2.0, 3.0, 4.0, took)
    assert (told.is_below, told.is_above) == (is_below, is_above)
    assert told.is_within is not (is_below or is_above)


def test_what_is_not_known_is_not_compared() -> None:
    unpriced = stored() | {"cost_expected_usd": None}
    assert "cost_usd" not in compared(unpriced, KPIS)
    assert "cost_usd" not in compared(stored(), KPIS | {"cost_usd": None})
    assert compared({}, KPIS) == {}
