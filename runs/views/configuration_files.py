"""Configurations as files and copies: import, export, duplicate, delete."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from runs.domain.errors import InvalidConfiguration
from runs.forms.files import ImportForm
from runs.planning import configuration as shapes
from runs.planning import files
from runs.queries import configurations as queries
from runs.services import configurations as services
from runs.views.requests import Request


@require_http_methods(["GET", "POST"])
def configuration_import(request: Request) -> HttpResponse:
    """Save a file as a configuration; its errors name the field and what is allowed."""
    form = ImportForm(request.POST or None, request.FILES or None)
    if form.is_bound and form.is_valid():
        try:
            read = files.load_yaml(form.cleaned_data["text"])
            read = read.model_copy(update={"name": queries.free_name(request.user, read.name)})
            row = services.save_configuration(owner=request.user, row=None, configuration=read)
        except InvalidConfiguration as invalid:
            form.blame(invalid.errors)
        else:
            messages.success(request, f"“{row.name}” is imported.")
            return redirect("configuration", row.pk)
    context = {"nav": "configurations", "form": form}
    status = 422 if form.errors else 200
    return render(request, "runs/configuration_import.html", context, status=status)


@require_safe
def configuration_export(request: Request, configuration_id: int) -> HttpResponse:
    row = queries.configuration(request.user, configuration_id)
    configuration = shapes.parse(queries.newest_revision(row).spec)
    name = slugify(row.name) or "configuration"
    return HttpResponse(
        files.dump_yaml(configuration),
        content_type="application/yaml; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.yaml"'},
    )


@require_POST
def configuration_duplicate(request: Request, configuration_id: int) -> HttpResponse:
    row = queries.configuration(request.user, configuration_id)
    copy = services.duplicate_configuration(owner=request.user, row=row)
    messages.success(request, f"This is the copy, “{copy.name}”.")
    return redirect("configuration", copy.pk)


@require_POST
def configuration_delete(request: Request, configuration_id: int) -> HttpResponse:
    row = queries.configuration(request.user, configuration_id)
    services.delete_configuration(row=row)
    messages.success(request, f"“{row.name}” is deleted. Its runs stay.")
    return redirect("configurations")
