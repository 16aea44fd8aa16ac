"""`manage.py serve`: the command that `make up` ends in."""

import socket
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from parweb.embedded import ServingProcess
from runs.management.datalock import DataInUse, DataLock
from runs.management.first_start import ensure_first_user, migrate, sign_in_url

CANNOT_START = 2


class Command(BaseCommand):
    help = (
        "Serve parweb. Prepares the data directory, prints a one-time sign-in link and serves "
        "until Ctrl-C. Pages and runs share this one process; with PARWEB_REDIS_URL set it serves "
        "pages only, and `celery -A parweb worker` processes execute the runs."
    )
    requires_system_checks = ["parweb"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--host",
            default=settings.PARWEB_HOST,
            help="address to listen on (PARWEB_HOST, default 127.0.0.1)",
        )
        parser.add_argument(
            "--port",
            type=int,
            default=settings.PARWEB_PORT,
            help="port to listen on (PARWEB_PORT, default 8000; 0 takes any free one)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        process = ServingProcess(options["host"], options["port"], executes=not settings.IS_CLUSTER)
        process.handle_signals()
        if settings.IS_CLUSTER:
            self._serve(process, None)
            return
        try:
            with DataLock(settings.PARWEB_DATA) as lock:
                self._serve(process, lock)
        except DataInUse as error:
            raise CommandError(str(error), returncode=CANNOT_START) from error

    def _serve(self, process: ServingProcess, lock: DataLock | None) -> None:
        refuse_taken(process.host, process.port)
        migrate()
        call_command("collectstatic", verbosity=0, interactive=False)
        user = ensure_first_user()

        def ready(port: int) -> None:
            address = address_of(process.host, port)
            self.stdout.write(f"parweb is ready: {sign_in_url(user, address)}")
            if lock:
                lock.announce(address)
                self.stdout.write("The link signs in once. Ctrl-C ends parweb.")
            self.stdout.flush()

        if not process.run(ready):
            raise CommandError(
                f"Could not listen on {process.host}:{process.port}.", returncode=CANNOT_START
            )


def address_of(host: str, port: int) -> str:
    """Where browsers find the pages: the configured origin, else this machine."""
    if settings.PARWEB_ORIGIN:
        return str(settings.PARWEB_ORIGIN)
    shown = "127.0.0.1" if host in settings.EVERY_ADDRESS else host.strip("[]")
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def refuse_taken(host: str, port: int) -> None:
    """Tell a taken port or an unknown address in plain words before anything is started."""
    name = host.strip("[]")
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((name, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", "") or error
            raise CommandError(
                f"parweb cannot listen on {host}:{port} ({reason}). "
                "If something else uses the port, choose another: make up PARWEB_PORT=8001",
                returncode=CANNOT_START,
            ) from error
