"""Checks on the join: what they say of branches that failed."""

from typing import Any

from runs.models import Run
from runs.presenters import run_checks


def failed(number: int, reason: str) -> dict[str, Any]:
    return {
        "number": number, "status": "failed", "role": "section", "reading": "", "reason": reason,
    }  # fmt: skip


def said(*reasons: str) -> list[str]:
    run = Run(pattern="sectioning", method="merge", spec={"on_failure": {"policy": "all"}})
    checks = run_checks._failed(run, [failed(n, reason) for n, reason in enumerate(reasons)])
    return [check.text for check in checks]


def test_why_branches_failed_is_told_once() -> None:
    assert said("Failed. 400: Refused.", "Failed after 3 tries. 400: Refused.") == [
        "2 branches failed; all are needed:",
        "Why: 400: Refused.",
    ]


def test_several_reasons_are_told_with_their_numbers_the_most_frequent_first() -> None:
    assert said("Failed. Slow.", "Failed. Cut.", "Failed after 2 tries. Cut.")[1:] == [
        "2 of them: Cut.",
        "1 of them: Slow.",
    ]


def test_where_nobody_said_why_nothing_is_made_up() -> None:
    assert said("") == ["1 branch failed; all are needed:"]
    assert said() == []
