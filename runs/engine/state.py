"""A run in memory, as its coordinator holds it: mutable rows, moved only along TRANSITIONS."""

from dataclasses import dataclass, field

from runs.domain.plan import BranchSpec, Role
from runs.domain.policies import Budget, CallLimits, FailurePolicy, RetryPolicy
from runs.domain.results import CallKey, Child, ChildState, Outcome
from runs.domain.states import AttemptStatus, BranchStatus, JoinStatus, RunStatus, move
from runs.domain.usage import Usage

HELD_BY_PERSON, HELD_BY_PROVIDER = "person", "provider"


@dataclass(slots=True)
class AttemptState:
    """One request. Times in ms since the run's launch; money in US dollars."""

    branch: int
    number: int
    uuid: str
    ready_ms: int
    admitted_ms: int
    reserved_usd: float = 0.0
    reserved_tokens: int = 0
    status: AttemptStatus = AttemptStatus.SENT
    sent_ms: int | None = None
    first_token_ms: int | None = None
    ended_ms: int | None = None
    held_ms: int = 0
    held_reason: str = ""
    limited_ms: int | None = None  # see `AttemptFigures`
    short_ms: int = 0
    status_code: int | None = None
    retry_after_s: float | None = None
    error_kind: str = ""
    error: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cost_usd: float | None = None
    is_cost_confirmed: bool = False
    is_hedge: bool = False

    @property
    def usage(self) -> Usage:
        return Usage(self.input_tokens, self.output_tokens, self.cached_tokens)

    @property
    def tokens(self) -> int:
        """What it counts against a cap, now that it has ended: as reserved where the provider did
        not say, and nothing where nothing can have been charged."""
        if self.input_tokens is not None and self.output_tokens is not None:
            return self.input_tokens + self.output_tokens
        return 0 if self.is_cost_confirmed else self.reserved_tokens

    def become(self, status: AttemptStatus) -> None:
        self.status = move(self.status, status)


@dataclass(slots=True)
class BranchState:
    """One call of the plan or of a join, with its end."""

    number: int
    join: int
    role: Role
    index: int
    spec: BranchSpec
    level: int = 0
    pass_n: int = 1
    status: BranchStatus = BranchStatus.PENDING
    reason: str = ""
    error_kind: str = ""
    is_cut: bool = False
    tries: int = 0
    errors: int = 0
    ready_ms: int | None = None
    sent_ms: int | None = None
    first_token_ms: int | None = None
    ended_ms: int | None = None
    backoff_until_ms: int | None = None
    held_ms: int = 0
    trail: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    reading: str = ""
    input_hash: str = ""
    text: str = ""
    queued_ms: int = 0
    blocked_at_queue_s: float = 0.0

    @property
    def key(self) -> CallKey:
        return CallKey(self.role, self.level, self.index)

    def as_child(self) -> Child:
        state = _CHILD_STATES[self.status]
        return Child(
            index=self.index,
            label=self.spec.label,
            state=state,
            text=self.text,
            reason=self.reason,
            is_cut=self.is_cut,
            role=self.role,
            voter=self.spec.voter or self.spec.call.model,
        )


_CHILD_STATES = {
    BranchStatus.SUCCEEDED: ChildState.ANSWERED,
    BranchStatus.FAILED: ChildState.FAILED,
    BranchStatus.CANCELLED: ChildState.CANCELLED,
    BranchStatus.SPARED: ChildState.SPARED,
}


@dataclass(slots=True)
class JoinState:
    """An inner node. `opened` children are known by a number; `ended` of those are over.

    Children that are branches are opened in waves: `wanted` of them so far, in `rounds` waves.
    `is_settled`: no more are needed, and those that were never opened are spared. `is_stopped`: no
    more may be opened, for `stop_reason`; `is_given_up`: nor may what it asks for be called.
    `stops_at_loss`: a child join without a value stops it.
    `cost_usd` and `tokens` are those of ended children, of which `metered` had a known usage.
    """

    number: int
    parent: int | None
    position: int
    label: str
    children: int
    item: int
    branches_are_children: bool
    status: JoinStatus = JoinStatus.WAITING
    outcome: Outcome | None = None
    opened: int = 0
    ended: int = 0
    wanted: int = 0
    rounds: int = 0
    is_settled: bool = False
    is_stopped: bool = False
    is_given_up: bool = False
    stop_reason: str = ""
    stops_at_loss: bool = False
    cost_usd: float = 0.0
    tokens: int = 0
    metered: int = 0
    branches: dict[int, int] = field(default_factory=dict)  # child index → branch number
    asked: dict[CallKey, int] = field(default_factory=dict)  # asked call → branch number

    def become(self, status: JoinStatus) -> None:
        self.status = move(self.status, status)

    def count_ended(self, child: BranchState) -> None:
        """One more of its children is over."""
        self.ended += 1
        self.cost_usd += child.cost_usd or 0.0
        if child.output_tokens is not None:
            self.tokens += child.output_tokens + (child.input_tokens or 0)
            self.metered += 1

    @property
    def is_over(self) -> bool:
        return self.outcome is not None

    @property
    def to_come(self) -> int:
        """Calls it may yet lead to that no row tells of: its own, its unopened children."""
        if self.is_over:
            return 0
        is_closed = self.is_settled or self.is_stopped or not self.branches_are_children
        return 1 + (0 if is_closed else self.children - self.opened)

    @property
    def is_wave_over(self) -> bool:
        """All children wanted so far have ended."""
        is_begun = self.wanted > 0 or self.children == 0
        return is_begun and self.ended == self.opened >= self.wanted


@dataclass(slots=True)
class RunState:
    """The run's own row. `seq` is the number of the last commit that this owner made or saw."""

    id: int
    fence: int
    seq: int
    status: RunStatus
    policy: FailurePolicy
    retry: RetryPolicy
    limits: CallLimits
    budget: Budget
    pass_n: int = 1
    accept_cut: bool = False
    hedge: float | None = None  # second attempts of slow calls: their share of the calls
    in_flight_cap: int | None = None
    outcome: str = ""
    reason: str = ""
    ended_ms: int | None = None
    spent_usd: float = 0.0
    reserved_usd: float = 0.0
    spent_tokens: int = 0
    reserved_tokens: int = 0
    calls: int = 0
    in_flight: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    joins: list[JoinState] = field(default_factory=list)
    branches: dict[int, BranchState] = field(default_factory=dict)
    attempts: list[AttemptState] = field(default_factory=list)
    lost: list[AttemptState] = field(default_factory=list)  # open at the claim; not written yet
    adopted: list[BranchState] = field(default_factory=list)  # answered late; not written yet
    down_spans_ms: list[tuple[int, int]] = field(default_factory=list)
    held_spans_ms: list[tuple[int, int]] = field(default_factory=list)  # by a person
    quota_spans_ms: list[tuple[int, int]] = field(default_factory=list)  # by a provider
    held_since_ms: int | None = None
    held_by: str = ""  # whoever brought it about; a person ends it in either case
    excess: float = 1.0  # how many times its bound a call has taken: later ones reserve as much
    is_released: bool = False  # the last commit also gives up the lease

    def add(self, branch: BranchState) -> None:
        self.branches[branch.number] = branch
        self.counts[branch.status] = self.counts.get(branch.status, 0) + 1

    def move(self, branch: BranchState, status: BranchStatus) -> None:
        """The one way in which a branch changes its state, so that the counts stay true."""
        self.counts[branch.status] -= 1
        branch.status = move(branch.status, status)
        self.counts[status] = self.counts.get(status, 0) + 1

    @property
    def may_hold(self) -> bool:
        """A later pass is not held: its run has ended. It calls nothing more, and says why."""
        return self.pass_n == 1

    @property
    def next_step(self) -> str:
        """What a person may do once the matter of a hold is mended."""
        return "go on" if self.may_hold else "join again"

    @property
    def pending(self) -> int:
        return self.counts.get(BranchStatus.PENDING, 0)

    def become(self, status: RunStatus) -> None:
        if status is not self.status:
            self.status = move(self.status, status)

    @property
    def root(self) -> JoinState:
        return self.joins[0]
