"""Prompt templates: list, versions, preview, differences."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from runs.domain.errors import InvalidInput
from runs.forms.filters import whole
from runs.forms.templates import SampleForm, TemplateForm, name_error
from runs.planning import rendering
from runs.presenters.template_diff import line_differences
from runs.queries import templates as queries
from runs.services import templates as services
from runs.views.requests import Request


@require_safe
def prompt_templates(request: Request) -> HttpResponse:
    with_archived = "archived" in request.GET
    rows = queries.templates_of(request.user, with_archived=with_archived)
    context = {"nav": "templates", "rows": rows, "with_archived": with_archived}
    return render(request, "runs/templates.html", context)


@require_http_methods(["GET", "POST"])
def prompt_template_new(request: Request) -> HttpResponse:
    form = TemplateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            template = services.create_template(owner=request.user, **form.cleaned_data)
        except InvalidInput as invalid:
            name_error(form, invalid.field, invalid.message)
        else:
            messages.success(request, f"“{template.name}” is saved as version 1.")
            return redirect("prompt_template", template.pk)
    return _template_page(request, form)


@require_http_methods(["GET", "POST"])
def prompt_template(request: Request, template_id: int) -> HttpResponse:
    """The versions of a template; a POST writes the next one."""
    template = queries.template(request.user, template_id)
    versions = list(template.versions.all())
    form = TemplateForm(request.POST) if request.method == "POST" else TemplateForm.of(versions[0])
    if request.method == "POST" and form.is_valid():
        try:
            version = services.change_template(template=template, **form.cleaned_data)
        except InvalidInput as invalid:
            name_error(form, invalid.field, invalid.message)
        else:
            messages.success(request, f"Version {version.number} is the newest.")
            return redirect("prompt_template", template.pk)
    return _template_page(request, form, template=template, versions=versions)


@require_http_methods(["GET", "POST"])
def prompt_template_preview(request: Request, template_id: int) -> HttpResponse:
    """The rendered prompt of a version with sample values; for htmx only the result."""
    version = queries.version(request.user, template_id, whole(request.GET, "version"))
    form = SampleForm(version.variables, request.POST or None)
    values = form.values()
    context = {
        "nav": "templates",
        "template": version.template,
        "version": version,
        "form": form,
        "text": rendering.render(version.text, values),
    }
    page = "runs/_template_preview.html" if request.htmx else "runs/template_preview.html"
    return render(request, page, context)


@require_safe
def prompt_template_diff(request: Request, template_id: int) -> HttpResponse:
    """What changed between two versions; without numbers, between the newest two."""
    template = queries.template(request.user, template_id)
    new = queries.version(request.user, template_id, whole(request.GET, "new"))
    before = whole(request.GET, "old") or max(new.number - 1, 1)
    old = queries.version(request.user, template_id, before)
    context = {
        "nav": "templates",
        "template": template,
        "numbers": list(template.versions.values_list("number", flat=True)),
        "old": old,
        "new": new,
        "lines": line_differences(old.text, new.text),
        "system_lines": line_differences(old.system, new.system),
    }
    return render(request, "runs/template_diff.html", context)


@require_POST
def prompt_template_archive(request: Request, template_id: int) -> HttpResponse:
    """Take a template out of the lists, or back into them."""
    template = queries.template(request.user, template_id)
    if template.archived_at:
        services.restore_template(template=template)
        messages.success(request, f"“{template.name}” is back in the lists.")
    else:
        services.archive_template(template=template)
        messages.success(request, f"“{template.name}” is archived. Runs that used it keep it.")
    return redirect("prompt_templates")


def _template_page(request: Request, form: TemplateForm, **context: object) -> HttpResponse:
    status = 422 if form.errors else 200
    context = {"nav": "templates", "form": form, **context}
    return render(request, "runs/template.html", context, status=status)
