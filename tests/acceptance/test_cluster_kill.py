"""A cluster that loses a worker or its Redis in the middle of a run, or hears of a run too often:
the run ends, and nothing is paid twice."""

import os
import signal
import time
from pathlib import Path

import pytest

from parweb.celery import app
from tests.acceptance import oracle
from tests.cluster import Cluster, StartCluster
from tests.processes import Simulator, StartSimulator

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

BRANCHES = 60
SLOTS = 8  # the connection's: one busy worker has them all
TAKEOVER_S = 40.0  # a lease of 30 s and a sweep each 10 s
FROZEN_S = 20.0  # longer than a transaction may idle, shorter than a lease
DELIVERIES = 30
OPEN_ATTEMPTS = "SELECT count(*) FROM runs_attempt WHERE status = 'sent'"
RUN = "SELECT id, lease_owner, status FROM runs_run"
FREEZES = 400  # until one falls into a transaction
# A transaction of a worker that works is open for less; this one holds the row of a run.
IN_A_COMMIT = (
    "SELECT a.pid FROM pg_stat_activity a JOIN pg_locks l USING (pid) "
    "WHERE a.state = 'idle in transaction' AND now() - a.state_change > interval '20 ms' "
    "AND a.datname = current_database() AND l.mode = 'RowExclusiveLock' "
    "AND l.relation = 'runs_run'::regclass"
)


def launch(
    cluster: Cluster, simulator: Simulator, tmp_path: Path, branches: int = BRANCHES
) -> oracle.Launch:
    file = oracle.run_file(tmp_path / "run.yaml", simulator.base_url, branches)
    return oracle.launch(cluster.data, "--file", str(file), **cluster.environment)


def owner_of(cluster: Cluster) -> int:
    """Process id of the worker that owns the one run; 0 where nobody does."""
    [(_, owner, _)] = oracle.query(cluster.database_url, RUN)
    return int(owner.split(":")[1]) if owner else 0


def wait_for_owner(cluster: Cluster, pid: int, patience_s: float) -> float:
    """Seconds until this worker owns the run."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < patience_s:
        if owner_of(cluster) == pid:
            return waited
        time.sleep(0.05)
    raise AssertionError(f"Worker {pid} did not take the run over within {patience_s} s.")


def check_whole(cluster: Cluster, launched: oracle.Launch, branches: int = BRANCHES) -> None:
    result = launched.result()
    assert result["status"] == "succeeded", result
    assert result["branches"] == {"succeeded": branches}
    assert len(result["contributions"]) == branches
    assert oracle.query(cluster.database_url, OPEN_ATTEMPTS) == [(0,)]


def check_called_once(simulator: Simulator) -> None:
    prompts = [e["prompt_hash"] for e in simulator.entries() if e["event"] == "start"]
    assert len(prompts) == len(set(prompts)) == BRANCHES


def test_another_worker_takes_over_from_a_killed_one_and_calls_no_finished_branch_again(
    start_cluster: StartCluster, start_simulator: StartSimulator, tmp_path: Path
) -> None:
    cluster = start_cluster(workers=2)
    simulator = start_simulator("--latency", "uniform:0.1,0.4", "--seed", "3")
    launched = launch(cluster, simulator, tmp_path)
    oracle.wait_for_starts(simulator, BRANCHES // 2)
    first = owner_of(cluster)
    [second] = cluster.workers.keys() - {first}
    cluster.kill_worker(first)
    before, finished = simulator.entries(), oracle.finished_uuids(cluster.database_url)
    assert finished
    in_flight = {e["uuid"] for e in before if e["event"] == "start"} - finished
    assert 0 < len(in_flight) <= SLOTS, "killed in the middle"
    took_s = wait_for_owner(cluster, second, TAKEOVER_S)
    check_whole(cluster, launched)
    oracle.check_after_kill(before, finished, simulator.entries())
    print(f"taken over {took_s:.1f} s after the kill, {len(in_flight)} calls were in flight")


def test_another_worker_takes_over_from_one_frozen_in_the_middle_of_a_commit(
    start_cluster: StartCluster, start_simulator: StartSimulator, tmp_path: Path
) -> None:
    """So stands a worker whose machine is gone: nobody closes its transaction, which holds the
    run's row. Once it wakes up, it calls and writes nothing any more."""
    branches = 300
    cluster = start_cluster(workers=2)
    simulator = start_simulator("--latency", "uniform:0.1,0.4", "--seed", "3")
    launched = launch(cluster, simulator, tmp_path, branches)
    oracle.wait_for_starts(simulator, branches // 3)
    first = owner_of(cluster)
    [second] = cluster.workers.keys() - {first}
    freeze_in_a_commit(cluster, first)
    before, finished = simulator.entries(), oracle.finished_uuids(cluster.database_url)
    assert finished
    took_s = wait_for_owner(cluster, second, TAKEOVER_S)
    os.kill(first, signal.SIGCONT)
    check_whole(cluster, launched, branches)
    oracle.check_after_kill(before, finished, simulator.entries())
    print(f"taken over {took_s:.1f} s after the freeze")
    cluster.kill_worker(second)  # the other one works as before
    again = oracle.run_file(tmp_path / "again.yaml", simulator.base_url, SLOTS)
    told = oracle.launch(cluster.data, "--file", str(again), **cluster.environment).result()
    assert told["branches"] == {"succeeded": SLOTS}


def test_a_worker_frozen_in_a_commit_for_less_than_its_lease_goes_on_with_its_run(
    start_cluster: StartCluster, start_simulator: StartSimulator, tmp_path: Path
) -> None:
    """The database has ended its transaction meanwhile, and the run is still its own."""
    branches = 120
    cluster = start_cluster(workers=1)
    simulator = start_simulator("--latency", "uniform:0.1,0.4", "--seed", "3")
    launched = launch(cluster, simulator, tmp_path, branches)
    oracle.wait_for_starts(simulator, branches // 3)
    worker = owner_of(cluster)
    freeze_in_a_commit(cluster, worker)
    time.sleep(FROZEN_S)
    os.kill(worker, signal.SIGCONT)
    check_whole(cluster, launched, branches)


def freeze_in_a_commit(cluster: Cluster, pid: int) -> None:
    for _ in range(FREEZES):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.03)
        if oracle.query(cluster.database_url, IN_A_COMMIT):
            return
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.002)
    raise AssertionError("The worker was never caught in the middle of a commit.")


def test_a_message_delivered_many_times_has_the_effect_of_one(
    start_cluster: StartCluster, start_simulator: StartSimulator, tmp_path: Path
) -> None:
    cluster = start_cluster(workers=2)
    simulator = start_simulator("--latency", "uniform:0.1,0.3")
    launched = launch(cluster, simulator, tmp_path)
    oracle.wait_for_starts(simulator, 1)
    [(run_id, _, _)] = oracle.query(cluster.database_url, RUN)
    deliver(cluster, run_id)
    check_whole(cluster, launched)
    deliver(cluster, run_id)  # of a run that has ended, too
    cluster.wait_until_heard()
    check_called_once(simulator)
    assert oracle.query(cluster.database_url, "SELECT fence, status FROM runs_run") == [
        (1, "succeeded")
    ]


def deliver(cluster: Cluster, run_id: int) -> None:
    """The doorbell of this run, rung often."""
    with app.connection_for_write(cluster.environment["PARWEB_REDIS_URL"]) as connection:
        for _ in range(DELIVERIES):
            app.send_task("runs.execute", (run_id,), connection=connection, queue="parweb")


@pytest.mark.parametrize("fault", ["flushed", "frozen", "killed"])
def test_a_run_goes_on_without_redis(
    start_cluster: StartCluster, start_simulator: StartSimulator, tmp_path: Path, fault: str
) -> None:
    cluster = start_cluster(workers=2)
    simulator = start_simulator("--latency", "uniform:0.1,0.3")
    launched = launch(cluster, simulator, tmp_path)
    oracle.wait_for_starts(simulator, BRANCHES // 4)
    redis = cluster.valkey.client()
    if fault == "flushed":
        redis.flushall()
    elif fault == "frozen":
        os.kill(redis.info("server")["process_id"], signal.SIGSTOP)
    else:
        cluster.valkey.terminate()
    check_whole(cluster, launched)
    check_called_once(simulator)


def test_a_run_launched_without_redis_is_found_by_a_sweep(
    start_cluster: StartCluster, start_simulator: StartSimulator, tmp_path: Path
) -> None:
    cluster = start_cluster(workers=2)
    cluster.valkey.terminate()
    simulator = start_simulator("--latency", "fixed:0.02")
    launched = launch(cluster, simulator, tmp_path)
    oracle.wait_for_starts(simulator, 1)
    check_whole(cluster, launched)
    check_called_once(simulator)
