"""A run's page, its parts for htmx, and its files. Reads only; acts on a run are in run_actions."""

from uuid import uuid4

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from runs.models import Run
from runs.presenters import run_export, run_page
from runs.presenters.passes import listed
from runs.presenters.run_branch import detail
from runs.presenters.run_limits import limits_of
from runs.presenters.run_table import sort_of
from runs.queries import nested as nested_queries
from runs.queries import passes
from runs.queries import runs as queries
from runs.views import nested


def _run(request: HttpRequest, run_id: int) -> Run:
    return passes.as_counted(get_object_or_404(queries.owned(request.user), pk=run_id))


def _timeline(request: HttpRequest, run: Run) -> run_page.Timeline:
    state = request.GET.get("state", "all")
    start = request.GET.get("start", "0")
    is_table = request.GET.get("view") == "table" or request.GET.get("part") == "table"
    known = state if state in queries.FILTERS else "all"
    first = int(start) if start.isdecimal() and len(start) < 10 else 0
    if is_table:
        sort = sort_of(request.GET.get("sort", ""))
        return run_page.branch_table(run, state=known, start=first, sort=sort)
    return run_page.timeline(run, state=known, start=first)


@require_GET
def page(request: HttpRequest, run_id: int) -> HttpResponse:
    run = _run(request, run_id)
    if nested_queries.is_nested(run):
        is_table = request.GET.get("view") == "table"
        return nested.page(request, run, _timeline(request, run) if is_table else None)
    context = {
        "run": run,
        "head": run_page.head(run),
        "kpis": run_page.kpi_strip(run),
        "timeline": _timeline(request, run),
        "panel": run_page.panel(run),
        "snapshot": run_page.snapshot(run),
        "passes": listed(run),
        "view": "table" if request.GET.get("view") == "table" else "bars",
        "again_key": uuid4().hex,  # a button pressed twice launches once
        "nav": "runs",
    }
    return render(request, "runs/run.html", context)


@require_GET
def panel(request: HttpRequest, run_id: int) -> HttpResponse:
    """What is told in prose, for htmx; `?part=table` is the timeline as a table."""
    run = _run(request, run_id)
    if request.GET.get("part") == "table":
        context = {"run": run, "timeline": _timeline(request, run)}
        return render(request, "runs/_branch_table.html", context)
    context = {"run": run, "head": run_page.head(run), "panel": run_page.panel(run)}
    return render(request, "runs/_panel_refresh.html", context)


@require_GET
def limits(request: HttpRequest, run_id: int) -> HttpResponse:
    """How the limit on calls in flight moved, for htmx."""
    run = _run(request, run_id)
    context = {"run": run, "head": run_page.head(run), "limits": limits_of(run)}
    return render(request, "runs/_limits.html", context)


@require_GET
def branch(request: HttpRequest, run_id: int, number: int) -> HttpResponse:
    """The drawer for htmx, a page of its own without."""
    run = _run(request, run_id)
    found = queries.branch(run, number)
    if found is None:
        raise Http404
    is_part = bool(request.headers.get("HX-Request"))
    template = "runs/_branch.html" if is_part else "runs/branch.html"
    context = {"run": run, "branch": detail(run, found), "nav": "runs"}
    return render(request, template, context)


@require_GET
def export(request: HttpRequest, run_id: int, kind: str) -> HttpResponse:
    run = _run(request, run_id)
    if kind not in run_export.FILES:
        raise Http404
    content_type, write = run_export.FILES[kind]
    disposition = f'attachment; filename="{run_export.file_name(run, kind)}"'
    return HttpResponse(
        write(run), content_type=content_type, headers={"Content-Disposition": disposition}
    )
