"""Telling workers and viewers of what was written, once it is committed. Doorbells may be lost:
workers sweep the database and viewers look by themselves."""

import logging

from django.db import transaction

from runs.live import publish
from runs.tasks import execute_run

log = logging.getLogger(__name__)


def tell(run_id: int, seq: int) -> None:
    """On commit, ring the workers and the run's viewers."""
    transaction.on_commit(lambda: _ring(run_id, seq))


def _ring(run_id: int, seq: int) -> None:
    try:
        execute_run.delay(run_id)
    except Exception as error:  # noqa: BLE001 (any broker, any failure: the sweep finds the run)
        log.warning("No worker could be told of run %s; the sweep will find it: %r", run_id, error)
    publish.ring_now(run_id, seq)
