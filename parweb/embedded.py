"""The one process: Daphne in the main thread, a Celery worker and the engine's loop beside it.

Stopping leans on `celery.worker.state.should_stop` and on Daphne's `listening_addresses`, which are
semi-private; `tests/acceptance/test_start_stop.py` holds them.
"""

from daphne.server import Server  # isort: skip  first: it installs Twisted's asyncio reactor

import logging
import threading
from collections.abc import Callable

from celery.worker import WorkController
from celery.worker import state as worker_state
from channels.routing import get_default_application
from twisted.internet import reactor, threads
from twisted.internet.defer import Deferred

from parweb.celery import app as celery_app
from runs.execution import loop
from runs.management.engine import loop_settings

logger = logging.getLogger(__name__)

LOOP_GRACE_S = 2.0
WORKER_GRACE_S = 2.5
START_PATIENCE_S = 10.0
WORKER_THREADS = 4


class EmbeddedWorker:
    """A Celery worker on a thread of this process; its tasks only ring the engine's loop."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._work, name="celery", daemon=True)

    def start(self) -> None:
        self._thread.start()
        if not self._ready.wait(START_PATIENCE_S):
            logger.warning("The worker is slow to start; runs begin when it is ready.")

    def ask_to_stop(self) -> None:
        worker_state.should_stop = 0  # an exit code; the worker looks at it every two seconds

    def join(self) -> None:
        self._thread.join(WORKER_GRACE_S)
        worker_state.should_stop = None

    def _work(self) -> None:
        WorkController(
            app=celery_app,
            pool_cls="threads",
            concurrency=WORKER_THREADS,
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
            ready_callback=lambda _: self._ready.set(),
        ).start()


class ServingProcess:
    """Serves pages and, unless workers of their own do it, executes runs."""

    def __init__(self, host: str, port: int, executes: bool) -> None:
        self.host = host
        self.port = port
        self.worker = EmbeddedWorker() if executes else None

    def run(self, on_ready: Callable[[int], None]) -> bool:
        """Serve until SIGINT or SIGTERM; `on_ready` gets the port. False if it never listened."""
        server: Server = Server(
            application=get_default_application(),
            endpoints=[_endpoint(self.host, self.port)],
            server_name="parweb",
            websocket_timeout=-1,
            ready_callable=lambda: self._ready(server, on_ready),
        )
        if self.worker:
            loop.start(loop_settings())
            self.worker.start()
        # Zope's interfaces declare methods without `self`, which mypy takes at their word.
        reactor.addSystemEventTrigger("before", "shutdown", self._stop)  # type: ignore[arg-type]
        server.run()
        return bool(server.listening_addresses)

    def _ready(self, server: Server, on_ready: Callable[[int], None]) -> None:
        if server.listening_addresses:
            on_ready(server.listening_addresses[0][1])

    def _stop(self) -> Deferred[None] | None:
        """Off the reactor's thread: what ends its work may still have news for the browsers."""
        return threads.deferToThread(self._stop_work) if self.worker else None

    def _stop_work(self) -> None:
        if self.worker:
            self.worker.ask_to_stop()
            loop.stop(LOOP_GRACE_S)
            self.worker.join()


def _endpoint(host: str, port: int) -> str:
    return f"tcp:port={port}:interface={host.strip('[]').replace(':', chr(92) + ':')}"
