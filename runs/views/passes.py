"""Joining an ended run again, comparing its passes, letting one count."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from runs.domain.errors import Conflict, InvalidConfiguration
from runs.forms.join_again import JoinAgainForm
from runs.models import Run
from runs.presenters import compare_rows, comparing
from runs.presenters.passes import Passes, chosen_of, listed
from runs.presenters.previewing import shown
from runs.queries import connections, passes
from runs.queries import runs as queries
from runs.services import passes as services
from runs.services import rejoining
from runs.views.requests import Request

OK, CONFLICT, REFUSED = 200, 409, 422
DONE_POLLING = 286  # htmx's own: stop asking


@require_http_methods(["GET", "POST"])
def join_again(request: Request, run_id: int) -> HttpResponse:
    """The form with what its settings would give; sent, it makes a pass and goes to it."""
    run = _run(request, run_id)
    if request.method == "GET":
        form = JoinAgainForm.showing(run.spec, passes.spec_in(run, run.chosen_pass))
        preview = _preview(run, form)
        return _form_page(request, run, form.quiet(), preview, OK)
    form = JoinAgainForm(request.POST, run.spec)
    if not form.is_valid():
        return _form_page(request, run, form, {"summary": form.summary()}, REFUSED)
    try:
        made = services.join_again(run=run, changes=form.changes, n=_number(request))
    except InvalidConfiguration as invalid:
        form.blame(invalid.errors)
        return _form_page(request, run, form, {"summary": form.summary()}, REFUSED)
    except Conflict as conflict:
        return _form_page(request, run, form, {"conflict": str(conflict)}, CONFLICT)
    return redirect(f"{reverse('run_compare', args=[run.pk])}?passes={run.chosen_pass},{made.n}")


@require_POST
def preview(request: Request, run_id: int) -> HttpResponse:
    """What the settings that are typed now would give, for htmx. Writes nothing."""
    run = _run(request, run_id)
    form = JoinAgainForm(request.POST, run.spec)
    context = {"run": run, "passes": listed(run), **_preview(run, form)}
    return render(request, "runs/_join_again_preview.html", context)


@require_GET
def compare(request: Request, run_id: int) -> HttpResponse:
    return _compare_page(request, _run(request, run_id))


@require_GET
def pass_list(request: Request, run_id: int) -> HttpResponse:
    """The run page's card of passes; asked for each second while one is at work."""
    run = _run(request, run_id)
    return render(request, "runs/_passes.html", {"run": run, "passes": listed(run)})


@require_POST
def count(request: Request, run_id: int, n: int) -> HttpResponse:
    """Let a pass count and show the run as it is now."""
    run = _run(request, run_id)
    get_object_or_404(run.passes, n=n)
    try:
        services.choose(run=run, n=n)
    except Conflict as conflict:
        return _compare_page(request, run, str(conflict), CONFLICT)
    messages.success(request, f"Pass {n} counts now. Every other pass stays as it was.")
    return redirect("run", run.pk)


@require_POST
def cancel(request: Request, run_id: int) -> HttpResponse:
    run = _run(request, run_id)
    services.cancel_pass(run=run)
    if request.htmx:
        return HttpResponse(status=204)
    return redirect("run_compare", run.pk)


def _run(request: Request, run_id: int) -> Run:
    return get_object_or_404(queries.owned(request.user), pk=run_id)


def _number(request: Request) -> int | None:
    """The number that the pass is to have, as the form was told when it was shown."""
    text = request.POST.get("n", "")
    return int(text) if text.isdecimal() and len(text) < 8 else None


def _preview(run: Run, form: JoinAgainForm) -> dict[str, Any]:
    """The outcome or the calls; what stands in the way where there is neither."""
    if not form.is_valid():
        return {"summary": form.summary()}
    try:
        configuration = services.check(run, form.changes)
    except InvalidConfiguration as invalid:
        form.blame(invalid.errors)
        return {"summary": form.summary()}
    return {"preview": shown(run, rejoining.preview(run, configuration))}


def _form_page(
    request: Request, run: Run, form: JoinAgainForm, context: dict[str, Any], status: int
) -> HttpResponse:
    known = connections.by_name(request.user)
    form.offer_models(known)
    found: Passes = listed(run)
    context |= {
        "run": run,
        "form": form,
        "passes": found,
        "n": found.rows[-1].n + 1 if found.rows else None,
        "model_names": sorted({model for row in known.values() for model in row.model_names}),
        "is_refused": status == REFUSED,
        "nav": "runs",
    }
    return render(request, "runs/join_again.html", context, status=status)


def _compare_page(request: Request, run: Run, conflict: str = "", status: int = OK) -> HttpResponse:
    """The comparison, or for htmx only the progress of the pass that is waited for."""
    found = listed(run)
    ns = chosen_of(request.GET.get("passes", ""), [row.n for row in found.rows], run.chosen_pass)
    is_waiting = any(row.is_open and row.n in ns for row in found.rows)
    if request.htmx and request.GET.get("part") == "progress":
        return _progress(request, run, found, is_waiting=is_waiting)
    wanted = compare_rows.wanted_of(request.GET.dict())
    context = {
        "run": run,
        "passes": found,
        "compared": comparing.comparison(run, found, ns, wanted),
        "is_waiting": is_waiting,
        "conflict": conflict,
        "nav": "runs",
    }
    return render(request, "runs/compare.html", context, status=status)


def _progress(request: Request, run: Run, found: Passes, *, is_waiting: bool) -> HttpResponse:
    """Once the pass has ended the whole page is loaded anew."""
    if not is_waiting:
        return HttpResponse(status=DONE_POLLING, headers={"HX-Refresh": "true"})
    return render(request, "runs/_pass_progress.html", {"run": run, "passes": found})
