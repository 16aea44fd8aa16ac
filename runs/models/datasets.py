"""Stored inputs that runs can use again."""

from django.conf import settings
from django.db import models


class Dataset(models.Model):
    class Kind(models.TextChoices):
        DOCUMENTS = "documents", "Documents"
        ROWS = "rows", "Rows"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=16, choices=Kind)
    columns = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="dataset_name_once_an_owner")
        ]

    def __str__(self) -> str:
        return self.name


class DatasetItem(models.Model):
    """`fields` are flat: `{"document.text": …}` or `{"row.title": …}`."""

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
    label = models.CharField(max_length=200)
    fields = models.JSONField()
    gold = models.TextField(null=True, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "position"], name="dataset_position_once")
        ]
