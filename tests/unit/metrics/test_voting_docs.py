"""The page on voting names every figure and gives the rule's own table."""

from pathlib import Path

import pytest

from runs.metrics import votes
from runs.metrics.gold import SetScore
from runs.metrics.votes import Row
from runs.stopping.votes import THRESHOLDS, least_lead

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "voting.md").read_text(encoding="utf-8")
VOTE = votes.of_vote(
    planned=4, launched=2, rounds=1, spared=2, confidence=0.9, cost_usd=1.0, tokens=1.0
)
ROWS = {
    **votes.of_rows([Row(False, {**VOTE, "is_hit": True}, [True, False])], ["m"]),
    **votes.of_rows([Row(False, {"mean_single_f1": 1.0}, sets=SetScore(1, 1, 1))], ["m"]),
}


@pytest.mark.parametrize("name", sorted({*VOTE, *ROWS, "gold", "is_hit"}))
def test_every_figure_is_named(name: str) -> None:
    assert f"`{name}`" in TEXT


@pytest.mark.parametrize("stop", THRESHOLDS)
def test_the_table_is_the_rules(stop: str) -> None:
    leads = " | ".join(str(least_lead(second, THRESHOLDS[stop])) for second in range(7))
    assert f"| `{stop}` | {leads} |" in TEXT


def test_what_confidence_is_not_is_said() -> None:
    assert "Confidence is that the leader wins the full vote, not that it is right" in TEXT
