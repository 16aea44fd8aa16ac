"""The first page."""

from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from runs.presenters import month
from runs.presenters.attention import shown
from runs.presenters.configuration_list import list_row
from runs.presenters.overview import card, row
from runs.queries import overview as queries
from runs.queries.attention import attention
from runs.views.requests import Request

MONTH_DAYS = 30


@vary_on_headers("HX-Request")
@require_safe
def overview(request: Request) -> HttpResponse:
    """The whole page, or for htmx the part of it that moves."""
    found = queries.overview(request.user)
    context = {
        "nav": "overview",
        "now": timezone.now(),
        "cards": [card(run, found.tallies.get(run.pk, ())) for run in found.live],
        "in_flight": sum(run.in_flight for run in found.live),
        "rows": [row(run, found.values.get(run.pk, "")) for run in found.recent],
        "runs_count": found.runs_count,
        "attention": shown(attention(request.user)),
    }
    if request.htmx:
        return render(request, "runs/_overview.html", context)
    if found.runs_count:
        since = timezone.now() - timedelta(days=MONTH_DAYS)
        context["kpis"] = month.cells(queries.kpis_since(request.user, since))
    else:
        context["examples"] = [list_row(row) for row in queries.examples(request.user)]
    return render(request, "runs/overview.html", context)
