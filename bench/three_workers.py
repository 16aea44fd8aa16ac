"""Three workers under one provider key at 50 calls a second: goodput, 429s and losses.

    .venv/bin/python bench/three_workers.py [--calls 1500] [--workers 3] [--declared 3000]

PostgreSQL, Valkey, the simulated provider, one web and all worker processes share this machine. The
calls come as one run a worker, told to be limited to `--declared` calls a minute (0: nothing is
declared, it is learned). All figures are from the provider's ledger: goodput as in
`bench/goodput.py`. Needs the development requirements.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import django

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.goodput import goodput  # noqa: E402
from bench.provider import started  # noqa: E402

RATE = 50.0  # calls a second
SIMULATOR = (f"--limit-rpm={RATE * 60:g}", "--burst=1", "--latency=fixed:0.1", "--tokens=20")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--calls", type=int, default=1500)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--declared", type=int, default=3000, help="calls a minute; 0: none")
    options = parser.parse_args()
    from parweb.servers import postgres, valkey

    with (
        tempfile.TemporaryDirectory(prefix="parweb-bench-", ignore_cleanup_errors=True) as name,
        postgres(Path(name) / "postgres") as database_url,
        valkey(Path(name) / "valkey") as redis_url,
        started(SIMULATOR, 1, keeps_ledger=True) as provider,
    ):
        environment = {
            **os.environ,
            "PARWEB_DATA": f"{name}/data",
            "DATABASE_URL": database_url,
            "PARWEB_REDIS_URL": redis_url,
            "PARWEB_WORKERS": str(options.workers),
            "PYTHONUNBUFFERED": "1",
        }
        succeeded = measure(options, environment, Path(name), f"{provider.url}/v1")
        entries = provider.entries()
    told = goodput(SimpleNamespace(limit_a_s=RATE, calls=options.calls), entries)
    print(
        f"{options.workers} workers, {options.calls:,} calls: goodput {told['x_limit']:.3f} of the "
        f"limit ({told['raw_a_s']:.1f} calls a second with the burst), "
        f"{told['throttled_share']:.2%} 429s, {options.calls - succeeded} lost"
    )


def measure(
    options: argparse.Namespace, environment: Mapping[str, str], directory: Path, url: str
) -> int:
    """Start the cluster, make the calls, end it; returns how many branches succeeded."""
    os.environ.update(environment, DJANGO_SETTINGS_MODULE="parweb.settings")
    django.setup()
    from parweb.management.commands.cluster import worker_arguments
    from parweb.worker import READY

    processes = [start(environment, "manage.py", "serve", "--port", "0")]
    try:
        wait_for(processes[0], r"ready: ")
        numbers = range(1, options.workers + 1)
        processes += [
            start(environment, *worker_arguments(number), errors=subprocess.STDOUT)
            for number in numbers
        ]
        for worker in processes[1:]:
            wait_for(worker, READY)
        return sum(run_all(options, environment, directory, url))
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def run_all(
    options: argparse.Namespace, environment: Mapping[str, str], directory: Path, url: str
) -> list[int]:
    """Launch a run a worker, all at once; how many branches of each succeeded."""
    runs = []
    for number in range(options.workers):
        file = directory / f"run{number}.json"
        lines = range(number, options.calls, options.workers)
        file.write_text(json.dumps(spec(url, options.declared, lines)), "utf-8")
        runs.append(start(environment, "manage.py", "launch", "--file", str(file), "--json"))
        time.sleep(0.5)  # the next one's doorbell reaches a worker that has none yet
    reports = [json.loads(run.communicate()[0].splitlines()[-1]) for run in runs]
    return [report["branches"].get("succeeded", 0) for report in reports]


def spec(url: str, declared: int, lines: range) -> dict[str, object]:
    return {
        "name": "Bench",
        "pattern": "sectioning",
        "join": {"method": "concatenate"},
        "on_failure": {"policy": "mark_gaps"},
        "split": {"by": "line"},
        "prompts": [{"text": "Repeat: {{ line.text }}"}],
        "call": {"connection": "bench", "model": "simulated-small", "max_tokens": 60},
        "provider": {
            "name": "bench", "kind": "simulated", "base_url": url, "in_flight": 200,
            **({"calls_per_minute": declared} if declared else {}),
        },
        "input": {"text": "\n".join(f"line number {n}" for n in lines)},
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


if __name__ == "__main__":
    main()
