"""The engine's seams: what it needs of the world, as protocols. No framework, no HTTP."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from runs.domain.limits import RateHints
from runs.domain.plan import BranchSpec, CallSettings, Role
from runs.domain.policies import CallLimits
from runs.domain.results import Ask, CallsSoFar, Child, Completion, JoinCall, Outcome
from runs.domain.usage import Reservation, Usage
from runs.engine.state import AttemptState, BranchState, JoinState, RunState

OnPiece = Callable[[str], None]
"""Called with each piece of text as it arrives; the first call marks the first token."""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One call as a client sends it. `uuid` names the attempt (`Idempotency-Key`). `sample` tells
    calls with the same prompt apart: the place among its join's children."""

    prompt: str
    call: CallSettings
    limits: CallLimits
    uuid: str
    sample: int = 0


class ModelClient(Protocol):
    """One provider connection's calls. Shared by all runs of the process, used on its loop only."""

    async def complete(self, request: ModelRequest, on_piece: OnPiece) -> Completion:
        """Make the call; returns only with the provider's own end mark.

        Raises `domain.errors.CallError` for everything else, within `limits.deadline_s`. A
        `Throttled` carries `retry_after_s`. Being cancelled closes the request at once.
        """
        ...

    async def models(self) -> list[str]:
        """Names of the models on offer; raises `CallError`."""
        ...

    async def close(self) -> None: ...


class ClientFactory(Protocol):
    """Gives the client of a connection, made once a process and loop."""

    def __call__(self, connection: Mapping[str, object]) -> ModelClient: ...


class Permit(NamedTuple):
    """One call's way through a gate: its number under it, when it was let in (seconds of the
    gate's clock), and whether it goes out to see if the provider answers again."""

    number: int
    at: float
    is_probe: bool


class Limiter(Protocol):
    """The one gate in front of all calls under a (connection, model)."""

    @property
    def limit(self) -> int: ...

    @property
    def held_reason(self) -> str:
        """Why nobody may start now, in a few words; empty where only slots are awaited."""
        ...

    in_flight: int

    async def acquire(self) -> Permit:
        """Wait for a slot and for the rate limit, in order of asking."""
        ...

    def try_acquire(self) -> Permit | None:
        """A permit where a slot and the rate are free now and nobody waits; never waits itself."""
        ...

    def release(self, permit: Permit) -> None: ...

    def charge(self, tokens: int) -> None:
        """The call just let in may take so many tokens; negative: as many were not taken."""
        ...

    def answered(self, permit: Permit, hints: RateHints | None) -> None:
        """The provider took the call, whatever it thought of it."""
        ...

    def throttled(
        self, permit: Permit, retry_after_s: float | None, hints: RateHints | None
    ) -> float:
        """The provider asked for less; returns the seconds for which the gate is shut."""
        ...

    def failed(self, permit: Permit) -> bool:
        """An error that may pass; whether it counts against its branch."""
        ...

    def blocked_s(self) -> float:
        """Seconds so far in which the rate limit, not the slots, held somebody."""
        ...


class Planner(Protocol):
    """The plan of one run, seen from the engine."""

    def spec(self, join: JoinState, index: int) -> BranchSpec: ...

    def prompt(self, spec: BranchSpec) -> str:
        """The rendered prompt; raises `InvalidInput`."""
        ...

    def asked(self, join: JoinState, call: JoinCall) -> BranchSpec:
        """The spec of a call that a join asked for."""
        ...

    def next_wave(self, join: JoinState, children: Sequence[Child]) -> int:
        """How many more children to open, now that these, all that were opened, have ended; 0: no
        more are needed. Must follow from its arguments alone, so that a restart finds the same."""
        ...

    def aggregate(
        self, join: JoinState, children: Sequence[Child], calls: CallsSoFar
    ) -> Outcome | Ask: ...

    def read(self, join: JoinState, role: Role, text: str) -> str:
        """What the join reads from an answer, for display; empty where it reads nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Control:
    """The control columns: what people wish of the run."""

    cancel: bool = False
    hold: bool = False
    in_flight: int | None = None
    watched: Mapping[int, int] | None = None


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """A success that arrived after its lease was lost, for the new owner to adopt."""

    branch: int
    attempt: int
    text: str
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    sent_ms: int | None
    ended_ms: int
    cached_tokens: int | None = None
    is_cost_confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """One run's changed rows, to be committed together under one seq."""

    run_id: int
    fence: int
    seq: int
    run: RunState
    branches: Sequence[BranchState]
    attempts: Sequence[AttemptState]
    joins: Sequence[JoinState]
    answers: Sequence[tuple[int, str]]
    kpis: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Committed:
    """`late` not empty: nothing but the seq was written; adopt those and build the batch anew."""

    seq: int
    control: Control
    late: tuple[LateAnswer, ...] = ()


class StoreUnavailable(Exception):
    """The store cannot be written now; the same batch may be offered again."""


class Store(Protocol):
    async def turn(self) -> None:
        """Until a commit would begin at once: what changes meanwhile is in it."""
        ...

    async def commit(self, batch: Batch) -> Committed:
        """Write the batch. Raises `Fenced` where another owner has the run, `StoreUnavailable`
        where the store is away for now."""
        ...

    async def commit_late(self, run_id: int, late: LateAnswer) -> None:
        """Keep a paid answer of a run that is no longer ours."""
        ...


class Observer(Protocol):
    """Doorbells to whoever watches. Never awaited for, never needed."""

    def changed(self, run_id: int, seq: int) -> None: ...

    def text(self, run_id: int, chunks: list[tuple[int, int, int, str]]) -> None:
        """`chunks`: (branch, attempt, offset in characters, text)."""
        ...


class Clock(Protocol):
    def now_ms(self) -> int:
        """Milliseconds since the run's launch."""
        ...


class Figures(Protocol):
    """A run's KPIs: cheap ones with every commit, all of them at the end."""

    def ended(self, branch: BranchState, attempt: AttemptState) -> None: ...

    def live(self) -> Mapping[str, Any]: ...

    def final(self) -> Mapping[str, Any]: ...


class Money(Protocol):
    """Prices of a run, by connection and model."""

    def reservation(self, call: CallSettings, prompt: str) -> Reservation:
        """What the call can take at most."""
        ...

    def cost(self, call: CallSettings, usage: Usage) -> float | None:
        """US dollars of a call; None where its price or its usage is unknown."""
        ...

    def is_priced(self, call: CallSettings) -> bool: ...
