"""The engine's loop inside a `celery -A parweb worker` process: it starts and ends with it."""

import logging
import warnings
from typing import Any

from celery.apps.worker import Worker
from celery.platforms import SecurityWarning
from celery.signals import worker_ready, worker_shutdown

from runs.execution import loop
from runs.management.engine import loop_settings

logger = logging.getLogger(__name__)

READY = "parweb worker is ready"
GRACE_S = 8.0

# Celery warns of root because of pickled messages; ours are JSON, a run's number and no more.
warnings.filterwarnings("ignore", category=SecurityWarning)


@worker_ready.connect
def start_engine(**_: Any) -> None:
    loop.start(loop_settings())
    logger.info(READY)


@worker_shutdown.connect
def stop_engine(sender: object, **_: Any) -> None:
    """The embedded worker sends this signal too; there the serving process stops the loop."""
    if isinstance(sender, Worker):
        loop.stop(GRACE_S)
