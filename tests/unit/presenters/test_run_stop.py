"""What the card of the votes says of how a vote stops."""

from typing import Any

import pytest

from runs.models import Outcome, Run
from runs.presenters import run_stop


def run(**join: Any) -> Run:
    return Run(branches_planned=40, spec={"join": {"method": "majority", **join}})


def children(succeeded: int, running: int = 0, pending: int = 0) -> list[dict[str, Any]]:
    return [
        *[{"status": "succeeded", "sent": 20}] * succeeded,
        *[{"status": "running", "sent": 30}] * running,
        *[{"status": "pending", "sent": None}] * pending,
    ]


def told(run: Run, votes: dict[str, int], rows: list[dict[str, Any]]) -> tuple[str, ...]:
    return run_stop.told(run, None, list(votes.items()), rows)  # type: ignore[arg-type]


def test_a_vote_under_way_tells_its_margin_and_what_its_confidence_means() -> None:
    lines = told(run(), {"bug": 3, "billing": 1}, children(4, running=2, pending=9))
    assert lines[0] == "Margin 2 · 6 of up to 40 asked so far"
    assert lines[1] == "Would win the full vote: 81.3%"
    assert lines[2] == run_stop.MEANING


def test_with_weights_no_confidence_is_told() -> None:
    assert len(told(run(weights={"1": 2}), {"bug": 3}, children(3))) == 1


def test_nothing_is_told_before_the_first_vote() -> None:
    assert told(run(), {}, children(0, running=4)) == ()


@pytest.mark.parametrize(
    ("saved", "said"),
    [
        ({"spared_cost_usd": 0.002, "spared_tokens": 1234.4}, ", about 1,234 tokens and $0.0020."),
        ({"spared_cost_usd": 4e-6, "spared_tokens": 29}, ", about 29 tokens and under $0.0001."),
        ({"spared_cost_usd": None, "spared_tokens": 50}, ", about 50 tokens."),
        ({}, "34 votes spared."),
    ],
)
def test_an_early_stop_tells_what_it_spared(saved: dict[str, Any], said: str) -> None:
    quality = {"spared": 34, "launched": 6, "planned": 40, "rounds": 2, "confidence": 0.9648}
    outcome = Outcome(quality={**quality, **saved})
    lines = run_stop.told(run(), outcome, [("bug", 5)], [])
    assert lines[0].startswith("Stopped after 6 of 40 in 2 waves; 34 votes spared")
    assert lines[0].endswith(said)
    assert lines[1] == "Would win the full vote: 96.5%"


def test_a_full_vote_tells_of_no_stop() -> None:
    outcome = Outcome(quality={"spared": 0, "launched": 40, "planned": 40, "rounds": 1})
    assert run_stop.told(run(), outcome, [("bug", 40)], []) == ()
