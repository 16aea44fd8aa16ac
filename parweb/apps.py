"""The wiring as an app, so that its commands (`serve`, `cluster`) are found."""

import atexit

from django.apps import AppConfig
from django.db import connections


class ParwebConfig(AppConfig):
    name = "parweb"

    def ready(self) -> None:
        atexit.register(close_pools)


def close_pools() -> None:
    """Left open, PostgreSQL's pool holds a process up for 20 seconds at its end (Python 3.13)."""
    for connection in connections.all():
        if close := getattr(connection, "close_pool", None):
            close()
