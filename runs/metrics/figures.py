"""What the metrics are computed from: plain figures of attempts and of a run. Knows no rows.

Times are milliseconds since the run's launch, money is US dollars.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from runs.domain.plan import Role
from runs.domain.states import AttemptStatus

Span = tuple[int, int]
"""From, to in ms."""

SUCCESSES = frozenset({AttemptStatus.OK, AttemptStatus.LATE_OK})
JOIN_ROLES = frozenset({Role.MERGE, Role.JUDGE})


class AttemptFigures(NamedTuple):
    """One request of a branch. A named tuple, since a run may have a hundred thousand of them.

    `ready_ms` → `admitted_ms`: waiting for a slot, while the rate limit held its queue for
    `held_ms`. The last `limited_ms` of the wait are those in which it was the next one in its queue
    and the rate limit held it (None: not known, and `held_ms` stands for it), and the `short_ms`
    before those in which it was the next one and did not fit under the run's caps.
    `sent_ms` → `ended_ms`: the call; None where it was never sent, or is still open. `is_backoff`:
    the time since the branch's previous attempt was backoff, unless that one was throttled.
    `cost_usd` None where unknown: then it counts at `reserved_usd`. `is_confirmed`: False where
    `cost_usd` is such a reservation. `is_hedge`: sent beside another attempt of its branch.
    """

    branch: int
    role: str
    status: str
    ready_ms: int
    admitted_ms: int
    sent_ms: int | None
    first_token_ms: int | None
    ended_ms: int | None
    held_ms: int = 0
    limited_ms: int | None = None
    short_ms: int = 0
    is_backoff: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    reserved_usd: float = 0.0
    is_confirmed: bool = True
    error_kind: str = ""
    is_hedge: bool = False

    @property
    def was_sent(self) -> bool:
        """Whether a request may have left: a lost attempt may have, whatever its row says."""
        return self.sent_ms is not None or self.status == AttemptStatus.LOST

    @property
    def duration_ms(self) -> int:
        """From sending to its end; 0 while there is no end."""
        if self.sent_ms is None or self.ended_ms is None:
            return 0
        return max(self.ended_ms - self.sent_ms, 0)


@dataclass(frozen=True, slots=True)
class RunFigures:
    """A run, or a pass of it, from its launch to its end.

    wall_ms: from launch to end, with everything between. limit_in_flight: slots, None where
    unknown. quality: figures of the root's outcome. is_private: all calls went to a model on this
    machine. baseline: a measured one-by-one sample, see `metrics.baseline`. held_spans_ms: held by
    a person, taken off the wall. quota_spans_ms: held by a used-up quota or too dear a reply,
    part of the wall. down_spans_ms: no process worked on the run. outage_spans_ms: a provider
    answered nobody.
    """

    wall_ms: int
    attempts: Sequence[AttemptFigures]
    limit_in_flight: int | None = None
    quality: Mapping[str, Any] = field(default_factory=dict)
    is_private: bool = False
    baseline: Mapping[str, Any] | None = None
    held_spans_ms: Sequence[Span] = ()
    quota_spans_ms: Sequence[Span] = ()
    down_spans_ms: Sequence[Span] = ()
    outage_spans_ms: Sequence[Span] = ()
