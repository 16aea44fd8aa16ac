"""The sentence on a run's page about the estimate before it."""

import pytest

from runs.models import Run
from runs.presenters.run_estimate import told_before

ESTIMATE = {
    "cost_least_usd": 0.001,
    "cost_expected_usd": 0.004,
    "cost_most_usd": 0.01,
    "seconds_least": 2.0,
    "seconds": 9.0,
    "seconds_most": 41.0,
}


def run(cost_usd: float = 0.005, wall_s: float = 12.0, **changes: object) -> Run:
    kpis = {"cost_usd": cost_usd, "wall_s": wall_s}
    values = {"status": "succeeded", "estimate": ESTIMATE, "kpis": kpis, **changes}
    return Run(**values)


def test_a_run_says_what_was_told_and_what_it_took() -> None:
    assert told_before(run()) == (
        "Told before the launch: $0.0040, up to $0.0100, and about 9\u00a0s, up to 41\u00a0s. "
        "It took $0.0050 and 12.0\u00a0s, within that range."
    )


@pytest.mark.parametrize(
    ("cost_usd", "wall_s", "end"),
    [
        (0.02, 12.0, "It took $0.0200 and 12.0\u00a0s: cost above it."),
        (0.005, 1.0, "It took $0.0050 and 1.0\u00a0s: time below it."),
        (0.0001, 90.0, "It took $0.0001 and 1\u00a0min 30\u00a0s: cost below it, time above it."),
    ],
)
def test_what_lies_outside_is_named(cost_usd: float, wall_s: float, end: str) -> None:
    assert told_before(run(cost_usd, wall_s)).endswith(end)


@pytest.mark.parametrize("status", ["queued", "running", "held", "cancelled", "failed"])
def test_a_run_that_was_not_worked_through_is_not_measured_by_it(status: str) -> None:
    assert told_before(run(status=status, kpis={})) == (
        "Told before the launch: $0.0040, up to $0.0100, and about 9\u00a0s, up to 41\u00a0s."
    )


def test_a_model_that_costs_nothing_is_told_in_time() -> None:
    free = {**ESTIMATE, "cost_least_usd": 0, "cost_expected_usd": 0, "cost_most_usd": 0}
    assert told_before(run(0.0, estimate=free)) == (
        "Told before the launch: about 9\u00a0s, up to 41\u00a0s. "
        "It took 12.0\u00a0s, within that range."
    )


def test_a_run_of_before_says_nothing() -> None:
    assert told_before(run(estimate={})) == ""
