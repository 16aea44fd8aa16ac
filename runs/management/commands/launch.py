"""`manage.py launch`: a run from the terminal, handed to whoever serves or executed here."""

import json
import math
import signal
import sys
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone
from rich.console import Console
from rich.live import Live

from runs.domain.errors import Conflict, InvalidConfiguration
from runs.domain.states import ENDED_RUN, RunStatus
from runs.execution import loop
from runs.management.datalock import DataInUse, DataLock
from runs.management.engine import loop_settings
from runs.management.first_start import migrate
from runs.management.launch_request import Request, read_request, told
from runs.models import Run
from runs.presenters import run_terminal
from runs.presenters.run_report import report
from runs.services import launching
from runs.services import runs as run_services

EXIT_CODES = {RunStatus.SUCCEEDED: 0, RunStatus.PARTIAL: 3, RunStatus.HELD: 4}
ENDED_BADLY = 1
LOOK_EVERY_S = 0.2
LOOP_GRACE_S = 3.0
PIECE = 1_000  # characters: at most 4,000 bytes, and a pipe takes 4,096 or none
MEASURE_PATIENCE_S = 600.0


class Command(BaseCommand):
    help = (
        "Launch a configuration and wait for its end. The run goes to the parweb that serves this "
        "data directory; without one it is executed here. Exit codes: 0 succeeded, 3 partial, "
        "4 held with nobody serving who could go on, 1 failed or cancelled, 2 wrong usage. Ctrl-C "
        "cancels the run."
    )
    requires_system_checks = ["parweb"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "configuration",
            nargs="?",
            help="name of a stored configuration; with --file, what the run is called",
        )
        parser.add_argument("--file", type=Path, help="a configuration file (YAML)")
        parser.add_argument(
            "--input",
            action="append",
            default=[],
            metavar="PATH",
            help="a file or folder to read instead of the configuration's own input; - reads "
            "standard input; may be given several times",
        )
        parser.add_argument("--watch", action="store_true", help="show the run while it goes on")
        parser.add_argument(
            "--json", action="store_true", help="print one JSON object at the end, nothing else"
        )
        parser.add_argument(
            "--measure",
            action="store_true",
            help="afterwards make a few of the calls one by one, for a measured speed-up",
        )
        parser.add_argument("--user", help="whose run it is (default: the first administrator)")
        parser.add_argument(
            "--timeout", type=float, metavar="SECONDS", help="cancel the run after so long"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with _data_directory() as is_ours:
            run = self._launch(options)
            if not is_ours:
                self.stderr.write(f"Run {run.pk} goes to the parweb that serves here.")
            with _engine() if is_ours else nullcontext():
                run = self._follow(
                    run, options["timeout"], is_watching=options["watch"], is_ours=is_ours
                )
                if options["measure"] and run.status in ENDED_RUN:
                    self._measure(run)
        self._tell(run, as_json=options["json"])
        sys.exit(EXIT_CODES.get(RunStatus(run.status), ENDED_BADLY))

    def _launch(self, options: dict[str, Any]) -> Run:
        request = read_request(
            name=options["configuration"],
            file=options["file"],
            inputs=options["input"],
            username=options["user"],
        )
        return launch(request)

    def _follow(
        self, run: Run, timeout_s: float | None, *, is_watching: bool, is_ours: bool
    ) -> Run:
        """Until the run has ended, or is held with nobody serving on whose page one could go on. A
        signal or the timeout cancels it; a second signal leaves."""
        until = math.inf if timeout_s is None else time.monotonic() + timeout_s
        is_asked, told_of = False, ""
        with _signals() as is_signalled, _watching(is_watching) as show:
            while run.status not in ENDED_RUN:
                is_late = time.monotonic() > until
                if not is_asked and (is_late or is_signalled.is_set()):
                    why = f"Not done after {timeout_s:g} s" if is_late else "Stopped"
                    self.stderr.write(f"{why}: the run is cancelled.")
                    run_services.cancel(run=run)
                    is_asked = True
                time.sleep(LOOK_EVERY_S)
                run.refresh_from_db()
                show(run)
                is_held = run.status == RunStatus.HELD and not is_asked
                if is_held and run.reason != told_of:
                    told_of = run.reason
                    self.stderr.write(f"Held: {run.reason} It goes on from its page.")
                if is_held and is_ours:
                    break
        return run

    def _measure(self, run: Run) -> None:
        """Wait for a measured one-by-one time; without one the estimate stays, named as such."""
        try:
            run_services.ask_baseline(run=run)
        except Conflict as error:
            self.stderr.write(f"Not measured: {error}")
            return
        loop.offer(run.pk)
        until = time.monotonic() + MEASURE_PATIENCE_S
        while time.monotonic() < until and not {"calls", "failed"} & run.baseline.keys():
            time.sleep(LOOK_EVERY_S)
            run.refresh_from_db()

    def _tell(self, run: Run, *, as_json: bool) -> None:
        found = report(run)
        if as_json:
            self._write_whole(json.dumps(found, ensure_ascii=False, default=str) + "\n")
            return
        outcome = f", {run.outcome.replace('_', ' ')}" if run.outcome else ""
        self.stdout.write(f"{run.name} · run {run.number}: {run.status}{outcome}")
        if run.reason:
            self.stdout.write(run.reason)
        if found["output"]:
            self.stdout.write(f"\n{found['output']}")

    def _write_whole(self, text: str) -> None:
        """In pieces that a pipe takes whole: of an unbuffered larger write, a signal may leave the
        rest unwritten, and nobody is told."""
        for start in range(0, len(text), PIECE):
            self.stdout.write(text[start : start + PIECE], ending="")


def launch(request: Request) -> Run:
    try:
        return launching.launch_run(
            owner=request.owner,
            configuration=request.configuration,
            row=request.row,
            material=request.material,
        )
    except InvalidConfiguration as error:
        raise told(error) from error


@contextmanager
def _data_directory() -> Iterator[bool]:
    """Whether it is ours to execute runs in: only where nobody else serves it."""
    if settings.IS_CLUSTER:
        yield False
        return
    try:
        lock = DataLock(settings.PARWEB_DATA).acquire()
    except DataInUse:
        yield False
        return
    try:
        migrate()
        yield True
    finally:
        lock.release()


@contextmanager
def _engine() -> Iterator[None]:
    """Executes runs in this process."""
    loop.start(loop_settings())
    try:
        yield
    finally:
        loop.stop(LOOP_GRACE_S)


@contextmanager
def _signals() -> Iterator[threading.Event]:
    """Set by Ctrl-C or SIGTERM; a second one acts as it usually does."""
    is_signalled = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def note(number: int, frame: object) -> None:
        is_signalled.set()
        restore()

    def restore() -> None:
        for one, handler in before.items():
            signal.signal(one, handler)

    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield is_signalled
    finally:
        restore()


@contextmanager
def _watching(is_wanted: bool) -> Iterator[Callable[[Run], None]]:
    """Gives what draws the run, on the error stream: standard output is the result's."""
    if not is_wanted:
        yield lambda run: None
        return
    with Live(console=Console(stderr=True), refresh_per_second=10) as live:
        yield lambda run: live.update(run_terminal.display(run, timezone.now()))
