"""What stays in the rows when a run is broken off, handed back or taken up again."""

import asyncio
import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from runs.domain.policies import Budget, CallLimits, FailurePolicy, RetryPolicy
from runs.domain.results import Contribution, ContributionKind, Outcome, OutcomeKind
from runs.domain.states import ENDED_RUN, RunStatus
from runs.engine.protocols import Batch
from runs.engine.state import JoinState, RunState
from runs.execution import baseline, lease, rows, rules
from runs.execution.load import load
from runs.execution.store import DatabaseStore
from runs.execution.writer import Writer
from runs.models import Attempt, Branch, Join, LimiterChange, Run
from tests.factories import make_attempt, make_branch, make_connection, make_run

pytestmark = pytest.mark.django_db(transaction=True)


def claim(run: Run) -> lease.Claim:
    claimed = lease.claim(run.pk, "test")
    assert claimed is not None
    return claimed


async def released(run: Run, writer: Writer, status: RunStatus) -> None:
    """The last commit of an owner that ends or gives up the run."""
    engine = RunState(
        id=run.pk, fence=0, seq=run.seq, status=status, policy=FailurePolicy(),
        retry=RetryPolicy(), limits=CallLimits(), budget=Budget(), is_released=True,
        ended_ms=5 if status in ENDED_RUN else None,
    )  # fmt: skip
    last = Batch(run.pk, 0, run.seq, engine, [], [], [], [], {})
    await DatabaseStore(writer).commit(last)


def test_a_run_that_is_broken_off_leaves_nothing_open_and_counts_its_money(user: User) -> None:
    reserved = {"reserved_usd": 0.25, "reserved_tokens": 40}
    run = make_run(user, spent_usd=1.0, spent_tokens=100, in_flight=1, **reserved)
    sent, waiting, done = (
        make_branch(run, 0, status="running", cost_usd=0.5),
        make_branch(run, 1, status="pending"),
        make_branch(run, 2, "yes", status="succeeded"),
    )
    make_attempt(sent, status="sent", **reserved)
    lease.break_off(claim(run), "Internal error")
    run.refresh_from_db()
    assert (run.status, run.spent_usd, run.reserved_usd, run.in_flight) == ("failed", 1.25, 0, 0)
    assert (run.spent_tokens, run.reserved_tokens) == (140, 0)
    assert run.counts == {"cancelled": 2, "succeeded": 1}
    attempt = Attempt.objects.get()
    assert (attempt.status, attempt.cost_usd, attempt.is_cost_confirmed) == ("lost", 0.25, False)
    found = {b.pk: (b.status, b.cost_usd, b.seq) for b in Branch.objects.all()}
    assert found[sent.pk] == ("cancelled", 0.75, run.seq)
    assert found[waiting.pk] == ("cancelled", None, run.seq)
    assert found[done.pk] == ("succeeded", None, 0)
    assert Join.objects.get().status == "cancelled"


def test_an_owner_that_lost_the_run_breaks_nothing_off(user: User) -> None:
    run = make_run(user, branches=1)
    claimed = claim(run)
    Run.objects.update(fence=claimed.fence + 1)
    lease.break_off(claimed, "Internal error")
    assert Branch.objects.get().status == "pending"


def test_an_answer_that_came_while_nobody_owned_the_run_is_written_at_the_claim(
    user: User,
) -> None:
    run = make_run(user, launched_at=timezone.now())
    branch = make_branch(run, 0, "billing", status="running")
    make_attempt(branch, status="late_ok", cost_usd=0.25, sent_ms=1, ended_ms=2)
    state = load(claim(run)).state
    assert [one.number for one in state.adopted] == [0]
    assert (state.branches[0].status, state.branches[0].reading) == ("succeeded", "billing")


def test_errors_of_an_outage_do_not_count_after_a_restart(user: User) -> None:
    run = make_run(user, launched_at=timezone.now())
    branch = make_branch(run, 0, status="pending", tries=9)
    for number in range(1, 10):
        make_attempt(branch, number, status="error")
    assert load(claim(run)).state.branches[0].errors == 0


@pytest.mark.parametrize(
    ("ended_ms", "kind", "errors"),
    [
        (1_000, "unavailable", 2),  # before the breaker opened
        (9_980, "unavailable", 1),  # the one that opened it
        (12_000, "deadline", 1),
        (12_000, "bad_reply", 2),  # it did answer
        (30_000, "unavailable", 2),  # it answered again since
    ],
)
def test_of_an_outage_not_even_few_errors_count_after_a_restart(
    user: User, ended_ms: int, kind: str, errors: int
) -> None:
    connection = make_connection(user, name="Simulated")
    launched_at = timezone.now() - timedelta(minutes=5)
    frozen = {"Simulated": {"id": connection.pk, "kind": "simulated"}}
    run = make_run(user, launched_at=launched_at, connections=frozen)
    branch = make_branch(run, 0, status="pending", tries=2)
    for number, error in enumerate((kind, "bad_reply"), 1):
        make_attempt(branch, number, status="error", error_kind=error, ended_ms=ended_ms)
    for at_s, reason in ((10, rules.SILENT), (20, rules.ANSWERS_AGAIN)):
        LimiterChange.objects.create(
            connection=connection, model="simulated", limit=8, reason=reason,
            at=launched_at + timedelta(seconds=at_s),
        )  # fmt: skip
    assert load(claim(run)).state.branches[0].errors == errors


@pytest.mark.parametrize("status", [RunStatus.HELD, RunStatus.QUEUED])
async def test_a_cancel_asked_for_during_a_hand_back_is_kept(
    user: User, writer: Writer, status: RunStatus
) -> None:
    run = await asyncio.to_thread(make_run, user, cancel_wanted=True)
    await released(run, writer, status)
    assert await asyncio.to_thread(lambda: lease.claimable().get().pk) == run.pk
    assert await asyncio.to_thread(lambda: Run.objects.get().cancel_wanted)


async def test_a_cancel_that_was_carried_out_is_wished_no_more(user: User, writer: Writer) -> None:
    run = await asyncio.to_thread(make_run, user, cancel_wanted=True)
    await released(run, writer, RunStatus.CANCELLED)
    assert not await asyncio.to_thread(lambda: Run.objects.get().cancel_wanted)


@pytest.mark.parametrize("text", ["a\\u0000b", "\\\\u0000", "\x00\x00b", "\\\x00u0000"])
def test_json_loses_its_nuls_and_nothing_else(text: str) -> None:
    outcome = Outcome(
        OutcomeKind.DECIDED, text, (Contribution(0, ContributionKind.USED, "", text),)
    )
    packed = rows.outcome(1, JoinState(0, None, 0, "", 1, 0, True), outcome, 1, 1)[6]
    assert json.loads(str(packed))[0][3] == text.replace("\x00", "")


def test_a_baseline_is_measured_by_one_worker(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(user, status="succeeded", baseline_wanted=3)
    seen = baseline.waiting()

    class First:
        def filter(self, **_: object) -> "First":
            return self

        def first(self) -> Run:
            found = seen.get(pk=run.pk)
            monkeypatch.undo()
            assert baseline.take(run.pk, "one") is not None
            return found

    seen_first = First()
    monkeypatch.setattr(baseline, "waiting", lambda: seen_first)
    assert baseline.take(run.pk, "two") is None
