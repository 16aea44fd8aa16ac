"""What viewers are told, once more on PostgreSQL and over Redis: the same tests, other servers."""

import os
import subprocess
import sys

import pytest

from tests.processes import ROOT

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]


@pytest.mark.parametrize("path", ["tests/unit/live", "tests/integration/test_live_socket.py"])
def test_viewers_are_told_the_same_in_a_cluster(
    path: str, postgres_url: str, redis_url: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", path, "-q", "-p", "no:cacheprovider", "--deselect",
         "tests/unit/live/test_layers.py"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": postgres_url, "PARWEB_REDIS_URL": redis_url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=360,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
