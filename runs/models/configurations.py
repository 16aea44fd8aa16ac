"""Run configurations and their revisions."""

from django.conf import settings
from django.db import models


class Configuration(models.Model):
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    name = models.CharField(max_length=120)
    is_example = models.BooleanField(default=False)
    next_run_number = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-changed_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "name"], name="configuration_name_once_an_owner"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Revision(models.Model):
    """`spec` is the configuration file's content as JSON: see docs/configuration-file.md."""

    configuration = models.ForeignKey(Configuration, models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    spec = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["configuration", "number"], name="revision_number_once")
        ]
