"""The wiring as an app, so that its commands (`serve`, `cluster`) are found."""

from django.apps import AppConfig


class ParwebConfig(AppConfig):
    name = "parweb"
