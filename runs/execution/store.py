"""One writer thread a process: commits whatever the runs have queued, together.

The thread has its own database connection. Commits are spaced, so that what ends within a few
milliseconds is one transaction, and never held back by a fixed timer.
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from runs.domain.errors import Fenced
from runs.domain.states import AttemptStatus
from runs.engine.protocols import Batch, Committed, Control, LateAnswer, StoreUnavailable
from runs.execution import again, rows, statements
from runs.models import Answer, Attempt, Pass, Run, row_id

log = logging.getLogger(__name__)

LEAST_SPACE_S, MOST_SPACE_S, SPACE_SHARE = 0.002, 0.020, 0.01
ERROR_PAUSE_S = 0.05
Result = TypeVar("Result")


@dataclass(slots=True)
class _Job:
    """Work for the writer's thread. `run_id` orders the jobs of one transaction."""

    run_id: int
    work: Callable[[], Any]
    future: "Future[Any]"


class Writer:
    """Runs jobs in transactions on its own thread, all that are queued in one."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="parweb-writer", daemon=True)
        self.space_s = LEAST_SPACE_S
        self._next_at = 0.0  # when the next commit may begin, by the monotonic clock

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what is queued, then end."""
        self._jobs.put(None)
        self._thread.join()

    def submit(self, run_id: int, work: Callable[[], Result]) -> "asyncio.Future[Result]":
        future: Future[Result] = Future()
        # Whoever waits may be cancelled; the work is done all the same, and its thread lives on.
        future.set_running_or_notify_cancel()
        self._jobs.put(_Job(run_id, work, future))
        return asyncio.wrap_future(future)

    async def turn(self) -> None:
        """Until a commit would begin at once."""
        wait_s = self._next_at - time.monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    def observe_call(self, seconds: float) -> None:
        """Follow the median call with small steps (stochastic median)."""
        wanted = min(max(seconds * SPACE_SHARE, LEAST_SPACE_S), MOST_SPACE_S)
        self.space_s += 0.0005 if wanted > self.space_s else -0.0005
        self.space_s = min(max(self.space_s, LEAST_SPACE_S), MOST_SPACE_S)

    def _work(self) -> None:
        try:
            while (jobs := self._next()) is not None:
                self._next_at = time.monotonic() + self.space_s
                self._commit(sorted(jobs, key=lambda job: job.run_id))
                time.sleep(max(self._next_at - time.monotonic(), 0.0))
        finally:
            connection.close()

    def _next(self) -> list[_Job] | None:
        """Wait for a job, then take all that are there; None: stop."""
        first = self._jobs.get()
        if first is None:
            return None
        jobs = [first]
        while not self._jobs.empty():
            job = self._jobs.get()
            if job is None:
                self._jobs.put(None)
                break
            jobs.append(job)
        return jobs

    def _commit(self, jobs: list[_Job]) -> None:
        """All in one transaction; where that fails, each alone, so that none breaks another."""
        try:
            with transaction.atomic():
                results = [_outcome_of(job) for job in jobs]
        except Exception as error:  # noqa: BLE001  handed to whoever waits
            connection.close()
            if len(jobs) > 1:
                for job in jobs:
                    self._commit([job])
            else:
                jobs[0].future.set_exception(_as_unavailable(error))
                time.sleep(ERROR_PAUSE_S)
            return
        for job, result in zip(jobs, results, strict=True):
            if isinstance(result, Fenced):
                job.future.set_exception(result)
            else:
                job.future.set_result(result)


def _as_unavailable(error: Exception) -> Exception:
    if isinstance(error, OperationalError | InterfaceError):
        return StoreUnavailable(str(error))
    return error


def _outcome_of(job: _Job) -> Any:
    """A fenced run's job wrote nothing and leaves the others' transaction whole."""
    try:
        return job.work()
    except Fenced as fenced:
        return fenced


class DatabaseStore:
    """The engine's store over the writer. Rows are taken on the loop, written on the thread."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def turn(self) -> None:
        await self._writer.turn()

    async def commit(self, batch: Batch) -> Committed:
        taken = rows.BatchRows(batch)
        return await self._writer.submit(batch.run_id, lambda: write(taken))

    async def commit_late(self, run_id: int, late: LateAnswer) -> None:
        await self._writer.submit(run_id, lambda: write_late(run_id, late))


def write(batch: rows.BatchRows) -> Committed:
    """Take the next seq, then the rows; raises `Fenced` where the fence has moved on."""
    with connection.cursor() as cursor:
        seq, control = _take_seq(cursor, batch.run_id, batch.fence)
        if seq != batch.seq + 1:
            late = _late_answers(batch.run_id, batch.seq)
            if late:
                return Committed(seq, control, late)
        batch.stamp(seq)
        _write_run(cursor, batch)
        statements.BRANCHES.write(batch.branches, cursor)
        statements.ATTEMPTS.write(batch.attempts, cursor)
        statements.ANSWERS.write(batch.answers, cursor)
        statements.JOINS.write(batch.joins, cursor)
        statements.OUTCOMES.write(batch.outcomes, cursor)
    return Committed(seq, control)


def _take_seq(cursor: CursorWrapper, run_id: int, fence: int) -> tuple[int, Control]:
    cursor.execute(statements.TAKE_SEQ, [run_id, fence])
    row = cursor.fetchone()
    if row is None:
        raise Fenced
    return row[0], control_of(*row[1:])


def control_of(cancel: bool, hold: bool, in_flight: int | None, watched: object) -> Control:
    return Control(bool(cancel), bool(hold), in_flight, rows.watched_of(watched))


def _write_run(cursor: CursorWrapper, batch: rows.BatchRows) -> None:
    columns: dict[str, Any] = dict(batch.run)
    if batch.is_released:
        columns |= {"lease_owner": "", "lease_until": None}
    if batch.ended is not None:  # a run handed back keeps the wish for its next owner
        columns["cancel_wanted"] = False
    if batch.ended is not None and batch.pass_n == 1:
        columns["ended_at"] = timezone.now()
    assigned = ", ".join(f"{column} = %s" for column in columns)
    cursor.execute(
        f"UPDATE runs_run SET {assigned} WHERE id = %s",  # noqa: S608  names are ours
        [*columns.values(), batch.run_id],
    )
    if batch.ended is not None and batch.pass_n > 1:
        this = Pass.objects.filter(run_id=batch.run_id, n=batch.pass_n)
        this.update(**again.end_columns(batch.ended))


def _late_answers(run_id: int, after_seq: int) -> tuple[LateAnswer, ...]:
    late = Attempt.objects.filter(
        run_id=run_id, seq__gt=after_seq, status=AttemptStatus.LATE_OK
    ).select_related("branch__answer")
    return tuple(late_of(attempt, attempt.branch.answer.text) for attempt in late)


def late_of(attempt: Attempt, text: str) -> LateAnswer:
    return LateAnswer(
        branch=attempt.branch.number,
        attempt=attempt.number,
        text=text,
        input_tokens=attempt.input_tokens,
        output_tokens=attempt.output_tokens,
        cost_usd=attempt.cost_usd,
        cached_tokens=attempt.cached_tokens,
        is_cost_confirmed=attempt.is_cost_confirmed,
        sent_ms=attempt.sent_ms,
        ended_ms=attempt.ended_ms or 0,
    )


def write_late(run_id: int, late: LateAnswer) -> None:
    """Keep a paid answer of a run that another process owns: its attempt's end and its text.

    An answer that is already there stays: the first one counts.
    """
    with connection.cursor() as cursor:
        cursor.execute(statements.TAKE_SEQ_LATE, [run_id])
        row = cursor.fetchone()
    if row is None:
        return
    branch_id = row_id(run_id, late.branch)
    changed = Attempt.objects.filter(
        branch_id=branch_id,
        number=late.attempt,
        status__in=[AttemptStatus.SENT, AttemptStatus.LOST, AttemptStatus.ABORTED],
    ).update(
        status=AttemptStatus.LATE_OK,
        input_tokens=late.input_tokens,
        output_tokens=late.output_tokens,
        cost_usd=late.cost_usd,
        cached_tokens=late.cached_tokens,
        is_cost_confirmed=late.is_cost_confirmed,
        ended_ms=late.ended_ms,
        seq=row[0],
    )
    if changed and not Answer.objects.filter(branch_id=branch_id).exists():
        Answer.objects.create(branch_id=branch_id, text=rows.clean(late.text))


def read_control(run_ids: list[int]) -> dict[int, tuple[int, Control]]:
    """Fence and wishes of these runs; one that is gone is missing."""
    found = Run.objects.filter(id__in=run_ids).values_list(
        "id", "fence", "cancel_wanted", "hold_wanted", "in_flight_wanted", "watched"
    )
    return {row[0]: (row[1], control_of(*row[2:])) for row in found}
