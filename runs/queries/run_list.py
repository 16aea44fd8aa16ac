"""Runs of one owner as lists show them: a page at a time by key, without their heavy columns."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Count, QuerySet
from django.db.models.functions import Left

from runs.domain.plan import Role
from runs.domain.states import OPEN_RUN, BranchStatus, RunStatus
from runs.models import Branch, Join, Run, row_id

PAGE = 50
MOST_LIVE = 8
SHOWN = (
    *("id", "owner_id", "configuration_id", "name", "number", "pattern", "method", "status"),
    *("outcome", "reason", "is_simulated", "is_replayed", "created_at", "launched_at", "ended_at"),
    *("counts",),
    *("branches_planned", "in_flight", "kpis", "spent_usd", "cancel_wanted", "hold_wanted"),
)
STATUSES: Mapping[str, frozenset[RunStatus]] = {
    "open": OPEN_RUN,
    "succeeded": frozenset({RunStatus.SUCCEEDED}),
    "partial": frozenset({RunStatus.PARTIAL}),
    "failed": frozenset({RunStatus.FAILED}),
    "cancelled": frozenset({RunStatus.CANCELLED}),
}


@dataclass(frozen=True, slots=True)
class Page:
    """Some runs, newest first. `older` and `newer`: the keys to go on with, None at an end."""

    runs: list[Run]
    older: int | None
    newer: int | None


def runs_of(owner: User, *, status: str = "", configuration: int | None = None) -> QuerySet[Run]:
    rows = Run.objects.filter(owner=owner).only(*SHOWN)
    if status in STATUSES:
        # As a list of keys: with the states themselves SQLite would walk through all of the runs.
        wanted = Run.objects.filter(owner=owner, status__in=STATUSES[status])
        rows = rows.filter(pk__in=wanted.values("pk"))
    return rows if configuration is None else rows.filter(configuration_id=configuration)


def page(rows: QuerySet[Run], *, before: int | None, after: int | None, size: int = PAGE) -> Page:
    """The page older than run `before`, or newer than `after`, or the newest."""
    if after is not None:
        found = list(rows.filter(pk__gt=after).order_by("pk")[: size + 1])
        has_more, runs = len(found) > size, found[:size][::-1]
        return Page(runs, runs[-1].pk if runs else None, runs[0].pk if has_more else None)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: size + 1])
    runs = found[:size]
    is_newest = before is None or not runs
    return Page(runs, runs[-1].pk if len(found) > size else None, None if is_newest else runs[0].pk)


def live(owner: User) -> list[Run]:
    """The newest runs that have not ended."""
    return list(runs_of(owner, status="open").order_by("-pk")[:MOST_LIVE])


def recent(owner: User, size: int) -> list[Run]:
    """The newest runs that have ended."""
    return list(runs_of(owner).exclude(status__in=OPEN_RUN).order_by("-pk")[:size])


def root_values(runs: Iterable[Run]) -> dict[int, str]:
    """What the root join of each run gave, its beginning, by run."""
    roots = {row_id(run.pk, 0): run.pk for run in runs}
    values = Join.objects.filter(pk__in=roots).exclude(value="")
    return {roots[pk]: text for pk, text in values.values_list("pk", Left("value", 80))}


def tallies(runs: Iterable[Run]) -> dict[int, list[tuple[str, int]]]:
    """Votes so far of each open run that votes: (answer, votes), most first."""
    voting = [run.pk for run in runs if run.method == "majority"]
    counted = (
        Branch.objects.filter(run_id__in=voting, role=Role.VOTE, status=BranchStatus.SUCCEEDED)
        .exclude(reading="")
        .values_list("run_id", "reading")
        .annotate(votes=Count("pk"))
        .order_by("-votes", "reading")
    )
    found: dict[int, list[tuple[str, int]]] = {}
    for run_id, reading, votes in counted if voting else ():
        found.setdefault(run_id, []).append((reading, votes))
    return found
