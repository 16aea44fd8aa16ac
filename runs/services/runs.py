"""What a person may do with a launched run. Wishes only: its owner, a worker, carries them out."""

from django.db import transaction

from runs.domain.errors import Conflict
from runs.domain.plan import CHILD_ROLES
from runs.domain.states import ENDED_RUN, BranchStatus, RunStatus
from runs.models import Branch, Run
from runs.models.wishes import wish
from runs.queries.passes import open_pass
from runs.services.erasing import erase
from runs.services.waking import tell

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
    succeeded = Branch.objects.filter(
        run=run, role__in=CHILD_ROLES, status=BranchStatus.SUCCEEDED
    ).count()
    if succeeded < BASELINE_SAMPLE:
        raise Conflict(f"A measured baseline needs {BASELINE_SAMPLE} branches that succeeded.")
    calls = min(max(sample, BASELINE_SAMPLE), succeeded)
    _wish(run, baseline={"wanted": calls}, baseline_wanted=calls)


def delete(*, run: Run) -> None:
    """Delete an ended run with all its data. Raises `Conflict` while it or a pass is open."""
    if not _is_ended(run):
        raise Conflict("Cancel the run first; it can be deleted when it has ended.")
    if (under_way := open_pass(run)) is not None:
        raise Conflict(
            f"Pass {under_way.n} joins its answers again: wait for its end, or cancel it."
        )
    erase(run.pk)
    tell(run.pk, run.seq + 1)


def _is_ended(run: Run) -> bool:
    """By the database: the caller's row may be older than the run's end."""
    return Run.objects.filter(pk=run.pk, status__in=ENDED_RUN).exists()


def _wish(run: Run, **columns: object) -> None:
    seq = wish(run.pk, **columns)
    if seq is not None:
        tell(run.pk, seq)
