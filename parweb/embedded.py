"""The one process: Daphne in the main thread, a Celery worker and the engine's loop beside it.

Stopping leans on `celery.worker.state.should_stop` and on Daphne's `listening_addresses`, which are
semi-private; `tests/acceptance/test_start_stop.py` holds them.
"""

from daphne.server import Server  # isort: skip  first: it installs Twisted's asyncio reactor

import logging
import os
import signal
import sys
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
from runs.tasks import execute_run

logger = logging.getLogger(__name__)

LOOP_GRACE_S = 2.0
WORKER_GRACE_S = 2.5
START_PATIENCE_S = 10.0
WORKER_THREADS = 4
NO_RUN = 0


class EmbeddedWorker:
    """A Celery worker on a thread of this process; its tasks only ring the engine's loop."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._work, name="celery", daemon=True)

    def start(self) -> None:
        self._thread.start()
        if not self._ready.wait(START_PATIENCE_S):
            logger.warning("The worker is slow to start; runs begin when it is ready.")

    def stop(self) -> None:
        worker_state.should_stop = 0  # an exit code; the worker looks at it between messages
        for _ in range(
            2
        ):  # one, so that it looks now; one, since it waits once more on its way out
            execute_run.delay(NO_RUN)
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
        self._is_ending = False

    def handle_signals(self) -> None:
        """From now on SIGINT and SIGTERM end the process with exit code 0, a second one at once."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def run(self, on_ready: Callable[[int], None]) -> bool:
        """Serve until a signal ends it; `on_ready` gets the port. False if it never listened."""
        server: Server = Server(
            application=get_default_application(),
            endpoints=[_endpoint(self.host, self.port)],
            server_name="parweb",
            signal_handlers=False,
            websocket_timeout=-1,
        )
        if self.worker:
            loop.start(loop_settings())
            self.worker.start()
        reactor.callWhenRunning(lambda: on_ready(server.listening_addresses[0][1]))
        # Zope's interfaces declare methods without `self`, which mypy takes at their word.
        reactor.addSystemEventTrigger("before", "shutdown", self._stop)  # type: ignore[arg-type]
        server.run()
        return bool(server.listening_addresses)

    def _on_signal(self, *_: object) -> None:
        if self._is_ending:
            os._exit(0)  # asked twice: without goodbyes, as after a crash
        self._is_ending = True
        if not reactor.running:
            sys.exit(0)
        reactor.callFromThread(reactor.stop)  # type: ignore[misc]  # Zope, as above

    def _stop(self) -> Deferred[None] | None:
        """Off the reactor's thread: what ends its work may still have news for the browsers."""
        return threads.deferToThread(_stop_work, self.worker) if self.worker else None


def _stop_work(worker: EmbeddedWorker) -> None:
    worker.stop()
    loop.stop(LOOP_GRACE_S)


def _endpoint(host: str, port: int) -> str:
    return f"tcp:port={port}:interface={host.strip('[]').replace(':', chr(92) + ':')}"
