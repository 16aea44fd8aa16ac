"""A run's money: what its open calls reserve, what its ended ones cost, and the caps on both.

Knows nothing of how a call is made or of what its end means for the branch.
"""

from runs.domain.errors import CallError
from runs.engine.protocols import Money
from runs.engine.state import AttemptState, BranchState, RunState


class Account:
    def __init__(self, run: RunState, money: Money) -> None:
        self._run = run
        self._money = money

    def fits(self, reservation_usd: float) -> bool:
        """Whether one more call stays under the caps on money and calls."""
        run, budget = self._run, self._run.budget
        if budget.calls is not None and run.calls >= budget.calls:
            return False
        committed = run.spent_usd + run.reserved_usd
        return budget.cost_usd is None or committed + reservation_usd <= budget.cost_usd

    def reserve(self, attempt: AttemptState) -> None:
        self._run.reserved_usd += attempt.reserved_usd
        self._run.calls += 1

    def settle(self, branch: BranchState, attempt: AttemptState, *, is_charged: bool) -> None:
        """Turn the reservation into what was spent; an unknown price of a call counts in full."""
        cost = self._money.cost(branch.spec.call, attempt.input_tokens, attempt.output_tokens)
        attempt.is_cost_confirmed = cost is not None or not is_charged
        if cost is None:
            cost = attempt.reserved_usd if is_charged else 0.0
        attempt.cost_usd = cost
        branch.cost_usd = (branch.cost_usd or 0.0) + cost
        self._run.reserved_usd = max(self._run.reserved_usd - attempt.reserved_usd, 0.0)
        self._run.spent_usd += cost

    def late_cost_usd(
        self,
        branch: BranchState,
        attempt: AttemptState,
        input_tokens: int | None,
        output_tokens: int | None,
    ) -> float:
        """What a call cost whose run is no longer ours."""
        cost = self._money.cost(branch.spec.call, input_tokens, output_tokens)
        return attempt.reserved_usd if cost is None else cost


def is_charged(error: CallError) -> bool:
    """Whether the provider may ask money for a call that ended so. A refusal costs nothing."""
    return error.was_sent and (error.status_code is None or error.status_code < 400)
