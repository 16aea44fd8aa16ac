"""Prompt templates of one owner, their versions, and what differs between two of them."""

from django.contrib.auth.models import User
from django.db.models import Count, Max, OuterRef, QuerySet, Subquery
from django.http import Http404
from django.shortcuts import get_object_or_404

from runs.models import Template, TemplateVersion


def templates_of(owner: User, *, with_archived: bool = False) -> QuerySet[Template]:
    """Each with `newest` (number), `versions_count`, `changed_at` and `newest_variables`."""
    newest = TemplateVersion.objects.filter(template=OuterRef("pk")).order_by("-number")
    rows = Template.objects.filter(owner=owner).annotate(
        newest=Max("versions__number"),
        versions_count=Count("versions"),
        changed_at=Max("versions__created_at"),
        newest_text=Subquery(newest.values("text")[:1]),
        newest_variables=Subquery(newest.values("variables")[:1]),
    )
    rows = rows.order_by("archived_at", "name")
    return rows if with_archived else rows.filter(archived_at=None)


def template(owner: User, template_id: int) -> Template:
    return get_object_or_404(Template, owner=owner, pk=template_id)


def version(owner: User, template_id: int, number: int | None) -> TemplateVersion:
    """Version `number`, or the newest."""
    rows = TemplateVersion.objects.filter(template__owner=owner, template_id=template_id)
    if number is not None:
        rows = rows.filter(number=number)
    found = rows.select_related("template").order_by("-number").first()
    if found is None:
        raise Http404
    return found


def choices(owner: User) -> list[tuple[str, str]]:
    """What a select offers: every version of every template, the newest of each first."""
    rows = (
        TemplateVersion.objects.filter(template__owner=owner, template__archived_at=None)
        .order_by("template__name", "-number")
        .values_list("template__name", "number")
    )
    return [(f"{name}@{number}", f"{name} · v{number}") for name, number in rows]
