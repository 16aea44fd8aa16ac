"""Datasets of one owner, a page of their items at a time, and as a run's input."""

from django.contrib.auth.models import User
from django.db.models import Count, QuerySet
from django.shortcuts import get_object_or_404

from runs.models import Dataset, DatasetItem

PAGE = 25


def datasets_of(owner: User) -> QuerySet[Dataset]:
    """Each with `size`, the number of its items."""
    return Dataset.objects.filter(owner=owner).annotate(size=Count("items")).order_by("-pk")


def dataset(owner: User, dataset_id: int) -> Dataset:
    return get_object_or_404(datasets_of(owner), pk=dataset_id)


def names_of(owner: User) -> list[str]:
    return list(Dataset.objects.filter(owner=owner).order_by("name").values_list("name", flat=True))


def items_page(dataset: Dataset, start: int) -> list[DatasetItem]:
    """Items from position `start` on."""
    return list(dataset.items.filter(position__gte=start).order_by("position")[:PAGE])


def values_of(dataset: Dataset, item: DatasetItem) -> list[str]:
    """An item's texts in the order of the columns; of a document, its text."""
    if dataset.kind == Dataset.Kind.ROWS:
        return [item.fields.get(f"row.{column}", "") for column in dataset.columns]
    return [item.fields.get("document.text", "")]


def free_name(owner: User, wanted: str) -> str:
    """`wanted`, or with a number behind it where it is taken."""
    taken = set(Dataset.objects.filter(owner=owner).values_list("name", flat=True))
    if wanted not in taken:
        return wanted
    return next(name for n in range(2, 10**6) if (name := f"{wanted[:110]} {n}") not in taken)
