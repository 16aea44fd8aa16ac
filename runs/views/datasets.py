"""Datasets: list, a new one, its items a page at a time, deletion."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from runs.domain.errors import InvalidInput
from runs.forms.datasets import DatasetForm, uploads
from runs.forms.filters import whole
from runs.models import Dataset
from runs.queries import datasets as queries
from runs.services import datasets as services
from runs.views.requests import Request


@require_safe
def datasets(request: Request) -> HttpResponse:
    rows = queries.datasets_of(request.user)
    return render(request, "runs/datasets.html", {"nav": "datasets", "rows": rows})


@require_http_methods(["GET", "POST"])
def dataset_new(request: Request) -> HttpResponse:
    form = DatasetForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            dataset = _create(request, form)
        except InvalidInput as invalid:
            form.blame(invalid)
        else:
            messages.success(request, f"“{dataset.name}” is stored.")
            return redirect("dataset", dataset.pk)
    status = 422 if form.errors else 200
    return render(
        request, "runs/dataset_new.html", {"nav": "datasets", "form": form}, status=status
    )


@require_safe
def dataset(request: Request, dataset_id: int) -> HttpResponse:
    row: Any = queries.dataset(request.user, dataset_id)
    size: int = row.size
    start = min(whole(request.GET, "start") or 0, size)
    items = queries.items_page(row, start)
    context = {
        "nav": "datasets",
        "dataset": row,
        "items": [(item, queries.values_of(row, item)) for item in items],
        "first": start + 1,
        "last": start + len(items),
        "before": max(start - queries.PAGE, 0) if start else None,
        "after": start + queries.PAGE if start + len(items) < size else None,
        "has_gold": any(item.gold is not None for item in items),
    }
    return render(request, "runs/dataset.html", context)


@require_POST
def dataset_delete(request: Request, dataset_id: int) -> HttpResponse:
    row = queries.dataset(request.user, dataset_id)
    services.delete_dataset(dataset=row)
    messages.success(request, f"“{row.name}” is deleted. Runs keep what they read from it.")
    return redirect("datasets")


def _create(request: Request, form: DatasetForm) -> Dataset:
    given = form.cleaned_data
    files = uploads(request.FILES.getlist("files"))
    kept = {"owner": request.user, "name": given["name"], "files": files, "text": given["text"]}
    if given["kind"] == Dataset.Kind.ROWS:
        return services.create_rows(**kept, gold=given["gold"])
    return services.create_documents(**kept)
