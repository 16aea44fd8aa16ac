"""A nested run's page and its parts for htmx: the rows, one row. Reads only."""

from typing import Any
from uuid import uuid4

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from runs.models import Run
from runs.presenters import nested as presenter
from runs.presenters import run_page
from runs.presenters.nested_checks import nested_checks
from runs.presenters.nested_kpis import nested_strip
from runs.presenters.nested_row import row_detail
from runs.presenters.passes import listed
from runs.presenters.run_cost import cost_spent
from runs.presenters.run_curve import vote_curve_of
from runs.presenters.run_flight import flight as flight_of_run
from runs.presenters.run_limits import limits_of
from runs.presenters.run_time import time_spent
from runs.queries import nested as queries
from runs.queries import passes
from runs.queries import runs as run_queries

MOST_DRAWN_AT_ONCE = 5_000  # calls; of more, the page comes before their picture


def page(request: HttpRequest, run: Run, timeline: run_page.Timeline | None) -> HttpResponse:
    """The page of a run that the caller has found, or what htmx asks of it: its rows, or
    (`?part=all`) all that changes while it is open. `timeline`: shown in place of the rows."""
    if request.headers.get("HX-Target") == "nested-rows":
        return _part(request, run)
    is_small = run.branches_planned <= MOST_DRAWN_AT_ONCE
    context = _whole(request, run) | {
        "flight": flight_of_run(run) if is_small and not timeline else None,
        "limits": limits_of(run),
        "timeline": timeline,
        "view": "table",
        "again_key": uuid4().hex,
        "passes": listed(run),
        "nav": "runs",
    }
    return render(request, "runs/run_nested.html", context)


@require_GET
def row(request: HttpRequest, run_id: int, position: int) -> HttpResponse:
    """The drawer for htmx, a page of its own without."""
    run = passes.as_counted(get_object_or_404(run_queries.owned(request.user), pk=run_id))
    join = queries.row_at(run, position) if queries.is_nested(run) else None
    root = run_queries.root_join(run)
    if join is None or root is None:
        raise Http404
    is_part = bool(request.headers.get("HX-Request"))
    context = {"run": run, "row": row_detail(run, join, root.children), "nav": "runs"}
    return render(request, "runs/_nested_row.html" if is_part else "runs/nested_row.html", context)


@require_GET
def curve(request: HttpRequest, run_id: int) -> HttpResponse:
    """What more votes bring, reckoned when it is asked for: it looks at every vote."""
    run = passes.as_counted(get_object_or_404(run_queries.owned(request.user), pk=run_id))
    if not queries.is_nested(run):
        raise Http404
    is_part = bool(request.headers.get("HX-Request"))
    context = {"run": run, "curve": vote_curve_of(run), "nav": "runs"}
    return render(request, "runs/_curve.html" if is_part else "runs/curve.html", context)


@require_GET
def flight(request: HttpRequest, run_id: int) -> HttpResponse:
    """The calls in flight over time, for htmx: it looks at every call."""
    run = passes.as_counted(get_object_or_404(run_queries.owned(request.user), pk=run_id))
    context = {"run": run, "flight": flight_of_run(run), "nav": "runs"}
    is_part = bool(request.headers.get("HX-Request"))
    return render(request, "runs/_flight.html" if is_part else "runs/flight.html", context)


def _part(request: HttpRequest, run: Run) -> HttpResponse:
    if request.GET.get("part") == "all":
        return render(request, "runs/_nested_refresh.html", _whole(request, run))
    found = presenter.nested(run, presenter.wanted_of(request.GET.dict()))
    context = {"run": run, "head": run_page.head(run), "nested": found}
    return render(request, "runs/_nested_rows.html", context)


def _whole(request: HttpRequest, run: Run) -> dict[str, Any]:
    found = presenter.nested(run, presenter.wanted_of(request.GET.dict()))
    root = run_queries.root_join(run)
    head = run_page.head(run)
    return {
        "run": run,
        "head": head,
        "kpis": nested_strip(run, found.rows, root),
        "nested": found,
        "checks": nested_checks(run, found.rows),
        "time": time_spent(run),
        "cost": None if head.is_open else cost_spent(run),  # it looks at every call
    }
