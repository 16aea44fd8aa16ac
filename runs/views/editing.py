"""What the editor's views share: the form with what it offers, its plan, its page."""

import uuid
from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import render

from runs.domain.errors import InvalidConfiguration, InvalidInput
from runs.forms.configuration import ConfigurationForm, with_prompt, without_prompt
from runs.forms.datasets import uploads
from runs.forms.filters import whole
from runs.forms.presets import WAYS, preset
from runs.models import Configuration
from runs.presenters.plan import plan_panel
from runs.queries import configurations as queries
from runs.queries import connections, datasets, templates
from runs.services.datasets import keep_uploads
from runs.services.launching import Prepared, prepare
from runs.views.requests import Request

OK, CONFLICT, REFUSED = 200, 409, 422
LAUNCHED_BEFORE = (
    "This page has launched a run already, with other settings. Launch again to start another."
)


def fresh_form(request: Request) -> ConfigurationForm:
    """A new configuration, the `?way=` in; if there is one, with a provider that really answers."""
    way = request.GET.get("way", "")
    known = sorted(connections.connections_of(request.user), key=lambda row: row.is_simulated)
    first = known[0] if known else None
    wanted = WAYS.get(way, WAYS["vote"])["name"]
    spec = preset(
        way,
        name=queries.free_name(request.user, wanted),
        connection=first.name if first else "",
        model=first.model_names[0] if first and first.model_names else "",
    )
    if dataset_id := whole(request.GET, "dataset"):
        spec["input"] = {"dataset": datasets.dataset(request.user, dataset_id).name}
    return ConfigurationForm.of(spec)


def bound_form(request: Request) -> ConfigurationForm:
    """The form as it was sent: prompts added or removed, uploads kept as a dataset."""
    data = _acted(request.POST)
    error = ""
    if files := request.FILES.getlist("files"):
        try:
            dataset = keep_uploads(owner=request.user, files=uploads(files))
        except InvalidInput as invalid:
            error = invalid.message
        else:
            data["input.kind"], data["input.dataset"] = "dataset", dataset.name
    form = ConfigurationForm(data)
    form.upload_error = error
    return form


def planned(request: Request, form: ConfigurationForm) -> Prepared | None:
    """What a launch would do; None where the form says what is in its way."""
    if not form.is_valid():
        return None
    try:
        return prepare(request.user, form.configuration)
    except InvalidConfiguration as invalid:
        form.blame(invalid.errors)
    return None


def plan_context(request: Request, form: ConfigurationForm) -> dict[str, Any]:
    """What the panel “Before you launch” shows: the plan, or what stands in its way."""
    found = planned(request, form)
    return {"panel": plan_panel(found) if found else None, "summary": form.summary()}


def open_page(request: Request, form: ConfigurationForm, row: Configuration | None) -> HttpResponse:
    """The editor before anything is said against it; only its panel lists what is missing."""
    context = plan_context(request, form)
    return _page(request, form.quiet(), row, context, OK)


def refused_page(
    request: Request,
    form: ConfigurationForm,
    row: Configuration | None,
    status: int = REFUSED,
) -> HttpResponse:
    """The editor as it was sent, each error beside its field."""
    context = {"panel": None, "summary": form.summary()}
    return _page(request, form, row, context, status)


def offer(request: Request, form: ConfigurationForm) -> dict[str, Any]:
    """Fill the form's selects with what this person has; returns the models, for the page."""
    known = connections.by_name(request.user)
    form.offer(
        connections=known,
        templates=templates.choices(request.user),
        datasets=datasets.names_of(request.user),
    )
    pairs = [(name, model) for name, row in known.items() for model in row.model_names]
    return {
        "models": [f"{name} / {model}" for name, model in pairs],
        "model_names": sorted({model for _, model in pairs}),
    }


def _page(
    request: Request,
    form: ConfigurationForm,
    row: Configuration | None,
    context: dict[str, Any],
    status: int,
) -> HttpResponse:
    context |= offer(request, form) | {
        "nav": "configurations",
        "form": form,
        "row": row,
        "revision": queries.newest_revision(row) if row else None,
        "action": request.path,
        "is_refused": status != OK,
        "idempotency_key": uuid.uuid4().hex,
    }
    return render(request, "runs/editor.html", context, status=status)


def _acted(data: QueryDict) -> QueryDict:
    """The data after the button that adds or removes a prompt."""
    act, _, number = data.get("act", "").partition(":")
    if act == "add_prompt":
        return with_prompt(data)
    if act == "remove_prompt" and number.isdecimal() and len(number) < 4:
        return without_prompt(data, int(number))
    return data.copy()
