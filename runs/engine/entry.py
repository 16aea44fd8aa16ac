"""A call that its gate let in, and what the gate is told of its end."""

from typing import NamedTuple

from runs.domain.errors import (
    BadReply,
    CallError,
    DeadlineExceeded,
    ProviderUnavailable,
    Throttled,
)
from runs.domain.plan import CallSettings
from runs.domain.results import Completion
from runs.engine.admission import Lane
from runs.engine.protocols import Permit
from runs.engine.state import BranchState

CHARACTERS_A_TOKEN = 4  # an estimate for the pace, corrected at the end of the call


class Entry(NamedTuple):
    """A call that its gate let in: the lane it came from, its permit, and the tokens charged."""

    lane: Lane
    permit: Permit
    tokens: int

    @classmethod
    def into(cls, lane: Lane, permit: Permit, prompt: str, branch: BranchState) -> "Entry":
        tokens = expected_tokens(prompt, branch.spec.call)
        lane.limiter.charge(tokens)
        return cls(lane, permit, tokens)

    def take_back(self) -> None:
        """The call is not made after all."""
        self.lane.limiter.charge(-self.tokens)

    def leave(self) -> None:
        self.lane.limiter.release(self.permit)

    def tell(self, end: Completion | CallError | None) -> bool:
        """Tell the gate how the call ended, before its slot is free; whether an error counts."""
        limiter = self.lane.limiter
        if end is None:
            return True
        if (usage := end.usage) is not None and usage.output_tokens is not None:
            limiter.charge((usage.input_tokens or 0) + usage.output_tokens - self.tokens)
        if isinstance(end, Throttled):
            limiter.throttled(self.permit, end.retry_after_s, end.hints)
            return False
        if isinstance(end, ProviderUnavailable | DeadlineExceeded):
            return limiter.failed(self.permit)
        if not isinstance(end, BadReply):  # which says neither that it serves nor that it does not
            limiter.answered(self.permit, end.hints)
        return True


def expected_tokens(prompt: str, call: CallSettings) -> int:
    """What a provider charges a call against its limit when it takes it."""
    return (len(prompt) + len(call.system)) // CHARACTERS_A_TOKEN + call.max_tokens
