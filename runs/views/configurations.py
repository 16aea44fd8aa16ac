"""Configurations: the list, the join-first editor with its plan, and launching."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from runs.domain.errors import Conflict, InvalidConfiguration
from runs.forms.configuration import ConfigurationForm
from runs.models import Configuration, Run
from runs.planning.configuration import Configuration as Shape
from runs.presenters.configuration_list import list_row
from runs.queries import configurations as queries
from runs.services import configurations as services
from runs.services.launching import Prepared
from runs.views import editing
from runs.views.requests import Request


@require_safe
def configurations(request: Request) -> HttpResponse:
    rows = [list_row(row) for row in queries.configurations_of(request.user)]
    return render(request, "runs/configurations.html", {"nav": "configurations", "rows": rows})


@require_http_methods(["GET", "POST"])
def configuration_new(request: Request) -> HttpResponse:
    if request.method == "POST":
        return _saved(request, None)
    return editing.open_page(request, editing.fresh_form(request), None)


@require_http_methods(["GET", "POST"])
def configuration(request: Request, configuration_id: int) -> HttpResponse:
    row = queries.configuration(request.user, configuration_id)
    if request.method == "POST":
        return _saved(request, row)
    form = ConfigurationForm.of(queries.newest_revision(row).spec)
    return editing.open_page(request, form, row)


@require_POST
def configuration_plan(request: Request, configuration_id: int | None = None) -> HttpResponse:
    """The panel “Before you launch” for what is typed now."""
    row = queries.configuration(request.user, configuration_id) if configuration_id else None
    context = editing.plan_context(request, editing.bound_form(request))
    return render(request, "runs/_plan.html", {**context, "row": row})


@require_POST
def configuration_upload(request: Request) -> HttpResponse:
    """Keep files as a dataset; answers the editor's input part, with that dataset chosen."""
    form = editing.bound_form(request).quiet()
    editing.offer(request, form)
    response = render(request, "runs/_editor_input.html", {"form": form})
    response["HX-Trigger-After-Settle"] = "plan-changed"
    return response


@require_POST
def configuration_launch(request: Request, configuration_id: int | None = None) -> HttpResponse:
    """Save what is typed and launch it. The same form sent twice launches once."""
    row = queries.configuration(request.user, configuration_id) if configuration_id else None
    form = editing.bound_form(request)
    planned = editing.planned(request, form)
    if planned is None or form.upload_error:
        return editing.refused_page(request, form, row)
    try:
        run = _launched(request, row, form.configuration, planned)
    except InvalidConfiguration as invalid:
        form.blame(invalid.errors)
        return editing.refused_page(request, form, row)
    except Conflict:
        form.add_error(None, editing.LAUNCHED_BEFORE)
        return editing.refused_page(request, form, row, editing.CONFLICT)
    return redirect("run", run.pk)


def _launched(request: Request, row: Configuration | None, shape: Shape, planned: Prepared) -> Run:
    return services.save_and_launch(
        owner=request.user,
        row=row,
        configuration=shape,
        items=planned.items,
        idempotency_key=request.POST.get("idempotency_key", "")[:64] or None,
    )


def _saved(request: Request, row: Configuration | None) -> HttpResponse:
    """The redirect after a good save; else the page as it was sent, with its errors."""
    form = editing.bound_form(request)
    if request.POST.get("act"):
        return editing.open_page(request, form, row)
    if not form.is_valid() or form.upload_error:
        return editing.refused_page(request, form, row)
    try:
        saved = services.save_configuration(
            owner=request.user, row=row, configuration=form.configuration
        )
    except InvalidConfiguration as invalid:
        form.blame(invalid.errors)
        return editing.refused_page(request, form, row)
    messages.success(request, f"“{saved.name}” is saved.")
    return redirect("configuration", saved.pk)
