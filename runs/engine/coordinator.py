"""The one owner of a run: opens waves, admits calls, settles joins, ends the run.

Everything happens on one loop, so that no lock is needed. It ends when the run has ended, was
handed back, or was lost to another owner.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from runs.domain.errors import Fenced, InvalidInput, QuotaExhausted
from runs.domain.plan import CHILD_ROLES
from runs.domain.policies import OnFailure
from runs.domain.results import Outcome, OutcomeKind, ended_status
from runs.domain.states import ENDED_RUN, BranchStatus, JoinStatus, RunStatus
from runs.engine.account import Account
from runs.engine.admission import Lane, Room
from runs.engine.calls import Calls
from runs.engine.ends import Ends
from runs.engine.joining import Joining
from runs.engine.journal import Journal
from runs.engine.livetext import LiveText
from runs.engine.protocols import (
    Clock,
    Control,
    Figures,
    LateAnswer,
    Limiter,
    ModelClient,
    Money,
    Observer,
    Permit,
    Planner,
    Store,
)
from runs.engine.state import (
    HELD_BY_PERSON,
    HELD_BY_PROVIDER,
    AttemptState,
    BranchState,
    JoinState,
    RunState,
)
from runs.engine.stops import Stops

log = logging.getLogger(__name__)

Gate = Callable[[str, str], tuple[Limiter, ModelClient]]
"""The limiter and the client of a (connection, model)."""


class Coordinator:
    def __init__(
        self,
        run: RunState,
        *,
        planner: Planner,
        store: Store,
        observer: Observer,
        money: Money,
        clock: Clock,
        figures: Figures,
        gate: Gate,
    ) -> None:
        self.run = run
        self._planner = planner
        self._money = money
        self._clock = clock
        self._figures = figures
        self._gate = gate
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._room = Room(run.in_flight_cap)
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_ending = False
        self._is_hold_wanted = False
        self._why_no_more = ""  # calls, in a pass that cannot be held
        self._texts = LiveText(run.id, observer, clock)
        self._journal = Journal(
            run,
            store,
            observer,
            kpis=self._live,
            on_control=self.control,
            on_late=self._adopt,
            on_committed=self._committed,
        )
        self._account = Account(run, money)
        self._ends = Ends(
            run, journal=self._journal, account=self._account, clock=clock, read=self._read,
            on_end=self._attempt_ended, on_aside=figures.ended,
        )  # fmt: skip
        self._calls = Calls(
            run, ends=self._ends, journal=self._journal, room=self._room, store=store,
            account=self._account, clock=clock, texts=self._texts, on_broken=self._fail,
            is_wanted=lambda branch: not run.joins[branch.join].is_given_up,
        )  # fmt: skip
        self._joining = Joining(
            run,
            planner,
            self._journal,
            on_open=self._queue,
            on_loss=self._stop_below,
            on_over=lambda join: self._stops.stop(join, "not needed: its join had ended"),
            on_root=self._root_ended,
        )
        self._stops = Stops(
            run, journal=self._journal, calls=self._calls, joining=self._joining, clock=clock
        )

    # -- life ------------------------------------------------------------------------------

    async def work(self, control: Control) -> None:
        """Raises `Fenced` where another owner took the run, and whatever broke."""
        try:
            self._resume(control)
            await asyncio.sleep(0)  # the lanes admit: the first commit brings the first intents
            self._spawn(self._journal.work())
            await self._over
        except Fenced:
            self._calls.is_lost = True
            self._shut()
            await self._calls.close(self.run.limits.deadline_s)
            raise
        finally:
            self._shut()
            self._calls.abort_all()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _resume(self, control: Control) -> None:
        """Take up the run where its rows say it stands; a fresh run stands at its start."""
        if self.run.status is not RunStatus.CANCELLING:
            self.run.become(RunStatus.RUNNING)
        self._journal.found()
        for branch in self.run.branches.values():
            self._joining.place(self.run.joins[branch.join], branch)
            if branch.status is BranchStatus.RUNNING:
                self.run.move(branch, BranchStatus.PENDING)
                self._journal.branch(branch)
        known = list(self.run.branches.values())
        self._joining.open_missing()
        self.control(control)
        if self._is_ending:
            return
        for branch in known:
            self._heed_failure(branch)
        self._joining.recall_waves()
        self._joining.settle_all()
        if self._is_ending:
            return
        for branch in known:  # those opened since are queued already
            if branch.status is BranchStatus.PENDING and not self.run.joins[branch.join].is_over:
                self._queue_in_time(branch)
        self._joining.open_waves()

    def control(self, control: Control) -> None:
        """Heed the control columns; called with every commit and each second."""
        if control.watched is not None:
            self._texts.watch(control.watched)
        if control.in_flight is not None and control.in_flight != self._room.cap:
            self._room.set_cap(control.in_flight)
        self._is_hold_wanted = control.hold
        if self._is_ending:
            if control.cancel:  # whoever takes it up next cancels it: no call is waited for
                self._calls.abort_all()
            return
        if control.cancel or self.run.status is RunStatus.CANCELLING:
            self._end_by(self._cancel())
        elif control.hold:
            self._end_by(self._give_up(RunStatus.HELD, self.run.limits.deadline_s))

    async def hand_back(self, grace_s: float) -> None:
        """Stop admitting, let open calls end for `grace_s`, and leave the run to others."""
        if not self._is_ending:
            self._end_by(self._give_up(RunStatus.QUEUED, grace_s))
        with contextlib.suppress(Exception):
            await asyncio.shield(self._over)

    def _live(self) -> dict[str, Any]:
        reasons = (lane.held_reason for lane in self._lanes.values())
        reason = "" if self._is_ending else next(filter(None, reasons), "")
        return {**self._figures.live(), "held_reason": reason}

    def fenced(self) -> None:
        """Somebody else holds the run now."""
        self._fail(Fenced())

    def _committed(self) -> None:
        self._joining.committed()

    # -- branches --------------------------------------------------------------------------

    def _queue(self, branch: BranchState) -> None:
        now = self._clock.now_ms()
        if branch.ready_ms is None:
            branch.ready_ms = now
        is_under_way = self.run.joins[branch.join].rounds > 1
        self._lane(branch).push(branch, now, first=is_under_way)

    def _queue_in_time(self, branch: BranchState) -> None:
        """After a restart: a backoff that was begun is waited out."""
        wait_ms = (branch.backoff_until_ms or 0) - self._clock.now_ms()
        if wait_ms > 0:
            self._ends.later(self._lane(branch), branch, wait_ms / 1000)
        else:
            self._queue(branch)

    def _lane(self, branch: BranchState) -> Lane:
        key = (branch.spec.call.connection, branch.spec.call.model)
        if key not in self._lanes:
            limiter, client = self._gate(*key)
            self._lanes[key] = Lane(limiter, client, self._room, self._admit, self._clock.now_ms)
            self._spawn(self._lanes[key].work())
        return self._lanes[key]

    def _admit(self, lane: Lane, branch: BranchState, permit: Permit) -> bool:
        """Start the branch; False where it must wait for money now taken by open calls."""
        if self._calls.is_shut:
            return False
        if (join := self.run.joins[branch.join]).is_given_up:
            lane.limiter.release(permit)
            self._stops.call_off(branch)
            self._joining.settle(join)
            return True
        try:
            prompt = self._joining.prompts.get(branch.number) or self._planner.prompt(branch.spec)
            reservation = self._account.reservation(branch.spec.call, prompt)
        except BaseException as error:
            lane.limiter.release(permit)
            if not isinstance(error, InvalidInput):
                raise
            self._refuse(branch, error)
            return True
        if not (cap := self._why_no_more or self._account.full(reservation)):
            self._calls.start(lane, branch, prompt, reservation, permit)
            self._joining.admitted()
            return True
        if self._room.in_flight:
            lane.short_of = "" if self._why_no_more else cap
            return False
        lane.limiter.release(permit)
        self._call_no_more(cap)
        return True

    def _refuse(self, branch: BranchState, error: InvalidInput) -> None:
        """End a branch whose prompt cannot be written; nothing was sent."""
        branch.ended_ms = self._clock.now_ms()
        branch.error_kind, branch.reason = "template", error.message[:300]
        self.run.move(branch, BranchStatus.RUNNING)
        self.run.move(branch, BranchStatus.FAILED)
        self._branch_ended(branch)
        self._joining.admitted()

    def _attempt_ended(self, branch: BranchState, attempt: AttemptState) -> None:
        self._figures.ended(branch, attempt)
        if (reason := self._why_hold(branch, attempt)) and not self.run.may_hold:
            self._why_no_more = self.run.reason = reason
        if branch.status is not BranchStatus.PENDING:
            self._branch_ended(branch)
        elif self.run.joins[branch.join].is_given_up:
            self._stops.call_off(branch)
            self._joining.settle(self.run.joins[branch.join])
        self._joining.admitted()  # a stop may have taken all that waited
        if reason and self.run.may_hold and not self._is_ending:
            self._shut()
            self._end_by(self._give_up(RunStatus.HELD, self.run.limits.deadline_s, reason))

    def _why_hold(self, branch: BranchState, attempt: AttemptState) -> str:
        """Why no call may start before a person goes on; empty where nothing is the matter."""
        if attempt.error_kind == QuotaExhausted.kind:
            return QuotaExhausted.held(branch.spec.call.connection, self.run.next_step)
        return self._account.surprise(branch, attempt)

    def _branch_ended(self, branch: BranchState) -> None:
        self._journal.branch(branch)
        self._heed_failure(branch)
        self._joining.branch_ended(branch)

    def _heed_failure(self, branch: BranchState) -> None:
        is_lost_child = branch.status is BranchStatus.FAILED and branch.role in CHILD_ROLES
        if is_lost_child and self.run.policy.on_failure is OnFailure.STOP:
            name = branch.spec.label or f"branch {branch.number + 1}"
            self._stops.stop(self.run.joins[branch.join], f"stopped: {name} failed")

    def _call_no_more(self, cap: str) -> None:
        """Nothing is in flight and the next call may not start: join what there is."""
        if self._why_no_more:
            self._stops.stop_all(self._why_no_more)
            return
        self.run.reason = f"The run's {cap} was reached; what is missing was not called."
        self._stops.stop_all(f"budget: the {cap} was reached")

    def _stop_below(self, parent: JoinState, reason: str) -> None:
        self._stops.stop_below(parent, reason)

    def _read(self, branch: BranchState) -> str:
        return self._planner.read(self.run.joins[branch.join], branch.role, branch.text)

    def _adopt(self, late: LateAnswer) -> None:
        """Take over a paid answer that came after its lease was lost."""
        branch = self.run.branches.get(late.branch)
        if branch is None or branch.status is not BranchStatus.PENDING:
            return
        self._account.adopt(branch, late)
        branch.text = late.text
        branch.input_tokens, branch.output_tokens = late.input_tokens, late.output_tokens
        branch.sent_ms, branch.ended_ms = late.sent_ms, late.ended_ms
        branch.reading = self._read(branch)
        self.run.move(branch, BranchStatus.SUCCEEDED)
        self._branch_ended(branch)

    # -- ends ------------------------------------------------------------------------------

    def _root_ended(self) -> None:
        if not self._is_ending:
            self._end_by(self._finish(self.run.root.outcome))

    async def _finish(self, root: Outcome | None) -> None:
        if root is None:
            return
        self.run.outcome = root.kind
        self.run.reason = self.run.reason or root.detail[:300]
        self._calls.shut()
        await self._calls.close(0)  # what a failed join no longer needs
        await self._release(self._status(root.kind))

    def _status(self, kind: OutcomeKind) -> RunStatus:
        outcomes = (join.outcome for join in self.run.joins if join.outcome)
        return ended_status(kind, (c.kind for o in outcomes for c in o.contributions))

    async def _cancel(self) -> None:
        """Acknowledged with the commit of `cancelling`: after it no call starts."""
        self.run.become(RunStatus.CANCELLING)
        self._shut()
        self._journal.run()
        await self._journal.flush()
        await self._calls.close(0)
        for branch in list(self.run.branches.values()):
            if branch.status is BranchStatus.PENDING:
                self._stops.call_off(branch)
        for join in self.run.joins:
            if not join.is_over:
                join.become(JoinStatus.CANCELLED)
                self._journal.join(join)
        await self._release(RunStatus.CANCELLED)

    async def _give_up(self, status: RunStatus, grace_s: float, reason: str = "") -> None:
        """`reason`: of a hold that nobody asked for."""
        self.run.reason = reason
        self._shut()
        await self._calls.close(grace_s)
        if status is RunStatus.HELD and not (reason or self._is_hold_wanted):
            status = RunStatus.QUEUED  # taken back while the open calls were waited for
        if status is RunStatus.HELD:
            self.run.held_since_ms = self._clock.now_ms()
            self.run.held_by = HELD_BY_PROVIDER if reason else HELD_BY_PERSON
        await self._release(status)

    async def _release(self, status: RunStatus) -> None:
        """The last commit: the run's end (or pause) and its lease, given up."""
        self._shut()
        await self._journal.thin()
        self.run.become(status)
        if status in ENDED_RUN:
            self.run.ended_ms = self._clock.now_ms()
            self._figures.final()
        self.run.is_released = True
        self._journal.run()
        await self._journal.flush()
        if not self._over.done():
            self._over.set_result(None)

    def _shut(self) -> None:
        """Admit nothing, try nothing again, settle nothing."""
        self._is_ending = True
        self._joining.is_shut = True
        self._calls.shut()

    def _end_by(self, way: Coroutine[Any, Any, None]) -> None:
        self._is_ending = True
        self._spawn(way)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not self._over.done():
            self._over.set_exception(error)
