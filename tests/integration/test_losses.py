"""What a worker does when its database or its lease goes away at a bad moment."""

import asyncio
import threading
from concurrent.futures import Future
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.utils import timezone

from runs.domain.errors import Fenced
from runs.domain.states import RunStatus
from runs.execution import lease, loop
from runs.execution.load import load
from runs.execution.writer import Writer
from runs.models import Attempt, Branch, Run
from tests.factories import make_attempt, make_branch, make_run

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_S = 20.0


def claim(run: Run) -> lease.Claim:
    claimed = lease.claim(run.pk, "test")
    assert claimed is not None
    return claimed


async def test_the_writer_outlives_those_who_no_longer_wait(writer: Writer) -> None:
    may_go, done = threading.Event(), Future[bool]()
    first = writer.submit(1, lambda: may_go.wait(PATIENCE_S))
    second = writer.submit(2, lambda: done.set_result(True))
    first.cancel()
    second.cancel()
    await asyncio.sleep(0)  # the cancels reach the jobs
    may_go.set()
    assert done.result(PATIENCE_S), "what was queued is written all the same"
    assert await writer.submit(3, lambda: "still there") == "still there"


def test_a_lease_that_was_given_up_is_not_renewed(user: User) -> None:
    run = make_run(user, status=RunStatus.HELD, lease_owner="", lease_until=None)
    assert lease.renew({run.pk: run.fence}) == []
    run.refresh_from_db()
    assert run.lease_until is None


def test_a_lease_that_another_holds_is_told_as_lost(user: User) -> None:
    run = make_run(user, status=RunStatus.RUNNING, lease_owner="other", fence=2)
    assert lease.renew({run.pk: 1, run.pk + 1: 1}) == [run.pk, run.pk + 1]


def test_both_attempts_of_a_hedged_branch_are_lost_by_a_crash(user: User) -> None:
    run = make_run(user, launched_at=timezone.now())
    done = make_branch(run, 0, "billing", status="succeeded", tries=2, trail="10-90:hedge")
    make_attempt(done, 1, status="aborted", error_kind="hedge", cost_usd=0.5, reserved_usd=0.5)
    make_attempt(done, 2, status="ok", is_hedge=True, cost_usd=0.25, reserved_usd=0.5)
    slow = make_branch(run, 1, status="running", tries=2, trail="10-20:error 30-:hedge")
    make_attempt(slow, 1, status="sent", sent_ms=25, reserved_usd=0.5)
    make_attempt(slow, 2, status="sent", sent_ms=30, reserved_usd=0.5, is_hedge=True)
    state = load(claim(run)).state
    branch = state.branches[1]
    assert [attempt.status for attempt in state.lost] == ["lost", "lost"]
    assert branch.trail == "10-20:error 25-:lost 30-:lost"
    assert (branch.tries, branch.errors, branch.cost_usd) == (2, 0, 1.0)
    assert state.spent_usd == 1.75
    assert state.calls == 4
    assert state.branches[0].status == "succeeded"
    assert state.branches[0].trail == "10-90:hedge"


@pytest.mark.parametrize(
    ("prices", "reserved_usd", "cost_usd"),
    [
        ({"simulated": {"input": 1.0, "output": 2.0}}, 0.5, 0.5),
        ({"simulated": {"input": 0.0, "output": 0.0}}, 0.0, 0.0),  # free
        ({"simulated": None}, 0.0, None),
        ({}, 0.0, None),
    ],
)
@pytest.mark.parametrize("is_taken_up", [True, False])
def test_a_lost_call_costs_its_reservation_and_of_an_unknown_price_nobody_knows(
    user: User,
    prices: dict[str, object],
    reserved_usd: float,
    cost_usd: float | None,
    is_taken_up: bool,
) -> None:
    frozen = {"Simulated": {"id": 0, "kind": "simulated", "prices": prices}}
    run = make_run(user, launched_at=timezone.now(), connections=frozen)
    branch = make_branch(run, 0, status="running")
    spent = {"reserved_usd": reserved_usd, "reserved_tokens": 40}
    make_attempt(branch, status="sent", sent_ms=5, **spent)
    if is_taken_up:
        state = load(claim(run)).state
        [attempt], found, spent_usd = state.lost, state.branches[0], state.spent_usd
    else:
        lease.break_off(claim(run), "Internal error")
        run.refresh_from_db()
        attempt, found, spent_usd = Attempt.objects.get(), Branch.objects.get(), run.spent_usd
    assert (attempt.status, attempt.cost_usd, found.cost_usd) == ("lost", cost_usd, cost_usd)
    assert not attempt.is_cost_confirmed
    assert spent_usd == (cost_usd or 0.0)


def test_a_late_answer_costs_what_all_tries_of_its_branch_did(user: User) -> None:
    run = make_run(user, launched_at=timezone.now())
    branch = make_branch(run, 0, "billing", status="running", tries=2, cost_usd=0.5)
    make_attempt(branch, 1, status="error", error_kind="unavailable", cost_usd=0.5)
    make_attempt(branch, 2, status="late_ok", sent_ms=5, ended_ms=9, cost_usd=0.25)
    state = load(claim(run)).state
    assert state.branches[0].status == "succeeded"
    assert (state.branches[0].cost_usd, state.spent_usd) == (0.75, 0.75)


def test_two_attempts_that_failed_side_by_side_are_one_error_after_a_crash(user: User) -> None:
    run = make_run(user, launched_at=timezone.now())
    branch = make_branch(run, 0, status="pending", tries=3)
    make_attempt(branch, 1, status="error", error_kind="unavailable")
    make_attempt(branch, 2, status="error", error_kind="unavailable", is_hedge=True)
    make_attempt(branch, 3, status="error", error_kind="unavailable")
    assert load(claim(run)).state.branches[0].errors == 2


def test_a_run_whose_rows_cannot_be_read_for_now_is_tried_again(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(user, status=RunStatus.QUEUED, planned_at=timezone.now())
    tries, is_tried_again = [], threading.Event()

    def load(claimed: lease.Claim) -> None:
        tries.append(claimed.fence)
        if len(tries) == 1:
            raise OperationalError("terminating connection due to administrator command")
        is_tried_again.set()
        raise Fenced

    def close_reader() -> None:
        connection.close()

    monkeypatch.setattr(loop, "load", load)
    monkeypatch.setattr(lease, "LEASE", timedelta(0))
    engine = loop.EngineLoop(loop.LoopSettings(sweep_s=0.02, is_alone=False))
    engine.start()
    try:
        assert is_tried_again.wait(PATIENCE_S)
    finally:
        engine._readers.submit(close_reader).result(PATIENCE_S)
        engine.stop(0)
    run.refresh_from_db()
    assert run.status == RunStatus.QUEUED
