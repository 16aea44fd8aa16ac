"""The engine's store: a batch of changes as one piece of work for the writer."""

from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from runs.domain.errors import Fenced
from runs.domain.states import AttemptStatus
from runs.engine.protocols import Batch, Committed, Control, LateAnswer
from runs.execution import again, rows, statements
from runs.execution.writer import Writer
from runs.models import Answer, Attempt, Pass, Run, row_id


class DatabaseStore:
    """The engine's store over the writer. Rows are taken on the loop, written on the thread."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def turn(self) -> None:
        await self._writer.turn()

    async def commit(self, batch: Batch) -> Committed:
        taken = rows.BatchRows(batch)
        return await self._writer.hasten(batch.run_id, lambda: write(taken))

    async def commit_late(self, run_id: int, late: LateAnswer) -> None:
        await self._writer.submit(run_id, lambda: write_late(run_id, late))


def write(batch: rows.BatchRows) -> Committed:
    """Take the next seq, then the rows; raises `Fenced` where the fence has moved on."""
    columns = _columns(batch)
    with connection.cursor() as cursor:
        taken = statements.take_next(cursor, columns, batch.run_id, batch.fence, batch.seq)
        if taken is None:
            taken = _take_seq(cursor, batch.run_id, batch.fence)
            late = _late_answers(batch.run_id, batch.seq)
            if late:
                return Committed(taken[0], control_of(*taken[1:]), late)
            batch.stamp(taken[0])
            statements.set_columns(cursor, columns, batch.run_id)
        statements.BRANCHES.write(batch.branches, cursor)
        statements.ATTEMPTS.write(batch.attempts, cursor)
        statements.ANSWERS.write(batch.answers, cursor)
        statements.JOINS.write(batch.joins, cursor)
        statements.OUTCOMES.write(batch.outcomes, cursor)
    if batch.ended is not None and batch.pass_n > 1:
        this = Pass.objects.filter(run_id=batch.run_id, n=batch.pass_n)
        this.update(**again.end_columns(batch.ended))
    return Committed(taken[0], control_of(*taken[1:]))


def _take_seq(cursor: CursorWrapper, run_id: int, fence: int) -> statements.Taken:
    """Whatever number comes next; raises `Fenced` where somebody else took the run."""
    cursor.execute(statements.TAKE_SEQ, [run_id, fence])
    taken: statements.Taken | None = cursor.fetchone()
    if taken is None:
        raise Fenced
    return taken


def _columns(batch: rows.BatchRows) -> dict[str, Any]:
    """Of the run's own row."""
    columns: dict[str, Any] = dict(batch.run)
    if batch.is_released:
        columns |= {"lease_owner": "", "lease_until": None}
    if batch.ended is not None:  # a run handed back keeps the wish for its next owner
        columns["cancel_wanted"] = False
    if batch.ended is not None and batch.pass_n == 1:
        columns["ended_at"] = timezone.now()
    return columns


def control_of(cancel: bool, hold: bool, in_flight: int | None, watched: object) -> Control:
    return Control(bool(cancel), bool(hold), in_flight, rows.watched_of(watched))


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
