"""A run's money and tokens: what its open calls reserve, what its ended ones took, and the caps.

Knows nothing of how a call is made or of what its end means for the branch.
"""

from runs.domain.errors import CallError
from runs.domain.plan import CallSettings
from runs.domain.policies import Budget
from runs.domain.states import AttemptStatus
from runs.domain.usage import Reservation, Usage
from runs.engine.protocols import LateAnswer, Money
from runs.engine.state import AttemptState, BranchState, RunState

PLACES = 12  # of dollars: sums of prices a million tokens stay exact, and 0.1 + 0.2 is 0.3


class Account:
    def __init__(self, run: RunState, money: Money) -> None:
        self._run = run
        self._money = money

    def reservation(self, call: CallSettings, prompt: str) -> Reservation:
        """What the call can take at most; more than its bound where others have passed theirs."""
        bound, excess = self._money.reservation(call, prompt), self._run.excess
        if excess == 1:
            return bound
        return Reservation(_sum(bound.cost_usd * excess), round(bound.tokens * excess))

    def full(self, wanted: Reservation, *, calls: int = 1) -> str:
        """The cap that so many more calls could pass, in words; empty where they fit under all."""
        run, budget = self._run, self._run.budget
        if budget.calls is not None and run.calls + calls > budget.calls:
            return f"cap of {budget.calls:,} calls"
        tokens = run.spent_tokens + run.reserved_tokens + wanted.tokens
        if budget.tokens is not None and tokens > budget.tokens:
            return f"cap of {budget.tokens:,} tokens"
        cost_usd = _sum(run.spent_usd, run.reserved_usd, wanted.cost_usd)
        if budget.cost_usd is not None and cost_usd > _sum(budget.cost_usd):
            return f"cap of ${budget.cost_usd:,g}"
        return ""

    def spares(self, call: AttemptState) -> bool:
        """Whether the caps leave room for one more such call besides all that is still to come:
        the branches, priced like this call, and one call for each open join."""
        if self._run.budget == Budget():
            return True
        calls = 1 + self._run.pending + sum(join.to_come for join in self._run.joins)
        wanted = Reservation(calls * call.reserved_usd, calls * call.reserved_tokens)
        return not self.full(wanted, calls=calls)

    def reserve(self, attempt: AttemptState) -> None:
        run = self._run
        run.reserved_usd = _sum(run.reserved_usd, attempt.reserved_usd)
        run.reserved_tokens += attempt.reserved_tokens
        run.calls += 1

    def settle(self, branch: BranchState, attempt: AttemptState, *, is_charged: bool) -> None:
        """Turn the reservation into what was spent; unknown usage of a call counts in full."""
        run, cost = self._run, self._money.cost(branch.spec.call, attempt.usage)
        attempt.is_cost_confirmed = cost is not None or not is_charged
        if cost is None:
            cost = self._unknown(branch, attempt) if is_charged else 0.0
        attempt.cost_usd = cost
        if cost is not None:
            branch.cost_usd = _sum(branch.cost_usd or 0.0, cost)
        run.reserved_usd = max(_sum(run.reserved_usd, -attempt.reserved_usd), 0.0)
        run.reserved_tokens = max(run.reserved_tokens - attempt.reserved_tokens, 0)
        run.spent_usd = _sum(run.spent_usd, cost or 0.0)
        run.spent_tokens += attempt.tokens
        run.excess = max(run.excess, run.excess * self._excess(attempt))

    def late_cost(
        self, branch: BranchState, attempt: AttemptState, usage: Usage
    ) -> tuple[float | None, bool]:
        """What a call cost whose run is no longer ours, and whether that is known."""
        cost = self._money.cost(branch.spec.call, usage)
        return (self._unknown(branch, attempt), False) if cost is None else (cost, True)

    def adopt(self, branch: BranchState, late: LateAnswer) -> None:
        """A call that counted at its reservation turned out to have answered."""
        key = late.branch, late.attempt
        for attempt in self._run.attempts:
            if (attempt.branch, attempt.number) == key:
                attempt.become(AttemptStatus.LATE_OK)
                self._correct(branch, attempt, late)

    def _correct(self, branch: BranchState, attempt: AttemptState, late: LateAnswer) -> None:
        run, before_usd, before = self._run, attempt.cost_usd or 0.0, attempt.tokens
        attempt.input_tokens, attempt.output_tokens = late.input_tokens, late.output_tokens
        attempt.cached_tokens = late.cached_tokens
        attempt.cost_usd, attempt.is_cost_confirmed = late.cost_usd, late.is_cost_confirmed
        change_usd = (late.cost_usd or 0.0) - before_usd
        run.spent_usd = max(_sum(run.spent_usd, change_usd), 0.0)
        run.spent_tokens = max(run.spent_tokens + attempt.tokens - before, 0)
        if branch.cost_usd is not None or late.cost_usd is not None:
            branch.cost_usd = max(_sum(branch.cost_usd or 0.0, change_usd), 0.0)

    def surprise(self, branch: BranchState, attempt: AttemptState) -> str:
        """What is wrong where a call took more than it could at most; empty where it did not."""
        if self._excess(attempt) <= 1:
            return ""
        where, then = f"A call on “{branch.spec.call.connection}”", self._run.next_step
        if self._run.may_hold:
            then += ": later calls hold as much back"
        if (attempt.cost_usd or 0.0) > attempt.reserved_usd:
            return (
                f"{where} cost ${attempt.cost_usd:.3g}, and could cost ${attempt.reserved_usd:.3g} "
                "at most: its longest answer or its price is not kept there. Check both, then "
                f"{then}."
            )
        return (
            f"{where} took {attempt.tokens:,} tokens, and could take {attempt.reserved_tokens:,} "
            f"at most: its longest answer is not kept there. Check it, then {then}."
        )

    def _unknown(self, branch: BranchState, attempt: AttemptState) -> float | None:
        return attempt.reserved_usd if self._money.is_priced(branch.spec.call) else None

    def _excess(self, attempt: AttemptState) -> float:
        """How many times what it could take at most a call took. Tokens matter under a cap."""
        ratio = 0.0
        if attempt.reserved_usd > 0 and attempt.cost_usd is not None:
            ratio = _sum(attempt.cost_usd) / _sum(attempt.reserved_usd)
        if attempt.reserved_tokens > 0 and self._run.budget.tokens is not None:
            ratio = max(ratio, attempt.tokens / attempt.reserved_tokens)
        return ratio


def is_charged(error: CallError) -> bool:
    """Whether the provider may ask money for a call that ended so. A refusal costs nothing."""
    return error.was_sent and (error.status_code is None or error.status_code < 400)


def _sum(*dollars: float) -> float:
    return round(sum(dollars), PLACES)
