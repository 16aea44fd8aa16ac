"""What bound a run, in one sentence, and what it cost, by cause."""

from typing import Any

import pytest

from runs.metrics.timing import LABELS as WHERE_LABELS
from runs.metrics.waste import CAUSES as WASTE_CAUSES
from runs.presenters import run_cost, run_time


def verdict(kpis: dict[str, Any] | None = None, **where: float) -> run_time.Verdict:
    return run_time.verdict(kpis or {}, where, sum(where.values()))


def test_every_label_of_the_metrics_has_its_words() -> None:
    assert set(run_time.LABELS) == set(WHERE_LABELS)
    assert set(run_time.LOSSES) == set(WHERE_LABELS) - {"full"}
    assert set(run_cost.CAUSES) == set(WASTE_CAUSES)


def test_the_largest_loss_is_named_with_what_helps() -> None:
    found = verdict(full=3, rate_limit=12, tail=19 / 2, join=9.5)
    assert found.sentence == (
        "The largest part of the lost time was the provider’s rate limit: "
        "12.0\u00a0s of 31.0\u00a0s."
    )
    assert "higher limit" in found.advice
    assert verdict(full=1, at_the_limit=8).sentence.startswith("Most of the lost time was")


def test_a_run_that_hardly_waited_is_told_so() -> None:
    found = verdict(full=19, tail=1)
    assert "95% of it calls went on" in found.sentence
    assert (found.tone, found.advice, found.is_grave) == ("done", "", False)


def test_serialised_by_the_provider_is_said_before_all_else() -> None:
    kpis = {"is_serialised": True, "achieved_concurrency": 0.93}
    found = verdict(kpis, rate_limit=9, full=1)
    assert found.sentence == (
        "Serialised by the provider: held for 90% of the time, 0.9 in flight on average."
    )
    assert found.is_grave


SPENT = {
    "cost_usd": 0.04,
    "input_tokens": 600,
    "output_tokens": 400,
    "wasted_by": {
        "failed": {"calls": 1, "tokens": 100, "usd": 0.01},
        "lost": {"calls": 2, "tokens": 0, "usd": 0.002},
    },
}


@pytest.mark.parametrize(
    ("is_money", "expected"),
    [
        (True, [("useful", "$0.0280", 70.0), ("failed", "$0.0100", 25.0), ("lost", "$0.0020", 5)]),
        (False, [("useful", "900 tokens", 90), ("failed", "100 tokens", 10),
                 ("lost", "0 tokens", 0)]),
    ],
)  # fmt: skip
def test_useful_against_wasted_by_cause(is_money: bool, expected: list[Any]) -> None:
    shares = run_cost.shares(SPENT, is_money=is_money)
    assert [(one.key, one.amount, one.share) for one in shares] == expected
    assert shares[1].words == "failed, 1 try"
    assert shares[2].words == "lost, 2 tries"


def test_nothing_spent_has_no_shares() -> None:
    assert run_cost.shares({}, is_money=False) == ()


def test_what_used_nothing_yet_is_not_called_free() -> None:
    assert run_cost._by({"cost_usd": 0.0}) == ""
    assert run_cost._by({"cost_usd": 0.0, "output_tokens": 5}) == "free, by tokens"
