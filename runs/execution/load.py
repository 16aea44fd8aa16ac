"""A claimed run's rows, as the engine's state: where the run stands, whoever worked on it before.

An attempt without an end is `lost` and counted at its reservation. A finished branch keeps its
answer and is never called again.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from runs.domain.errors import Fenced, QuotaExhausted
from runs.domain.plan import Item, PlannedJoin, Role
from runs.domain.policies import Budget, CallLimits, FailurePolicy, OnFailure, RetryPolicy
from runs.domain.results import (
    FAILED_OUTCOMES,
    Contribution,
    ContributionKind,
    Outcome,
    OutcomeKind,
)
from runs.domain.states import ENDED_JOIN, AttemptStatus, BranchStatus, JoinStatus, RunStatus
from runs.engine import trail
from runs.engine.account import PLACES
from runs.engine.protocols import Control
from runs.engine.state import HELD_BY_PROVIDER, AttemptState, BranchState, JoinState, RunState
from runs.execution import again, recordings
from runs.execution.lease import Claim
from runs.execution.outages import of_outages, spans_ms
from runs.execution.planner import RunPlanner
from runs.execution.rows import watched_of
from runs.models import (
    Answer,
    Attempt,
    Branch,
    Connection,
    Join,
    LimiterState,
    Run,
    row_id,
)
from runs.models import (
    Item as ItemRow,
)
from runs.models import (
    Outcome as OutcomeRow,
)
from runs.planning import again as changing
from runs.planning import build
from runs.planning import configuration as configurations


@dataclass(frozen=True, slots=True)
class LoadedConnection:
    """A connection as its client needs it. `mapping` carries the key: never log or store it."""

    id: int
    mapping: Mapping[str, Any] = field(repr=False)
    in_flight: int
    calls_per_minute: int | None
    tokens_per_minute: int | None
    is_private: bool
    prices: Mapping[str, Any]
    not_before: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class Loaded:
    state: RunState
    planner: RunPlanner
    control: Control
    launched_at: datetime
    connections: Mapping[str, LoadedConnection]
    baseline: Mapping[str, Any]
    outages_ms: list[tuple[int, int]]


def load(claimed: Claim) -> Loaded:
    """Read the run's rows. Raises `Fenced` where the run is gone or taken."""
    run = Run.objects.filter(id=claimed.run_id, fence=claimed.fence).first()
    if run is None or run.launched_at is None:
        raise Fenced
    configuration = changing.changed(run.spec, again.settings_of(claimed))
    planned = [row.planned() for row in Join.objects.filter(run=run).order_by("number")]
    planner = RunPlanner(
        configuration, planned, _items(run), is_priced=_is_priced(run, configuration)
    )
    state = _run_state(run, claimed, configuration)
    state.joins = [_join_state(join, configuration) for join in planned]
    _load_outcomes(run, state, planner)
    _load_branches(run, state, planner)
    if state.pass_n > 1:
        again.settle(state, again.unopened(run))
    _load_attempts(run, state, planner)
    _load_pauses(run, state)
    return Loaded(
        state=state,
        planner=planner,
        control=Control(
            run.cancel_wanted, run.hold_wanted, run.in_flight_wanted, watched_of(run.watched)
        ),
        launched_at=run.launched_at,
        connections={name: _connection(frozen) for name, frozen in run.connections.items()},
        baseline=run.baseline,
        outages_ms=spans_ms(run, _now_ms(run)),
    )


def _run_state(run: Run, claimed: Claim, c: configurations.Configuration) -> RunState:
    is_again = claimed.pass_n > 1
    return RunState(
        id=run.id,
        fence=claimed.fence,
        seq=claimed.seq,
        pass_n=claimed.pass_n,
        status=RunStatus.QUEUED if is_again else RunStatus(run.status),
        # A later pass reads its own attempts only: the others' money is in the run's row.
        spent_usd=run.spent_usd if is_again else 0.0,
        spent_tokens=run.spent_tokens if is_again else 0,
        calls=run.calls if is_again else 0,
        policy=FailurePolicy(c.on_failure.policy, c.on_failure.least),
        retry=RetryPolicy(tries=c.limits.tries),
        limits=CallLimits(deadline_s=c.limits.deadline_s),
        budget=Budget(run.budget_usd, run.budget_calls, run.budget_tokens),
        accept_cut=c.call.accept_cut,
        hedge=c.limits.hedge,
        in_flight_cap=run.in_flight_wanted or c.limits.in_flight,
    )


def _items(run: Run) -> dict[int, Item]:
    rows = ItemRow.objects.filter(run=run).values_list("number", "label", "fields", "gold")
    return {number: Item(number, label, fields, gold) for number, label, fields, gold in rows}


def _is_priced(run: Run, configuration: configurations.Configuration) -> bool:
    """Whether the price of every branch's call was known at the launch."""
    calls = build.Branches(configuration).calls
    return all(run.is_priced(call.connection, call.model) for call in calls)


def _join_state(join: PlannedJoin, configuration: configurations.Configuration) -> JoinState:
    each = configuration.each
    return JoinState(
        number=join.index,
        parent=join.parent,
        position=join.position,
        label=join.label,
        children=join.children,
        item=join.item,
        branches_are_children=join.branches_are_children,
        stops_at_loss=(
            not join.branches_are_children
            and each is not None
            and each.on_failure.policy is OnFailure.STOP
        ),
    )


def _load_outcomes(run: Run, state: RunState, planner: RunPlanner) -> None:
    """Joins that ended before stay ended."""
    if state.pass_n == 1:
        for row in Join.objects.filter(run=run, status__in=ENDED_JOIN):
            state.joins[row.number].status = JoinStatus(row.status)
    zero = row_id(run.pk, 0)
    for outcome in OutcomeRow.objects.filter(run=run, pass_n=state.pass_n).order_by("join_id"):
        join = state.joins[outcome.join_id - zero]
        is_failed = outcome.kind in FAILED_OUTCOMES
        join.status = JoinStatus.FAILED if is_failed else JoinStatus.DONE
        join.outcome = Outcome(
            kind=OutcomeKind(outcome.kind),
            value=outcome.value,
            contributions=tuple(
                Contribution(child, ContributionKind(kind), reason, value)
                for child, kind, reason, value in outcome.contributions
            ),
            quality=outcome.quality,
            detail=outcome.detail,
        )
        planner.remember(join, join.outcome)
        if join.parent is not None:
            state.joins[join.parent].ended += 1


def _load_branches(run: Run, state: RunState, planner: RunPlanner) -> None:
    texts = dict(Answer.objects.filter(branch__run=run).values_list("branch_id", "text"))
    for row in Branch.objects.filter(run=run).order_by("number").iterator(chunk_size=5_000):
        state.add(_branch_state(row, state, planner, texts.get(row.id, "")))


def _branch_state(row: Branch, state: RunState, planner: RunPlanner, text: str) -> BranchState:
    join = state.joins[row.join_number]
    role = Role(row.role)
    if role in (Role.MERGE, Role.JUDGE):
        spec = planner.asked_spec(join, role, row.index, row.label)
    else:
        spec = planner.spec(join, row.index)
    return BranchState(
        number=row.number,
        join=row.join_number,
        role=role,
        index=row.index,
        spec=spec,
        level=row.level,
        pass_n=row.pass_n,
        status=BranchStatus(row.status),
        reason=row.reason,
        error_kind=row.error_kind,
        is_cut=row.is_cut,
        tries=row.tries,
        ready_ms=row.ready_ms,
        sent_ms=row.sent_ms,
        first_token_ms=row.first_token_ms,
        ended_ms=row.ended_ms,
        backoff_until_ms=row.backoff_until_ms,
        held_ms=row.held_ms,
        trail=trail.without_open_hedge(row.trail),
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cost_usd=row.cost_usd,
        reading=row.reading,
        text=text,
    )


ATTEMPT_FIELDS = [field for field in AttemptState.__dataclass_fields__ if field != "branch"]


def _load_attempts(run: Run, state: RunState, planner: RunPlanner) -> None:
    found = Attempt.objects.filter(run=run)
    if state.pass_n > 1:
        found = found.filter(branch__pass_n=state.pass_n)
    rows = found.order_by("id").values_list("branch__number", *ATTEMPT_FIELDS)
    for number, *values in rows:
        attempt = AttemptState(branch=number, **dict(zip(ATTEMPT_FIELDS, values, strict=True)))
        attempt.status = AttemptStatus(attempt.status)
        state.attempts.append(attempt)
        _fold(run, state, state.branches[number], attempt)
    _add_up(state)
    for branch in state.adopted:
        branch.reading = planner.read(state.joins[branch.join], branch.role, branch.text)
    _count_errors(run, state)
    for branch in state.branches.values():
        if branch.errors >= state.retry.tries:  # there was an outage, in which they do not count
            branch.errors = 0
    if state.pass_n == 1:
        state.calls = len(state.attempts)


def _add_up(state: RunState) -> None:
    """The cost of branches that were answered late, over all of their attempts."""
    costs: dict[int, list[float]] = {branch.number: [] for branch in state.adopted}
    for attempt in state.attempts:
        if attempt.cost_usd is not None and attempt.branch in costs:
            costs[attempt.branch].append(attempt.cost_usd)
    for branch in state.adopted:
        known = costs[branch.number]
        branch.cost_usd = round(sum(known), PLACES) if known else None


def _count_errors(run: Run, state: RunState) -> None:
    """Of two attempts that failed side by side one error counts; those of an outage do not."""
    failed = {(a.branch, a.number): a for a in state.attempts if _is_error(a)}
    for named in of_outages(run, state, failed.values()):
        del failed[named]
    for (branch, number), attempt in failed.items():
        if not (attempt.is_hedge and (branch, number - 1) in failed):
            state.branches[branch].errors += 1


def _is_error(attempt: AttemptState) -> bool:
    is_quota = attempt.error_kind == QuotaExhausted.kind  # which holds the run, whoever met it
    return attempt.status is AttemptStatus.ERROR and not is_quota


def _fold(run: Run, state: RunState, branch: BranchState, attempt: AttemptState) -> None:
    """One earlier attempt into its branch and into the run's money."""
    if attempt.status is AttemptStatus.SENT:
        attempt.become(AttemptStatus.LOST)
        attempt.is_cost_confirmed = False
        call = branch.spec.call
        if attempt.reserved_usd or run.is_priced(call.connection, call.model):
            attempt.cost_usd = attempt.reserved_usd
            branch.cost_usd = (branch.cost_usd or 0.0) + attempt.reserved_usd
        trail.add(branch, attempt, attempt.status)
        state.lost.append(attempt)
    elif attempt.status is AttemptStatus.LATE_OK and branch.text:
        _adopt(state, branch, attempt)
    if state.pass_n == 1 or attempt.status is AttemptStatus.LOST:
        state.spent_usd = round(state.spent_usd + (attempt.cost_usd or 0.0), PLACES)
        state.spent_tokens += attempt.tokens


def _adopt(state: RunState, branch: BranchState, attempt: AttemptState) -> None:
    """A paid answer came while nobody owned the run."""
    if branch.status not in (BranchStatus.PENDING, BranchStatus.RUNNING):
        return
    branch.sent_ms, branch.ended_ms = attempt.sent_ms, attempt.ended_ms
    branch.input_tokens, branch.output_tokens = attempt.input_tokens, attempt.output_tokens
    state.move(branch, BranchStatus.SUCCEEDED)
    state.adopted.append(branch)


def _load_pauses(run: Run, state: RunState) -> None:
    """Times at which nobody worked on the run: those known before, and that up to now, which a
    person asked for, a provider brought about, or which began with the last sign of life."""
    state.down_spans_ms, state.held_spans_ms, state.quota_spans_ms = (
        [(start, end) for start, end in run.kpis.get(name) or []]
        for name in ("down_spans_ms", "held_spans_ms", "quota_spans_ms")
    )
    state.excess = run.kpis.get("excess") or 1.0
    if run.launched_at is None:
        return
    now_ms = _now_ms(run)
    held_since_ms = run.kpis.get("held_since_ms")
    if held_since_ms is not None:
        is_quota = run.kpis.get("held_by") == HELD_BY_PROVIDER
        spans = state.quota_spans_ms if is_quota else state.held_spans_ms
        spans.append((min(held_since_ms, now_ms), now_ms))
    elif state.attempts:
        last = max(max(a.ended_ms or 0, a.sent_ms or 0) for a in state.attempts)
        state.down_spans_ms.append((min(last, now_ms), now_ms))


def _now_ms(run: Run) -> int:
    return int((timezone.now() - (run.launched_at or run.created_at)).total_seconds() * 1000)


def _connection(frozen: Mapping[str, Any]) -> LoadedConnection:
    """The frozen connection with today's key and limits; one deleted since keeps what is frozen."""
    row = Connection.objects.filter(id=frozen.get("id") or 0).first()
    if row is None:
        row = Connection(
            id=frozen.get("id") or 0, name=frozen.get("name", ""), kind=frozen["kind"],
            base_url=frozen.get("base_url", ""), in_flight=frozen.get("in_flight", 8),
            calls_per_minute=frozen.get("calls_per_minute"), replay=frozen.get("replay", {}),
            tokens_per_minute=frozen.get("tokens_per_minute"),
            sends_end_mark=frozen.get("sends_end_mark", True),
        )  # fmt: skip
    states = LimiterState.objects.filter(connection_id=row.id, not_before__isnull=False)
    return LoadedConnection(
        id=row.id,
        mapping=client_mapping(row),
        in_flight=row.in_flight,
        calls_per_minute=row.calls_per_minute,
        tokens_per_minute=row.tokens_per_minute,
        is_private=row.is_private,
        prices=frozen.get("prices", {}),
        not_before={state.model: state.not_before for state in states if state.not_before},
    )


def client_mapping(row: Connection) -> dict[str, Any]:
    """What a provider client is made from."""
    key = row.api_key or (os.environ.get(row.api_key_env, "") if row.api_key_env else "")
    return {
        "name": row.name,
        "kind": row.kind,
        "base_url": row.base_url,
        "api_key": key,
        "in_flight": row.in_flight,
        "sends_end_mark": row.sends_end_mark,
        "replay": {**row.replay, "path": recordings.path_of(row.replay.get("recording", ""))},
    }
