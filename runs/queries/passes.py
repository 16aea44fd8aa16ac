"""Reads of a run's passes, and the run as the pass that counts shows it."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.db.models import Count, Q, Sum

from runs.domain.plan import CHILD_ROLES
from runs.domain.states import BranchStatus
from runs.models import Answer, Attempt, Branch, Outcome, Pass, Run, row_id
from runs.planning import again

FIRST = 1


def passes_of(run: Run) -> list[Pass]:
    return list(Pass.objects.filter(run=run).order_by("n"))


def pass_at(run: Run, n: int) -> Pass | None:
    return Pass.objects.filter(run=run, n=n).first()


def open_pass(run: Run) -> Pass | None:
    """The one that joins again now, or waits for a worker."""
    rows = Pass.objects.filter(run=run, kind=Pass.Kind.AGAIN, ended_at__isnull=True)
    return rows.order_by("n").first()


def spec_in(run: Run, n: int) -> dict[str, Any]:
    """The run's frozen configuration under the settings of pass `n`."""
    frozen = Run.objects.values_list("spec", flat=True).get(pk=run.pk)
    found = pass_at(run, n) if n != FIRST else None
    return again.merged(frozen, found.settings if found else {})


def as_counted(run: Run) -> Run:
    """The run with the settings of the pass that counts in place of its own: for showing only,
    never to be saved."""
    if run.chosen_pass != FIRST:
        run.spec = spec_in(run, run.chosen_pass)
        run.method = run.spec["join"]["method"]
    return run


def root_outcomes(run: Run) -> dict[int, Outcome]:
    """What the root gave, by pass."""
    rows = Outcome.objects.filter(join_id=row_id(run.pk, 0))
    return {row.pass_n: row for row in rows}


def asked(run: Run) -> dict[int, Mapping[str, Any]]:
    """By pass: `{calls, ended, failed, cost}` of what its joins asked for."""
    is_ended = Q(status__in=(BranchStatus.SUCCEEDED, BranchStatus.FAILED, BranchStatus.CANCELLED))
    rows = (
        Branch.objects.filter(run=run)
        .exclude(role__in=CHILD_ROLES)
        .values("pass_n")
        .annotate(
            calls=Count("pk"),
            ended=Count("pk", filter=is_ended),
            failed=Count("pk", filter=Q(status=BranchStatus.FAILED)),
            cost=Sum("cost_usd"),
        )
        .order_by("pass_n")
    )
    return {row["pass_n"]: row for row in rows}


def answered(run: Run) -> int:
    """Children with an answer to join."""
    rows = Branch.objects.filter(run=run, role__in=CHILD_ROLES, status=BranchStatus.SUCCEEDED)
    return rows.count()


def joins_settled(run: Run, n: int) -> int:
    """Joins that have their outcome of this pass."""
    return Outcome.objects.filter(run=run, pass_n=n).count()


def outcome_rows(run: Run, passes: Collection[int]) -> Iterator[Mapping[str, Any]]:
    """What the joins right below the root gave in these passes, without their contributions."""
    rows = Outcome.objects.filter(run=run, pass_n__in=passes, join__parent_number=0)
    names = ("pass_n", "kind", "value", "quality", "join__position", "join__label")
    columns = rows.values(*names, "join__item_number", "join__number")
    return columns.order_by("join__position", "pass_n").iterator()


def child_texts(run: Run, joins: Collection[int]) -> dict[int, str]:
    """Answers of these joins' children, by branch number."""
    rows = Answer.objects.filter(
        branch__run=run, branch__join_number__in=joins, branch__role__in=CHILD_ROLES
    )
    return dict(rows.values_list("branch__number", "text"))


def child_branches(run: Run, joins: Collection[int]) -> list[Branch]:
    rows = Branch.objects.filter(run=run, join_number__in=joins, role__in=CHILD_ROLES)
    return list(rows.order_by("join_number", "index"))


def spent_on(run: Run, n: int) -> float:
    """Money of a pass's calls so far."""
    rows = Attempt.objects.filter(run=run, branch__pass_n=n).exclude(branch__role__in=CHILD_ROLES)
    return float(rows.aggregate(cost=Sum("cost_usd"))["cost"] or 0.0)
