"""The app's name and start."""

from django.apps import AppConfig

from runs import checks

__all__ = ["RunsConfig", "checks"]  # importing the checks registers them


class RunsConfig(AppConfig):
    name = "runs"
    verbose_name = "parweb"
