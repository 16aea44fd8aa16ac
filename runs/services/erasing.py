"""Deleting a run's rows, a chunk a transaction, so that nobody waits for the lock for long."""

from django.db import transaction
from django.db.models import Max

from runs.models import (
    Answer,
    Attempt,
    Branch,
    Item,
    Join,
    Learned,
    Outcome,
    Pass,
    Run,
    row_id,
)

ROWS_A_CHUNK = 2_000


def erase(run_id: int) -> None:
    """Delete a run and all under it. Broken off in the middle it can be done again."""
    for first in range(row_id(run_id, 0), _end_of_rows(run_id), ROWS_A_CHUNK):
        _erase_rows(first, first + ROWS_A_CHUNK)
    most = Item.objects.filter(run_id=run_id).aggregate(most=Max("number"))["most"]
    for first in range(0, -1 if most is None else most + 1, ROWS_A_CHUNK):
        Item.objects.filter(run_id=run_id, number__range=(first, first + ROWS_A_CHUNK - 1)).delete()
    with transaction.atomic():
        Pass.objects.filter(run_id=run_id).delete()
        Learned.objects.filter(run_id=run_id).delete()
        run = Run.objects.filter(pk=run_id)
        run._raw_delete(run.db)


def _end_of_rows(run_id: int) -> int:
    """The id behind the run's last join and branch."""
    numbers = (
        table.objects.filter(run_id=run_id).aggregate(most=Max("number"))["most"]
        for table in (Branch, Join)
    )
    return row_id(run_id, max((n for n in numbers if n is not None), default=-1) + 1)


@transaction.atomic
def _erase_rows(first: int, end: int) -> None:
    """Joins and branches with these ids and what hangs on them, children before parents."""
    for rows in (
        Answer.objects.filter(branch_id__gte=first, branch_id__lt=end),
        Attempt.objects.filter(branch_id__gte=first, branch_id__lt=end),
        Branch.objects.filter(pk__gte=first, pk__lt=end),
        Outcome.objects.filter(join_id__gte=first, join_id__lt=end),
        Join.objects.filter(pk__gte=first, pk__lt=end),
    ):
        rows._raw_delete(rows.db)
