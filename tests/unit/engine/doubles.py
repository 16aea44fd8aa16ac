"""A complete world for the engine, in memory: store, planner, clients, clock."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from runs.domain.errors import Fenced
from runs.domain.plan import BranchSpec, CallSettings, Role
from runs.domain.policies import Budget, CallLimits, FailurePolicy, OnFailure, RetryPolicy
from runs.domain.results import (
    Ask,
    CallKey,
    CallsSoFar,
    Child,
    ChildState,
    Completion,
    Contribution,
    ContributionKind,
    JoinCall,
    Outcome,
    OutcomeKind,
)
from runs.domain.states import AttemptStatus, RunStatus
from runs.domain.usage import Reservation, Usage
from runs.engine.coordinator import Coordinator
from runs.engine.protocols import Batch, Committed, Control, LateAnswer, ModelRequest
from runs.engine.state import AttemptState, BranchState, JoinState, RunState
from runs.execution.limiter import Gate

CALL = CallSettings(connection="c", model="m", max_tokens=10)
Reply = Callable[[ModelRequest, int], Awaitable[Completion]]


def completion(text: str = "yes", finish: str = "stop") -> Completion:
    return Completion(text, finish, Usage(5, 7))


async def say_yes(request: ModelRequest, nth: int) -> Completion:
    await asyncio.sleep(0)
    return completion()


@dataclass
class ScriptedClient:
    """Answers by `reply(request, how often this prompt came)`; keeps a ledger of requests."""

    reply: Reply = say_yes
    ledger: list[str] = field(default_factory=list)
    open: int = 0
    peak: int = 0

    async def complete(self, request: ModelRequest, on_piece: Callable[[str], None]) -> Completion:
        self.ledger.append(request.prompt)
        self.open += 1
        self.peak = max(self.peak, self.open)
        try:
            end = await self.reply(request, self.ledger.count(request.prompt))
            on_piece(end.text)
            return end
        finally:
            self.open -= 1

    async def models(self) -> list[str]:
        return ["m"]

    async def close(self) -> None:
        return None


class Patient(ScriptedClient):
    """Answers once told to; says when `calls` are open."""

    def __init__(self, calls: int) -> None:
        super().__init__(self._reply)
        self.are_open, self.may_answer = asyncio.Event(), asyncio.Event()
        self._calls = calls

    async def _reply(self, request: ModelRequest, nth: int) -> Completion:
        if self.open == self._calls:
            self.are_open.set()
        await self.may_answer.wait()
        return completion()


@dataclass
class MemoryStore:
    """Keeps what was committed; asserts that no attempt is sent before its intent is."""

    fence: int = 1
    seq: int = 0
    control: Control = field(default_factory=Control)
    statuses: list[RunStatus] = field(default_factory=list)
    attempts: dict[str, AttemptStatus] = field(default_factory=dict)
    branches: dict[int, str] = field(default_factory=dict)
    answers: dict[int, str] = field(default_factory=dict)
    late: list[LateAnswer] = field(default_factory=list)
    offered: list[LateAnswer] = field(default_factory=list)
    commits: int = 0
    fail: Callable[[], None] = lambda: None

    async def turn(self) -> None:
        return None

    async def commit(self, batch: Batch) -> Committed:
        self.fail()
        await asyncio.sleep(0)
        if batch.fence != self.fence:
            raise Fenced
        self.seq += 1
        self.commits += 1
        if self.offered:
            late, self.offered = tuple(self.offered), []
            return Committed(self.seq, self.control, late)
        if not self.statuses or self.statuses[-1] is not batch.run.status:
            self.statuses.append(batch.run.status)
        self.attempts |= {a.uuid: a.status for a in batch.attempts}
        self.branches |= {b.number: str(b.status) for b in batch.branches}
        self.answers |= dict(batch.answers)
        return Committed(self.seq, self.control)

    async def commit_late(self, run_id: int, late: LateAnswer) -> None:
        self.late.append(late)


@dataclass
class ListPlanner:
    """Concatenates; with `merge_after`, asks for one merge call first."""

    merges: bool = False

    def spec(self, join: JoinState, index: int) -> BranchSpec:
        return BranchSpec(index, Role.SECTION, f"part {index}", index, f"prompt {index}", CALL)

    def prompt(self, spec: BranchSpec) -> str:
        return spec.prompt

    def asked(self, join: JoinState, call: JoinCall) -> BranchSpec:
        return BranchSpec(call.key.index, call.key.role, call.label, 0, "", CALL)

    def next_wave(self, join: JoinState, children: Sequence[Child]) -> int:
        return join.children - len(children)

    def aggregate(
        self, join: JoinState, children: Sequence[Child], calls: CallsSoFar
    ) -> Outcome | Ask:
        contributions = tuple(
            Contribution(
                c.index,
                ContributionKind.USED
                if c.state is ChildState.ANSWERED
                else ContributionKind.FAILED
                if c.state is ChildState.FAILED
                else ContributionKind.MISSING,
                c.reason,
            )
            for c in children
        )
        key = CallKey(Role.MERGE, 1, 0)
        if self.merges and key not in calls:
            return Ask((JoinCall(key, "merge them", "merge"),))
        value = calls[key].text if self.merges else "+".join(c.text for c in children if c.text)
        return Outcome(OutcomeKind.JOINED, value, contributions)

    def read(self, join: JoinState, role: Role, text: str) -> str:
        return text


@dataclass
class TwoModels(ListPlanner):
    """Every other call goes to another model, through a lane of its own."""

    models: tuple[str, ...] = ("m0", "m1")

    def spec(self, join: JoinState, index: int) -> BranchSpec:
        spec = super().spec(join, index)
        call = replace(spec.call, model=self.models[index % len(self.models)])
        return replace(spec, call=call)


class StillClock:
    def now_ms(self) -> int:
        return int(asyncio.get_running_loop().time() * 1000)


@dataclass
class HandClock:
    """Time passes when somebody says so."""

    ms: int = 0

    def now_ms(self) -> int:
        return self.ms


class Silent:
    def changed(self, run_id: int, seq: int) -> None: ...

    def text(self, run_id: int, chunks: list[tuple[int, int, int, str]]) -> None: ...


class Counting:
    """Counts ended attempts."""

    def __init__(self) -> None:
        self.attempts: list[AttemptStatus] = []

    def ended(self, branch: BranchState, attempt: AttemptState) -> None:
        self.attempts.append(attempt.status)

    def live(self) -> Mapping[str, Any]:
        return {}

    def final(self) -> Mapping[str, Any]:
        return {}


@dataclass
class FlatPrice:
    """Every call is reserved at `reserve` US dollars and `tokens`, and costs `cost_usd`; None: its
    price is unknown."""

    reserve: float = 0.0
    cost_usd: float | None = 0.0
    tokens: int = 20

    def reservation(self, call: CallSettings, prompt: str) -> Reservation:
        return Reservation(self.reserve, self.tokens)

    def cost(self, call: CallSettings, usage: Usage) -> float | None:
        return None if usage.output_tokens is None else self.cost_usd

    def is_priced(self, call: CallSettings) -> bool:
        return self.cost_usd is not None


@dataclass
class World:
    """A run of `children` branches and everything around it."""

    children: int = 5
    on_failure: OnFailure = OnFailure.MARK_GAPS
    tries: int = 3
    limit: int = 3
    budget: Budget = field(default_factory=Budget)
    accept_cut: bool = False
    merges: bool = False
    hedge: float | None = None
    client: ScriptedClient = field(default_factory=ScriptedClient)
    store: MemoryStore = field(default_factory=MemoryStore)
    money: FlatPrice = field(default_factory=FlatPrice)
    figures: Counting = field(default_factory=Counting)
    planner: ListPlanner | None = None
    clock: StillClock | HandClock = field(default_factory=StillClock)
    make_gate: Callable[[int], Gate] = Gate

    def __post_init__(self) -> None:
        self.state = self._fresh()

    def _fresh(self) -> RunState:
        return RunState(
            id=1,
            fence=1,
            seq=0,
            status=RunStatus.QUEUED,
            policy=FailurePolicy(self.on_failure, 1),
            retry=RetryPolicy(tries=self.tries, base_s=0.0, most_s=0.0),
            limits=CallLimits(deadline_s=5),
            budget=self.budget,
            accept_cut=self.accept_cut,
            hedge=self.hedge,
            joins=[JoinState(0, None, 0, "", self.children, 0, True)],
        )

    def coordinator(self) -> Coordinator:
        self.gate = self.make_gate(self.limit)
        return Coordinator(
            self.state,
            planner=self.planner or ListPlanner(self.merges),
            store=self.store,
            observer=Silent(),
            money=self.money,
            clock=self.clock,
            figures=self.figures,
            gate=lambda connection, model: (self.gate, self.client),
        )

    def take_up(self) -> None:
        """The state as another owner loads it, once this one has given the run up."""
        left = self.state
        kept = ("spent_usd", "spent_tokens", "calls", "excess", "attempts", "seq")
        self.state = replace(self._fresh(), **{name: getattr(left, name) for name in kept})
        for branch in left.branches.values():
            self.state.add(branch)

    async def run(self) -> RunState:
        async with asyncio.timeout(10):
            await self.coordinator().work(Control())
        return self.state
