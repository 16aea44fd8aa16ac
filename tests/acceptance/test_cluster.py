"""The cluster on one machine: it starts, signs in, and ends all it started."""

import signal
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.processes import parweb_environment, start_child

pytestmark = pytest.mark.cluster

PATIENCE_S = 90.0


def test_make_cluster_starts_all_processes_and_ends_them(tmp_path: Path) -> None:
    cluster = start_child(
        ["manage.py", "cluster", "--port", "0"], parweb_environment(tmp_path / "data")
    )
    try:
        link = cluster.wait_for_line(r"parweb is ready: (\S+)", PATIENCE_S).group(1)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor()
        )
        with opener.open(link, timeout=20) as page:
            assert page.url == link.partition("sign-in")[0]
        children = psutil.Process(cluster.process.pid).children(recursive=True)
        assert sum("celery" in child.cmdline() for child in children) == 2
    finally:
        cluster.process.send_signal(signal.SIGINT)
        code = cluster.stop(patience_s=40)
    assert code == 0, "\n".join(cluster.lines)
    assert not [child for child in children if child.is_running()]
    assert "Traceback" not in "\n".join(cluster.lines)


def test_a_command_ends_without_an_open_pool(database_url: str, tmp_path: Path) -> None:
    command = start_child(
        ["manage.py", "migrate", "-v0"],
        parweb_environment(tmp_path / "data", DATABASE_URL=database_url),
    )
    output, _ = command.process.communicate(timeout=PATIENCE_S)
    assert command.process.returncode == 0, output
    assert "psycopg.pool" not in output, "it waited for the pool's threads"
