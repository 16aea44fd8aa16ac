"""Wiring only: settings, addresses, ASGI, Celery and the processes that serve."""

from parweb.celery import app as celery_app

__all__ = ["celery_app"]
