"""Wrong set-up, told by `manage.py check` in plain words instead of a stack trace. No database."""

import os
import stat
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Caution

TAG = "parweb"
LOOPBACK = {"127.0.0.1", "localhost", "::1", "[::1]"}
REDIS_SCHEMES = {"redis", "rediss", "unix"}


@register(TAG)
def data_directory(app_configs: object, **kwargs: Any) -> list[CheckMessage]:
    directory = Path(settings.PARWEB_DATA)
    if not directory.is_dir() or not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        return [
            Error(
                f"The data directory {directory} cannot be written.",
                hint="Make it writable for this user, or set PARWEB_DATA to another directory.",
                id="parweb.E001",
            )
        ]
    return list(_open_keys(directory.glob("*.key")))


@register(TAG)
def processes(app_configs: object, **kwargs: Any) -> list[CheckMessage]:
    return [*_cluster_problems(), *_number_problems()]


@register(TAG)
def origin(app_configs: object, **kwargs: Any) -> list[CheckMessage]:
    text = settings.PARWEB_ORIGIN
    parts = urlsplit(text)
    if not text or (parts.scheme in {"http", "https"} and parts.hostname and not parts.path):
        return []
    return [
        Error(
            f"PARWEB_ORIGIN is no origin: {text}",
            hint="Give scheme and host as browsers see them, such as https://parweb.example.org",
            id="parweb.E005",
        )
    ]


@register(TAG, deploy=True)
def exposed_without_tls(app_configs: object, **kwargs: Any) -> list[CheckMessage]:
    is_exposed = settings.PARWEB_HOST not in LOOPBACK or bool(settings.PARWEB_ALLOWED_HOSTS)
    if not is_exposed or settings.PARWEB_ORIGIN.startswith("https://"):
        return []
    return [
        Caution(
            "parweb answers other machines without TLS: passwords and answers travel in the clear.",
            hint="Put a proxy that ends TLS in front and set PARWEB_ORIGIN to its https:// origin.",
            id="parweb.W002",
        )
    ]


def _open_keys(files: Iterable[Path]) -> Iterator[CheckMessage]:
    for file in files:
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & 0o077:
            yield Caution(
                f"Others on this machine can read the key file {file} (mode {mode:o}).",
                hint=f"chmod 600 {file}",
                id="parweb.W001",
            )


def _cluster_problems() -> Iterator[CheckMessage]:
    is_sqlite = settings.DATABASES["default"]["ENGINE"].endswith("sqlite3")
    if settings.PARWEB_REDIS_URL and is_sqlite:
        yield Error(
            "PARWEB_REDIS_URL is set, but the database is SQLite, which serves one process only.",
            hint="Set DATABASE_URL to a PostgreSQL database, or unset PARWEB_REDIS_URL.",
            id="parweb.E002",
        )
    if (
        settings.PARWEB_REDIS_URL
        and urlsplit(settings.PARWEB_REDIS_URL).scheme not in REDIS_SCHEMES
    ):
        yield Error(
            "PARWEB_REDIS_URL is no Redis address.",
            hint="It looks like redis://host:6379/0",
            id="parweb.E003",
        )
    if not is_sqlite and find_spec("psycopg") is None:
        yield Error(
            "DATABASE_URL names a PostgreSQL database, but its driver is not installed.",
            hint="pip install -r requirements/cluster.txt",
            id="parweb.E004",
        )


def _number_problems() -> Iterator[CheckMessage]:
    if not 0 <= settings.PARWEB_PORT <= 65_535:
        yield Error(
            f"PARWEB_PORT is {settings.PARWEB_PORT}.",
            hint="Choose a port from 1 to 65535; 0 takes any free one.",
            id="parweb.E006",
        )
    for name in ("PARWEB_RUNS_PER_PROCESS", "PARWEB_WORKERS"):
        if getattr(settings, name) < 1:
            yield Error(f"{name} is below 1: nothing would ever run.", id="parweb.E007")
