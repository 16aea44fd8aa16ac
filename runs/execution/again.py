"""Joining an ended run again: the pass that waits, its claim, and the state it begins with.

Its children are the answers that are there; none is ever called again, and none is opened.
"""

from collections import defaultdict
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from runs.domain.plan import CHILD_ROLES
from runs.domain.results import ContributionKind
from runs.domain.states import ENDED_RUN, RunStatus
from runs.engine.state import JoinState, RunState
from runs.execution.lease import Claim, claim_of
from runs.models import Outcome, Pass, Run, row_id

Unopened = Mapping[int, tuple[bool, str]]
"""By join number: whether children that were never opened are spared, and why."""

NOT_OPENED = "never launched"


def open_passes() -> QuerySet[Pass]:
    return Pass.objects.filter(kind=Pass.Kind.AGAIN, ended_at__isnull=True)


def waiting() -> QuerySet[Run]:
    """Ended runs that want to be joined again and on which nobody is at work."""
    return Run.objects.filter(
        Q(lease_until__isnull=True) | Q(lease_until__lt=timezone.now()),
        Exists(open_passes().filter(run=OuterRef("pk"))),
        status__in=ENDED_RUN,
    )


def take(run_id: int, owner: str) -> Claim | None:
    """Claim the run for its oldest open pass; None where there is none or somebody has it."""
    claimed = claim_of(waiting(), run_id, owner)
    if claimed is None:
        return None
    n = open_passes().filter(run_id=run_id).order_by("n").values_list("n", flat=True)[0]
    return replace(claimed, pass_n=n)


def settings_of(claimed: Claim) -> dict[str, Any]:
    """What the claimed pass changes of the configuration; nothing for the first one."""
    if claimed.pass_n == 1:
        return {}
    return dict(Pass.objects.get(run_id=claimed.run_id, n=claimed.pass_n).settings)


def unopened(run: Run) -> dict[int, tuple[bool, str]]:
    """Why children have no row, as the first pass told it."""
    told: dict[int, tuple[bool, str]] = {}
    zero = row_id(run.pk, 0)
    rows = Outcome.objects.filter(run=run, pass_n=1, join__branches_are_children=True)
    for join_id, contributions in rows.values_list("join_id", "contributions").iterator():
        _, kind, reason, _ = contributions[-1] if contributions else (0, "", "", None)
        told[join_id - zero] = (kind == ContributionKind.SPARED, reason)
    return told


def settle(state: RunState, told: Unopened) -> None:
    """Let no join open any more children: the answers that are there are all there will be."""
    opened: dict[int, set[int]] = defaultdict(set)  # indexes of children, by join
    for branch in state.branches.values():
        if branch.role in CHILD_ROLES:
            opened[branch.join].add(branch.index)
    for join in state.joins:
        if join.branches_are_children:
            _close(join, opened[join.number], *told.get(join.number, (False, "")))


def _close(join: JoinState, opened: AbstractSet[int], is_spared: bool, reason: str) -> None:
    join.wanted = max(opened, default=-1) + 1
    join.is_settled = is_spared or len(opened) == join.children
    if not join.is_settled:
        join.is_stopped, join.stop_reason = True, reason or NOT_OPENED


def end_columns(state: RunState) -> dict[str, Any]:
    """The pass's own end, once its run is in an ended state."""
    costs = [attempt.cost_usd or 0.0 for attempt in state.attempts]
    return {
        "status": str(RunStatus(state.status)),
        "outcome": str(state.outcome),
        "reason": state.reason,
        "calls": len(costs),
        "spent_usd": sum(costs),
        "ended_at": timezone.now(),
    }
