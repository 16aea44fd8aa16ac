"""Who owns a run: claim, renew, release. A claim moves the fence on, so that an earlier owner's
next commit finds nothing to write to."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from runs.domain.states import OPEN_RUN, AttemptStatus, BranchStatus, JoinStatus, RunStatus
from runs.models import Attempt, Branch, Join, Pass, Run

LEASE = timedelta(seconds=30)
RENEW_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Claim:
    """`pass_n`: which working-through of the run is claimed; later ones join it again."""

    run_id: int
    fence: int
    seq: int
    pass_n: int = 1


def claimable() -> QuerySet[Run]:
    """Open, planned runs without a living lease. A held run waits for its person, unless that
    person wants it cancelled."""
    now = timezone.now()
    return Run.objects.filter(
        Q(lease_until__isnull=True) | Q(lease_until__lt=now),
        status__in=OPEN_RUN,
        planned_at__isnull=False,
    ).exclude(status=RunStatus.HELD, cancel_wanted=False)


def claim(run_id: int, owner: str) -> Claim | None:
    """Take the run, or None where somebody else has it or it has ended."""
    return claim_of(claimable(), run_id, owner)


def claim_of(free: QuerySet[Run], run_id: int, owner: str) -> Claim | None:
    """Take the run if it is among those that are free."""
    taken = free.filter(id=run_id).update(
        fence=F("fence") + 1,
        seq=F("seq") + 1,
        lease_owner=owner,
        lease_until=timezone.now() + LEASE,
    )
    if not taken:
        return None
    fence, seq = Run.objects.values_list("fence", "seq").get(id=run_id)
    return Claim(run_id, fence, seq)


def renew(fences: dict[int, int]) -> list[int]:
    """Renew these runs' leases (fence by run id); returns those that are lost."""
    until = timezone.now() + LEASE
    return [run_id for run_id, fence in fences.items() if not _renew(run_id, fence, until)]


def _renew(run_id: int, fence: int, until: datetime) -> bool:
    """False where the run is another's or gone. A lease just given up stays given up."""
    ours = Run.objects.filter(id=run_id, fence=fence)
    return bool(ours.exclude(lease_owner="").update(lease_until=until)) or ours.exists()


def release_all() -> int:
    """Leases of an earlier process are dead: only for whoever holds the data directory alone."""
    return Run.objects.filter(lease_until__isnull=False).update(lease_owner="", lease_until=None)


@transaction.atomic
def break_off(claimed: Claim, reason: str) -> None:
    """End a run that cannot be worked on, saying why, rather than trying for ever; of one that
    was to be joined again, only that pass. Nothing of it stays open, and no money reserved."""
    now, given_up = timezone.now(), {"lease_owner": "", "lease_until": None, "in_flight": 0}
    ours = Run.objects.filter(id=claimed.run_id, fence=claimed.fence)
    if not ours.update(seq=F("seq") + 1, reserved_usd=0, reserved_tokens=0, **given_up):
        return
    _close_rows(ours.get())
    if claimed.pass_n == 1:
        ours.update(status=RunStatus.FAILED, outcome="failed", reason=reason[:300], ended_at=now)
        return
    made = Attempt.objects.filter(run_id=claimed.run_id, branch__pass_n=claimed.pass_n)
    Pass.objects.filter(run_id=claimed.run_id, n=claimed.pass_n).update(
        status=RunStatus.FAILED,
        outcome="failed",
        reason=reason[:300],
        ended_at=now,
        calls=made.count(),
        spent_usd=made.aggregate(cost=Sum("cost_usd"))["cost"] or 0.0,
    )


def _close_rows(run: Run) -> None:
    """Calls that were open are lost and counted at their reservation, unless their price is
    unknown; what waited is cancelled."""
    run_id, seq = run.pk, run.seq
    open_calls = Attempt.objects.filter(run_id=run_id, status=AttemptStatus.SENT)
    lost, lost_tokens = 0.0, 0
    for attempt in open_calls.select_related("branch"):
        lost_tokens += attempt.reserved_tokens
        if attempt.reserved_usd or run.is_priced(attempt.branch.connection, attempt.branch.model):
            lost += attempt.reserved_usd
            Attempt.objects.filter(pk=attempt.pk).update(cost_usd=attempt.reserved_usd)
            Branch.objects.filter(pk=attempt.branch_id).update(
                cost_usd=Coalesce(F("cost_usd"), 0.0) + attempt.reserved_usd
            )
    open_calls.update(status=AttemptStatus.LOST, seq=seq)
    branches, joins = Branch.objects.filter(run_id=run_id), Join.objects.filter(run_id=run_id)
    branches.filter(status__in=[BranchStatus.PENDING, BranchStatus.RUNNING]).update(
        status=BranchStatus.CANCELLED, reason="broken off", seq=seq
    )
    joins.filter(status__in=[JoinStatus.WAITING, JoinStatus.JOINING]).update(
        status=JoinStatus.CANCELLED, seq=seq
    )
    counts = dict(branches.values_list("status").annotate(Count("id")).order_by())
    Run.objects.filter(id=run_id).update(
        spent_usd=F("spent_usd") + lost,
        spent_tokens=F("spent_tokens") + lost_tokens,
        counts=counts,
    )
