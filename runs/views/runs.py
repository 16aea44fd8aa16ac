"""The list of runs."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from runs.domain.states import OPEN_RUN
from runs.forms.filters import whole
from runs.models import Run
from runs.presenters.overview import row
from runs.queries import run_list
from runs.queries.configurations import names_of
from runs.views.requests import Request


@vary_on_headers("HX-Request")
@require_safe
def runs(request: Request) -> HttpResponse:
    """The whole page, or for htmx the table, which polls while a run in it is open."""
    status = request.GET.get("status", "")
    configuration = whole(request.GET, "configuration")
    rows = run_list.runs_of(request.user, status=status, configuration=configuration)
    context = _page(request, rows) | {
        "nav": "runs",
        "status": status if status in run_list.STATUSES else "",
        "statuses": list(run_list.STATUSES),
        "configuration": configuration,
        "configurations": names_of(request.user),
    }
    return render(request, "runs/_runs.html" if request.htmx else "runs/runs.html", context)


def _page(request: Request, rows: QuerySet[Run]) -> dict[str, Any]:
    before, after = whole(request.GET, "before"), whole(request.GET, "after")
    page = run_list.page(rows, before=before, after=after)
    values = run_list.root_values(page.runs)
    return {
        "page": page,
        "rows": [row(run, values.get(run.pk, "")) for run in page.runs],
        "is_moving": before is None and any(run.status in OPEN_RUN for run in page.runs),
    }
