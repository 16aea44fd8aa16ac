"""What a person may do with a launched run. Wishes only: its owner, a worker, carries them out."""

from django.db import transaction
from django.db.models import Max

from runs.domain.errors import Conflict
from runs.domain.states import ENDED_RUN, BranchStatus, RunStatus
from runs.models import Answer, Attempt, Branch, Item, Join, Outcome, Pass, Run, row_id
from runs.models.wishes import wish
from runs.services.waking import tell

ROWS_A_CHUNK = 2_000
BASELINE_SAMPLE = 3  # branches a measured one-by-one time needs at least


@transaction.atomic
def cancel(*, run: Run) -> None:
    """Ask for an end; acknowledged when the owner writes `cancelling`. Nothing for an ended run."""
    if not _is_ended(run):
        _wish(run, cancel_wanted=True)


@transaction.atomic
def hold(*, run: Run) -> None:
    """Ask the owner to start no further call. Nothing for an ended run."""
    if not _is_ended(run):
        _wish(run, hold_wanted=True)


@transaction.atomic
def go_on(*, run: Run) -> None:
    """Take a hold back; a run that is held queues again."""
    found = Run.objects.select_for_update().get(pk=run.pk)
    if found.status == RunStatus.HELD:
        _wish(run, hold_wanted=False, status=RunStatus.QUEUED, reason="")
    elif found.hold_wanted:
        _wish(run, hold_wanted=False)


@transaction.atomic
def ask_baseline(*, run: Run, sample: int = BASELINE_SAMPLE) -> None:
    """Ask for the one-by-one time to be measured on some of the run's branches.

    Raises `Conflict` while the run is open and where too few branches succeeded.
    """
    if not _is_ended(run):
        raise Conflict("Wait until the run has ended, then measure.")
    succeeded = Branch.objects.filter(run=run, status=BranchStatus.SUCCEEDED).count()
    if succeeded < BASELINE_SAMPLE:
        raise Conflict(f"A measured baseline needs {BASELINE_SAMPLE} branches that succeeded.")
    _wish(run, baseline={"wanted": min(max(sample, BASELINE_SAMPLE), succeeded)})


def delete(*, run: Run) -> None:
    """Delete an ended run with all its data, a chunk a transaction so that nobody waits for long.

    Raises `Conflict` while the run is open. Broken off in the middle it can be asked again.
    """
    if not _is_ended(run):
        raise Conflict("Cancel the run first; it can be deleted when it has ended.")
    for first in range(row_id(run.pk, 0), _end_of_rows(run), ROWS_A_CHUNK):
        _delete_rows(first, first + ROWS_A_CHUNK)
    most = Item.objects.filter(run=run).aggregate(most=Max("number"))["most"]
    for first in range(0, -1 if most is None else most + 1, ROWS_A_CHUNK):
        Item.objects.filter(run=run, number__range=(first, first + ROWS_A_CHUNK - 1)).delete()
    with transaction.atomic():
        Pass.objects.filter(run=run).delete()
        rows = Run.objects.filter(pk=run.pk)
        seq = run.seq + 1
        rows._raw_delete(rows.db)
        tell(run.pk, seq)


def _end_of_rows(run: Run) -> int:
    """The id behind the run's last join and branch."""
    numbers = (
        table.objects.filter(run=run).aggregate(most=Max("number"))["most"]
        for table in (Branch, Join)
    )
    return row_id(run.pk, max((n for n in numbers if n is not None), default=-1) + 1)


@transaction.atomic
def _delete_rows(first: int, end: int) -> None:
    """Joins and branches with these ids and what hangs on them, children before parents."""
    for rows in (
        Answer.objects.filter(branch_id__gte=first, branch_id__lt=end),
        Attempt.objects.filter(branch_id__gte=first, branch_id__lt=end),
        Branch.objects.filter(pk__gte=first, pk__lt=end),
        Outcome.objects.filter(join_id__gte=first, join_id__lt=end),
        Join.objects.filter(pk__gte=first, pk__lt=end),
    ):
        rows._raw_delete(rows.db)


def _is_ended(run: Run) -> bool:
    """By the database: the caller's row may be older than the run's end."""
    return Run.objects.filter(pk=run.pk, status__in=ENDED_RUN).exists()


def _wish(run: Run, **columns: object) -> None:
    seq = wish(run.pk, **columns)
    if seq is not None:
        tell(run.pk, seq)
