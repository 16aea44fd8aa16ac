"""The wiring as an app, so that its commands (`serve`, `cluster`) are found."""

import atexit
from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created


class ParwebConfig(AppConfig):
    name = "parweb"

    def ready(self) -> None:
        atexit.register(close_pools)
        connection_created.connect(end_idle_transactions)


def end_idle_transactions(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """A worker that froze in a transaction, or whose machine is gone, holds a run's row no longer
    than its lease. Not a parameter of the connection: poolers in between refuse it."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET idle_in_transaction_session_timeout = '15s'")


def close_pools() -> None:
    """Left open, PostgreSQL's pool holds a process up for 20 seconds at its end (Python 3.13)."""
    for connection in connections.all():
        if close := getattr(connection, "close_pool", None):
            close()
