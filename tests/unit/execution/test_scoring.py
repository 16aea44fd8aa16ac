"""What a vote's outcome is told of gold answers and of what it spared."""

from collections.abc import Sequence
from typing import Any

import pytest

from runs.aggregation import registry
from runs.domain.joins import (
    Concatenate,
    JoinSettings,
    Majority,
    Numeric,
    Reader,
    ReaderKind,
    Union,
)
from runs.domain.plan import Role
from runs.domain.policies import FailurePolicy
from runs.domain.results import Child, ChildState, Outcome
from runs.engine.state import JoinState
from runs.execution.scoring import Scoring


def child(index: int, text: str | None) -> Child:
    state = ChildState.SPARED if text is None else ChildState.ANSWERED
    return Child(index, "", state, text or "", role=Role.VOTE, voter="m")


def scored(
    settings: JoinSettings, texts: Sequence[str | None], right: str | None
) -> tuple[Scoring, dict[str, Any]]:
    children = [child(index, text) for index, text in enumerate(texts)]
    outcome = registry.aggregate(settings, FailurePolicy(), children, {})
    assert isinstance(outcome, Outcome)
    opened = sum(text is not None for text in texts)
    join = JoinState(1, 0, 0, "", len(texts), 0, True, opened=opened, rounds=1, is_settled=True)
    join.cost_usd, join.tokens, join.metered = 0.2, 100, opened
    scoring = Scoring(settings, ["m"], is_priced=True)
    figures = scoring.of_vote(join, children, outcome, right)
    full = Outcome(
        outcome.kind, outcome.value, outcome.contributions, {**outcome.quality, **figures}
    )
    scoring.remember(1, full, right)
    return scoring, figures


def test_a_vote_says_what_the_spared_ones_would_have_cost() -> None:
    _, figures = scored(Majority(), ["a", "a", "b", "a", None, None], None)
    assert figures["spared_cost_usd"] == pytest.approx(0.1)
    assert figures["spared_tokens"] == 50
    assert 0.8 < figures["confidence"] < 0.95
    assert "gold" not in figures


def test_votes_that_a_cap_stopped_could_yet_be_cast() -> None:
    texts = [*["a"] * 5, *["b"] * 3]
    children = [child(index, text) for index, text in enumerate(texts)]
    children += [Child(8 + index, "", ChildState.CANCELLED, reason="budget") for index in range(4)]
    outcome = registry.aggregate(Majority(), FailurePolicy(), children, {})
    join = JoinState(1, 0, 0, "", 12, 0, True, opened=12, rounds=1, is_stopped=True)
    figures = Scoring(Majority(), ["m"], is_priced=True).of_vote(join, children, outcome, None)
    assert 0.5 < figures["confidence"] < 0.95


def test_gold_is_read_as_the_answers_are() -> None:
    number = Majority(reader=Reader(ReaderKind.NUMBER))
    scoring, figures = scored(number, ["it is 1,000", "1000.0 €", "7"], "#### 1000")
    assert figures["is_hit"] is True
    assert scoring.of_rows()["mean_single"] == pytest.approx(2 / 3)


def test_a_tie_is_a_miss_whose_branches_still_count_alone() -> None:
    scoring, figures = scored(Majority(), ["a", "b"], "a")
    assert figures["is_hit"] is False
    rows = scoring.of_rows()
    assert (rows["ties"], rows["hits"], rows["mean_single"], rows["best_single"]) == (1, 0, 0.5, 1)


def test_a_median_is_compared_as_a_number() -> None:
    _, figures = scored(Numeric(), ["1", "2", "40"], "2.0")
    assert figures["is_hit"] is True


def test_a_list_has_precision_recall_and_f1() -> None:
    scoring, figures = scored(Union(), ["oak\nelm", "elm\nash"], '["elm", "fir"]')
    assert (figures["precision"], figures["recall"]) == (1 / 3, 1 / 2)
    assert figures["mean_single_f1"] == pytest.approx(1 / 2)
    assert scoring.of_rows()["f1"] == pytest.approx(2 / 5)
    assert "is_hit" not in figures


def test_a_text_that_was_put_together_is_no_answer_to_compare() -> None:
    _, figures = scored(Concatenate(), ["a", "b"], "a")
    assert figures["gold"] == "a"
    assert "is_hit" not in figures
