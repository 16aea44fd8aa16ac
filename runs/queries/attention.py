"""What may need a person: runs that are held, runs that lately gave less than asked for, and
providers that lately slowed runs down. A fixed number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from runs.domain.results import OutcomeKind
from runs.domain.states import RunStatus
from runs.models import LimiterChange, Outcome, Run, row_id

LATELY = timedelta(hours=24)  # of runs
JUST_NOW = timedelta(hours=1)  # of providers
MOST_RUNS = 100  # looked at, the newest first
MOST_CHANGES = 2_000
COLUMNS = (
    *("id", "configuration_id", "name", "number", "status", "outcome", "reason", "counts"),
    *("branches_planned", "ended_at", "cancel_wanted", "hold_wanted", "chosen_pass"),
)
SHORT = frozenset({RunStatus.PARTIAL, RunStatus.FAILED})
UNSETTLED = frozenset({OutcomeKind.TIE, OutcomeKind.DISAGREEMENT, OutcomeKind.UNDECIDED})
# What gates tell.
THROTTLED, SILENT, ANSWERS = "throttled", "does not answer", "the provider answers again"


@dataclass(frozen=True, slots=True)
class Slowed:
    """A provider's model. `throttled`: how often its gate gave way, `limit`: calls in flight that
    it let through then. `is_silent`: it answers nobody now."""

    connection_id: int
    connection: str
    model: str
    throttled: int
    limit: int
    is_silent: bool


@dataclass(frozen=True, slots=True)
class Attention:
    """`details`: what the joins of the runs in `short` said, by run."""

    held: list[Run]
    short: list[Run]
    details: dict[int, str]
    slowed: list[Slowed]


def attention(owner: User) -> Attention:
    rows = Run.objects.filter(owner=owner).only(*COLUMNS).order_by("-pk")
    held = list(rows.filter(status=RunStatus.HELD)[:MOST_RUNS])
    short = _short(rows[:MOST_RUNS])
    return Attention(held, short, _details(short), _slowed(owner))


def _short(newest: Iterable[Run]) -> list[Run]:
    """Of each configuration, or of one name where there is none, only the last run to end: a later
    one that went well settles it."""
    since = timezone.now() - LATELY
    found, seen = [], set()
    for run in newest:
        whose = run.configuration_id or run.name
        if whose in seen or run.ended_at is None or run.ended_at < since:
            continue
        seen.add(whose)
        is_unsettled = run.status == RunStatus.SUCCEEDED and run.outcome in UNSETTLED
        if run.status in SHORT or is_unsettled:
            found.append(run)
    return found


def _details(runs: Iterable[Run]) -> dict[int, str]:
    roots = {(row_id(run.pk, 0), run.chosen_pass): run.pk for run in runs}
    rows = Outcome.objects.filter(join_id__in={join for join, _ in roots})
    told = rows.values_list("join_id", "pass_n", "detail")
    return {roots[join, n]: detail for join, n, detail in told if (join, n) in roots}


def _slowed(owner: User) -> list[Slowed]:
    """By what the gates told, the newest first."""
    news = Q(reason__startswith=THROTTLED) | Q(reason__contains=SILENT) | Q(reason=ANSWERS)
    rows = LimiterChange.objects.filter(
        news, connection__owner=owner, at__gte=timezone.now() - JUST_NOW
    ).order_by("-at", "-id")
    told = rows.values_list("connection_id", "connection__name", "model", "limit", "reason")
    found: dict[tuple[int, str], Slowed] = {}
    for connection, name, model, limit, reason in told[:MOST_CHANGES]:
        first = Slowed(connection, name, model, 0, limit, is_silent=SILENT in reason)
        one = found.setdefault((connection, model), first)
        if reason.startswith(THROTTLED):
            one = replace(one, throttled=one.throttled + 1)
            found[connection, model] = one
    return [one for one in found.values() if one.throttled or one.is_silent]
