"""Three workers under one provider key keep its limit together, with Redis and without."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import oracle
from tests.cluster import Cluster, StartCluster
from tests.processes import Simulator, StartSimulator

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

WORKERS = 3
RATE = 50.0  # calls a second
FIRST = 20  # a burst of 50 is taken; 64 calls go out before the first reply, in all
RUNS = 3  # a run is worked on by one worker
CALLS = 450
PATIENCE_S = 30.0
OWNERS = "SELECT lease_owner FROM runs_run WHERE lease_owner <> ''"
REASONS = "SELECT reason FROM runs_limiterchange ORDER BY id"


def launch(
    cluster: Cluster,
    simulator: Simulator,
    tmp_path: Path,
    calls: int,
    *,
    in_flight: int = 64,
    declared: float | None = RATE * 60,
) -> list[oracle.Launch]:
    """So many calls in several runs under one connection."""
    provider = {
        "name": "shared", "kind": "simulated", "base_url": simulator.base_url,
        "in_flight": in_flight, **({"calls_per_minute": declared} if declared else {}),
    }  # fmt: skip
    files = [
        oracle.run_file(
            tmp_path / f"run{n}.yaml", simulator.base_url, calls // RUNS,
            provider=provider, call={"connection": "shared", "model": "simulated"},
            input={"text": "\n".join(f"run {n}, line {i}" for i in range(calls // RUNS))},
        )
        for n in range(RUNS)
    ]  # fmt: skip
    return [
        oracle.launch(cluster.data, "--file", str(file), **cluster.environment) for file in files
    ]


def check_whole(launched: list[oracle.Launch], calls: int) -> None:
    results = [one.result() for one in launched]
    assert [result["status"] for result in results] == ["succeeded"] * RUNS, results
    assert sum(result["branches"]["succeeded"] for result in results) == calls


def owners(cluster: Cluster) -> int:
    """How many workers have some of the runs, once all of them are owned."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        found = [owner for (owner,) in oracle.query(cluster.database_url, OWNERS)]
        if len(found) == RUNS:
            return len(set(found))
        time.sleep(0.02)
    raise AssertionError("some run was never owned, or ended before the others began")


def told_by(entries: list[dict[str, Any]]) -> tuple[float, int, int]:
    """From the ledger: calls a second, and how many were answered and refused."""
    starts = [entry["at"] for entry in entries if entry["event"] == "start"]
    ends = [entry["status"] for entry in entries if entry["event"] == "end"]
    answered, refused = ends.count(200), ends.count(429)
    return answered / (max(starts) - min(starts)), answered, refused


@pytest.mark.parametrize(
    ("settings", "most_refused"),
    [
        pytest.param({}, 0.02 * CALLS, id="declared"),
        # Only of those that were sent before the first reply:
        pytest.param({"in_flight": 200, "declared": None}, FIRST, id="learned"),
    ],
)
def test_workers_keep_one_limit_together(
    settings: dict[str, Any],
    most_refused: float,
    start_cluster: StartCluster,
    start_simulator: StartSimulator,
    tmp_path: Path,
) -> None:
    cluster = start_cluster(workers=WORKERS)
    simulator = start_simulator("--latency", "fixed:0.1", "--limit-rpm", f"{RATE * 60:g}")
    launched = launch(cluster, simulator, tmp_path, CALLS, **settings)
    assert owners(cluster) > 1
    check_whole(launched, CALLS)
    goodput, answered, refused = told_by(simulator.entries())
    print(f"goodput {goodput:.1f}/s, {refused} refused")
    assert answered == CALLS
    assert goodput >= 0.85 * RATE, "runs begin and end at different moments"
    assert refused <= most_refused


def test_workers_keep_the_limit_at_their_shares_while_redis_is_away(
    start_cluster: StartCluster, start_simulator: StartSimulator, tmp_path: Path
) -> None:
    cluster = start_cluster(workers=WORKERS)
    simulator = start_simulator("--latency", "fixed:0.1", "--limit-rpm", f"{RATE * 60:g}")
    launched = launch(cluster, simulator, tmp_path, calls := 600)
    assert owners(cluster) > 1
    cluster.valkey.terminate()
    time.sleep(3.0)
    cluster.valkey.start()
    check_whole(launched, calls)
    _, answered, refused = told_by(simulator.entries())
    assert answered == calls
    assert refused <= 0.05 * calls
    reasons = {reason for (reason,) in oracle.query(cluster.database_url, REASONS)}
    assert any("Redis is away" in reason for reason in reasons), reasons
    assert any("Redis is back" in reason for reason in reasons), reasons
