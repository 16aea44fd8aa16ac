"""Several workers under one provider key: a cluster of processes on this machine, with PostgreSQL
and Valkey. The calls come as one run a worker."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from bench.provider import ROOT, Provider
from bench.scenarios import Figures, Scenario

WORKERS = 3


def cluster(scenario: Scenario, variant: str, provider: Provider) -> Figures:
    """`declared`: parweb is told of the limit. `learned`: it is not."""
    from parweb.servers import postgres, valkey

    declared = round(scenario.limit_a_s * 60) if variant == "declared" else 0
    with (
        tempfile.TemporaryDirectory(prefix="parweb-bench-", ignore_cleanup_errors=True) as name,
        postgres(Path(name) / "postgres") as database_url,
        valkey(Path(name) / "valkey") as redis_url,
    ):
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PARWEB_")},
            "PARWEB_DATA": f"{name}/data",
            "DATABASE_URL": database_url,
            "PARWEB_REDIS_URL": redis_url,
            "PARWEB_WORKERS": str(WORKERS),
            "PYTHONUNBUFFERED": "1",
        }
        settings = spec(f"{provider.url}/v1", scenario.in_flight, declared)
        began = time.monotonic()
        succeeded = worked(scenario.calls, settings, environment, Path(name))
        wall_s = time.monotonic() - began
    return {"wall_s": wall_s, "lost": scenario.calls - succeeded}


def worked(
    calls: int, settings: Mapping[str, object], environment: Mapping[str, str], directory: Path
) -> int:
    """Start the cluster, make the calls, end it; returns how many branches succeeded."""
    from parweb.management.commands.cluster import worker_arguments
    from parweb.worker import READY

    processes = [start(environment, "manage.py", "serve", "--port", "0")]
    try:
        wait_for(processes[0], r"ready: ")
        processes += [
            start(environment, *worker_arguments(number), errors=subprocess.STDOUT)
            for number in range(1, WORKERS + 1)
        ]
        for worker in processes[1:]:
            wait_for(worker, READY)
        return sum(run_all(calls, settings, environment, directory))
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def run_all(
    calls: int, settings: Mapping[str, object], environment: Mapping[str, str], directory: Path
) -> list[int]:
    """Launch a run a worker, all at once; how many branches of each succeeded."""
    runs = []
    for number in range(WORKERS):
        file = directory / f"run{number}.json"
        lines = "\n".join(f"line number {n}" for n in range(number, calls, WORKERS))
        file.write_text(json.dumps({**settings, "input": {"text": lines}}), "utf-8")
        runs.append(start(environment, "manage.py", "launch", "--file", str(file), "--json"))
        time.sleep(0.5)  # the next one's doorbell reaches a worker that has none yet
    reports = [json.loads(run.communicate()[0].splitlines()[-1]) for run in runs]
    return [report["branches"].get("succeeded", 0) for report in reports]


def spec(url: str, in_flight: int, declared: int) -> dict[str, object]:
    return {
        "name": "Bench",
        "pattern": "sectioning",
        "join": {"method": "concatenate"},
        "on_failure": {"policy": "mark_gaps"},
        "split": {"by": "line"},
        "prompts": [{"text": "Repeat: {{ line.text }}"}],
        "call": {"connection": "bench", "model": "simulated-small", "max_tokens": 60},
        "provider": {
            "name": "bench", "kind": "simulated", "base_url": url, "in_flight": in_flight,
            **({"calls_per_minute": declared} if declared else {}),
        },
    }  # fmt: skip


def start(
    environment: Mapping[str, str], *arguments: str, errors: int | None = None
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )


def wait_for(process: "subprocess.Popen[str]", pattern: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if re.search(pattern, line):
            return
    raise SystemExit(f"ended without a line like {pattern!r}")
