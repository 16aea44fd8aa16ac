"""The single writer on a real database: rows, seq, fence, late answers."""

import asyncio
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, InternalError, OperationalError, connection
from django.utils import timezone

from runs.domain.errors import Fenced
from runs.domain.plan import BranchSpec, CallSettings, Role
from runs.domain.policies import Budget, CallLimits, FailurePolicy, RetryPolicy
from runs.domain.results import Contribution, ContributionKind, Outcome, OutcomeKind
from runs.domain.states import AttemptStatus, BranchStatus, JoinStatus, RunStatus
from runs.engine.protocols import Batch, LateAnswer, StoreUnavailable
from runs.engine.state import AttemptState, BranchState, JoinState, RunState
from runs.execution import lease, statements
from runs.execution.store import DatabaseStore
from runs.execution.writer import Writer
from runs.models import Answer, Attempt, Branch, Item, Join, Run, row_id
from runs.models import Outcome as OutcomeRow
from tests.factories import make_run

pytestmark = pytest.mark.django_db(transaction=True)

CALL = CallSettings(connection="Simulated", model="m", max_tokens=5)


def state(run: Run, fence: int = 0) -> RunState:
    return RunState(
        id=run.id, fence=fence, seq=run.seq, status=RunStatus.RUNNING, policy=FailurePolicy(),
        retry=RetryPolicy(), limits=CallLimits(), budget=Budget(),
        joins=[JoinState(0, None, 0, "", 2, 0, True)],
    )  # fmt: skip


def branch(number: int = 0, status: BranchStatus = BranchStatus.RUNNING) -> BranchState:
    spec = BranchSpec(number, Role.VOTE, f"vote {number}", 0, "p", CALL)
    return BranchState(number, 0, Role.VOTE, number, spec, status=status)


def attempt(number: int = 1) -> AttemptState:
    return AttemptState(branch=0, number=number, uuid=f"u{number}", ready_ms=0, admitted_ms=1)


def batch(run: RunState, **rows: object) -> Batch:
    parts: dict[str, object] = {"branches": [], "attempts": [], "joins": [], "answers": []}
    return Batch(
        run_id=run.id, fence=run.fence, seq=run.seq, run=run, kpis={"calls": 1}, **(parts | rows)
    )  # type: ignore[arg-type]


@pytest.mark.parametrize("rows", [1, 31, 32, 33, 100])
async def test_any_number_of_rows_is_written_whole(user: User, writer: Writer, rows: int) -> None:
    run = await asyncio.to_thread(make_run, user)
    engine, store = state(run), DatabaseStore(writer)
    for status in (BranchStatus.RUNNING, BranchStatus.SUCCEEDED):  # inserted, then changed
        written = [branch(number, status) for number in range(rows)]
        engine.seq = (await store.commit(batch(engine, branches=written))).seq
        kept = await asyncio.to_thread(
            lambda: list(Branch.objects.order_by("number").values_list("number", "label", "status"))
        )
        assert kept == [(number, f"vote {number}", status) for number in range(rows)]


def test_a_statement_takes_no_more_values_than_any_sqlite_does() -> None:
    tables = [table for table in vars(statements).values() if isinstance(table, statements.Table)]
    assert len(tables) == 5
    assert max(len(table.columns) for table in tables) * statements.MOST_A_STATEMENT <= 999


def test_no_index_of_a_runs_rows_begins_another() -> None:
    """Each is paid for with every row that is written."""
    for model in (Item, Join, Branch, Attempt, OutcomeRow):
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, model._meta.db_table)
        columns = [tuple(one["columns"]) for one in found.values() if one["index"] or one["unique"]]
        for one, other in permutations(columns, 2):
            assert other[: len(one)] != one, f"{model.__name__}: {one} begins {other}"


async def test_a_batch_writes_its_rows_under_one_seq(user: User, writer: Writer) -> None:
    run = await asyncio.to_thread(make_run, user)
    engine = state(run)
    outcome = Outcome(
        OutcomeKind.DECIDED,
        "bug\x00",
        (Contribution(0, ContributionKind.USED, "", "bug"),),
        {"agreement": 1.0},
    )
    engine.joins[0].outcome, engine.joins[0].status = outcome, JoinStatus.DONE
    done = branch(0, BranchStatus.SUCCEEDED)
    committed = await DatabaseStore(writer).commit(
        batch(
            engine,
            branches=[done, branch(1)],
            attempts=[attempt()],
            joins=engine.joins,
            answers=[(0, "bug\x00!")],
        )
    )
    assert committed.seq == 1

    def check() -> None:
        assert set(Branch.objects.values_list("status", "seq")) == {
            ("succeeded", 1),
            ("running", 1),
        }
        assert Attempt.objects.get().status == "sent"
        assert Answer.objects.get().text == "bug!"
        assert Join.objects.get().quality == {"agreement": 1.0}
        assert OutcomeRow.objects.get().contributions == [[0, "used", "", "bug"]]
        assert Run.objects.get().kpis == {"calls": 1}

    await asyncio.to_thread(check)


async def test_a_second_commit_updates_the_same_rows(user: User, writer: Writer) -> None:
    engine = state(await asyncio.to_thread(make_run, user))
    store, one, first = DatabaseStore(writer), branch(), attempt()
    await store.commit(batch(engine, branches=[one], attempts=[first]))
    engine.seq = 1
    one.status, first.status, first.cost_usd = BranchStatus.SUCCEEDED, AttemptStatus.OK, 0.25
    await store.commit(batch(engine, branches=[one], attempts=[first]))

    def check() -> None:
        assert list(Branch.objects.values_list("status", "seq")) == [("succeeded", 2)]
        assert list(Attempt.objects.values_list("status", "cost_usd", "uuid")) == [
            ("ok", 0.25, "u1")
        ]

    await asyncio.to_thread(check)


async def test_a_moved_fence_writes_nothing_and_leaves_other_runs_whole(
    user: User, writer: Writer
) -> None:
    lost, kept = await asyncio.to_thread(lambda: (make_run(user), make_run(user)))
    store = DatabaseStore(writer)
    results = await asyncio.gather(
        store.commit(batch(state(lost, fence=7), branches=[branch()])),
        store.commit(batch(state(kept), branches=[branch()])),
        return_exceptions=True,
    )
    assert isinstance(results[0], Fenced)
    assert await asyncio.to_thread(
        lambda: list(Branch.objects.values_list("run_id", flat=True))
    ) == [kept.id]


async def test_a_wish_in_between_only_moves_the_seq(user: User, writer: Writer) -> None:
    engine = state(await asyncio.to_thread(make_run, user))
    await asyncio.to_thread(
        lambda: Run.objects.filter(id=engine.id).update(seq=5, cancel_wanted=True)
    )
    committed = await DatabaseStore(writer).commit(batch(engine, branches=[branch()]))
    assert committed.seq == 6
    assert committed.control.cancel
    assert await asyncio.to_thread(lambda: Branch.objects.get().seq) == 6


async def test_a_late_answer_is_kept_once_and_shown_to_the_owner(
    user: User, writer: Writer
) -> None:
    engine, store = state(await asyncio.to_thread(make_run, user)), DatabaseStore(writer)
    await store.commit(batch(engine, branches=[branch()], attempts=[attempt()]))
    engine.seq = 1
    late = LateAnswer(0, 1, "late", 3, 4, 0.5, 1, 9)
    await store.commit_late(engine.id, late)
    await store.commit_late(engine.id, LateAnswer(0, 1, "later", 3, 4, 0.5, 1, 9))
    committed = await store.commit(batch(engine, branches=[branch()]))
    assert [answer.text for answer in committed.late] == ["late"]
    assert await asyncio.to_thread(lambda: Branch.objects.get().seq) == 1, "nothing was written"


async def test_a_job_that_cannot_be_written_breaks_no_other(user: User, writer: Writer) -> None:
    engine = state(await asyncio.to_thread(make_run, user))

    def broken() -> None:
        raise IntegrityError("no such run")

    results = await asyncio.gather(
        writer.submit(1, broken),
        DatabaseStore(writer).commit(batch(engine, branches=[branch()])),
        return_exceptions=True,
    )
    assert isinstance(results[0], IntegrityError)
    assert not isinstance(results[1], BaseException)


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("disk full"),
        InternalError("terminating connection due to idle-in-transaction timeout"),
    ],
)
async def test_a_database_that_is_away_is_told_from_a_broken_batch(
    writer: Writer, error: Exception
) -> None:
    def away() -> None:
        raise error

    with pytest.raises(StoreUnavailable):
        await writer.submit(1, away)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the bare driver writes to SQLite only")
@pytest.mark.parametrize("is_begun", [False, True])
async def test_an_error_of_the_bare_driver_is_a_database_that_is_away(
    user: User, writer: Writer, monkeypatch: pytest.MonkeyPatch, is_begun: bool
) -> None:
    """It refuses the run's own statement or, once that is done, the rows."""
    run = await asyncio.to_thread(make_run, user)
    engine, store = state(run), DatabaseStore(writer)
    take_next = statements.take_next

    def refused(*args: Any) -> Any:
        taken = take_next(*args) if is_begun else None
        connection.cursor().execute("PRAGMA query_only = ON")
        return taken or take_next(*args)

    monkeypatch.setattr(statements, "take_next", refused)
    with pytest.raises(StoreUnavailable):
        await store.commit(batch(engine, branches=[branch()]))
    monkeypatch.undo()
    assert (await store.commit(batch(engine, branches=[branch()]))).seq == 1


def test_a_run_is_claimed_by_one_owner_at_a_time(user: User) -> None:
    run = make_run(user)
    first = lease.claim(run.id, "one")
    assert first is not None
    assert lease.claim(run.id, "two") is None
    Run.objects.filter(id=run.id).update(lease_until=timezone.now() - timedelta(seconds=1))
    second = lease.claim(run.id, "two")
    assert second is not None
    assert second.fence == first.fence + 1
    assert lease.renew({run.id: first.fence}) == [run.id]
    assert lease.renew({run.id: second.fence}) == []


def test_ended_unplanned_and_held_runs_are_not_claimed(user: User) -> None:
    make_run(user, status="succeeded")
    make_run(user, planned_at=None)
    held = make_run(user, status="held")
    assert not lease.claimable().exists()
    Run.objects.filter(id=held.id).update(cancel_wanted=True)
    assert lease.claimable().get().id == held.id


def test_leases_of_an_earlier_process_are_dead_for_whoever_is_alone(user: User) -> None:
    run = make_run(user)
    lease.claim(run.id, "gone")
    assert lease.release_all() == 1
    assert lease.claim(run.id, "here") is not None


def test_a_run_that_cannot_be_worked_on_ends_with_its_reason(user: User) -> None:
    run = make_run(user)
    claimed = lease.claim(run.id, "one")
    assert claimed is not None
    lease.break_off(claimed, "Internal error")
    run.refresh_from_db()
    assert (run.status, run.reason, run.lease_owner) == ("failed", "Internal error", "")


def test_ids_of_joins_and_branches_never_meet() -> None:
    assert row_id(1, 2**24 - 1) < row_id(2, 0)
