"""What was paid for and not used, by cause. Knows no rows.

A request is wasted where its answer does not count. Why, in one word, is one of `CAUSES`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runs.domain.states import AttemptStatus
from runs.metrics.figures import AttemptFigures

CAUSES = ("failed", "superseded", "aborted", "hedge", "lost")
HEDGE = "hedge"  # the error kind of a request whose twin was quicker


@dataclass(slots=True)
class Spent:
    calls: int = 0
    tokens: int = 0
    usd: float = 0.0

    def add(self, other: "Spent") -> None:
        self.calls += other.calls
        self.tokens += other.tokens
        self.usd += other.usd


class Wasted:
    """Grows with each ended attempt. An error counts as failed until its branch succeeds: then a
    later attempt has superseded it."""

    def __init__(self) -> None:
        self._by_cause: dict[str, Spent] = {}
        self._failed: dict[int, Spent] = {}  # by branch without a success so far

    def add(self, attempt: AttemptFigures, cost_usd: float, *, is_answered: bool) -> None:
        """`is_answered`: another attempt of the branch has succeeded."""
        spent = Spent(1, (attempt.input_tokens or 0) + (attempt.output_tokens or 0), cost_usd)
        found = cause(attempt.status, attempt.error_kind, is_answered=is_answered)
        if found == "failed":
            self._failed.setdefault(attempt.branch, Spent()).add(spent)
        self._under(found).add(spent)

    def supersede(self, branch: int) -> None:
        """The branch has succeeded: what failed before was not its end."""
        spent = self._failed.pop(branch, None)
        if spent is not None:
            self._under("failed").add(Spent(-spent.calls, -spent.tokens, -spent.usd))
            self._under("superseded").add(spent)

    def by_cause(self, *, is_priced: bool) -> Mapping[str, Mapping[str, Any]]:
        """Of the causes that occurred: requests, tokens, and dollars where prices are known."""
        return {
            name: {
                "calls": spent.calls,
                "tokens": spent.tokens,
                "usd": round(max(spent.usd, 0.0), 10) if is_priced else None,
            }
            for name in CAUSES
            if (spent := self._by_cause.get(name)) is not None and spent.calls
        }

    def _under(self, name: str) -> Spent:
        return self._by_cause.setdefault(name, Spent())


def cause(status: str, error_kind: str, *, is_answered: bool) -> str:
    """Why an attempt that is not its branch's answer was for nothing."""
    if status == AttemptStatus.LOST:
        return "lost"
    if status == AttemptStatus.ABORTED:
        return "hedge" if error_kind == HEDGE else "aborted"
    return "superseded" if is_answered else "failed"
