"""Configurations of one owner, and what a configuration would do if it were launched now."""

from django.contrib.auth.models import User
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.shortcuts import get_object_or_404

from runs.models import Configuration, Revision, Run


def configurations_of(owner: User) -> QuerySet[Configuration]:
    """Each with `runs_count`, `last_run` (id), `last_status`, `last_outcome` and its `spec`."""
    last = Run.objects.filter(configuration=OuterRef("pk")).order_by("-pk")
    newest = Revision.objects.filter(configuration=OuterRef("pk")).order_by("-number")
    rows = Configuration.objects.filter(owner=owner, archived_at=None).order_by("-changed_at")
    return rows.annotate(
        runs_count=Count("runs"),
        last_run=Subquery(last.values("pk")[:1]),
        last_status=Subquery(last.values("status")[:1]),
        last_outcome=Subquery(last.values("outcome")[:1]),
        pattern=Subquery(newest.values("spec__pattern")[:1]),
        method=Subquery(newest.values("spec__join__method")[:1]),
        revision=Subquery(newest.values("number")[:1]),
    )


def configuration(owner: User, configuration_id: int) -> Configuration:
    return get_object_or_404(Configuration, owner=owner, pk=configuration_id, archived_at=None)


def newest_revision(row: Configuration) -> Revision:
    return row.revisions.order_by("-number")[0]


def names_of(owner: User) -> list[tuple[int, str]]:
    """(id, name) for a filter."""
    rows = Configuration.objects.filter(owner=owner).order_by("name")
    return list(rows.values_list("pk", "name"))


def free_name(owner: User, wanted: str) -> str:
    """`wanted`, or with a number behind it where it is taken."""
    taken = set(
        Configuration.objects.filter(owner=owner, name__startswith=wanted[:100]).values_list(
            "name", flat=True
        )
    )
    if wanted not in taken:
        return wanted
    return next(name for n in range(2, 10**6) if (name := f"{wanted[:110]} {n}") not in taken)
