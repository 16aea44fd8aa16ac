"""The engine against the simulated provider, beside a bare client and plain httpx.

    .venv/bin/python bench/engine.py [--repeat 3] [--only plain,streamed] [--out docs/benchmarks.md]

Each measurement is a process of its own; the variants of a scenario take turns, and medians are
told. CPU is that of the measuring process (user and system) for 1,000 calls, the simulator's is
told apart. Ideal is calls ÷ in flight × latency. Needs the development requirements.
"""

import argparse
import asyncio
import json
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
BODY = {
    "model": "simulated-small",
    "stream": True,
    "stream_options": {"include_usage": True},
    "max_tokens": 300,
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """`simulator`: its arguments. `outage_s`: its faults end after so many seconds."""

    name: str
    calls: int
    in_flight: int
    simulator: tuple[str, ...]
    variants: tuple[str, ...]
    latency_s: float = 0.0
    calls_per_minute: float | None = None
    outage_s: float = 0.0


AT_ONCE = ("--latency=fixed:0",)
ALL = ("bare", "httpx", "memory", "rows")
SCENARIOS = {
    s.name: s
    for s in (
        Scenario("plain", 2_000, 100, (*AT_ONCE, "--tokens=4"), ALL),
        Scenario("streamed", 1_000, 100, (*AT_ONCE, "--tokens=100"), ALL),
        Scenario("latency", 1_000, 100, ("--latency=fixed:0.2", "--tokens=4"), ALL, 0.2),
        Scenario("wide", 2_000, 1_000, ("--latency=fixed:1.0", "--tokens=4"), ALL, 1.0),
        Scenario(
            "declared", 500, 500, ("--latency=fixed:0.1", "--limit-rpm=3000", "--burst=1"),
            ("memory",), calls_per_minute=3_000,
        ),
        Scenario(
            "learned", 500, 500, ("--latency=fixed:0.1", "--limit-rpm=3000", "--burst=1"),
            ("memory",),
        ),
        Scenario(
            "outage", 1_000, 100, ("--latency=fixed:0.1", "--tokens=4", "--fault=500:1.0"),
            ("memory",), 0.1, outage_s=20.0,
        ),
    )
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", default=",".join(SCENARIOS), help="scenarios, by comma")
    parser.add_argument("--out", type=Path, help="write the table here instead of printing it")
    parser.add_argument("--one", nargs=3, metavar=("SCENARIO", "VARIANT", "URL"))
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(SCENARIOS[options.one[0]], *options.one[1:])))
        return
    lines = [*head(options.repeat), *table(options)]
    if options.out:
        options.out.write_text("\n".join(lines) + "\n", "utf-8")
    else:
        print("\n".join(lines))


def head(repeat: int) -> list[str]:
    named = ("django", "httpx", "aiohttp", "uvloop", "orjson")
    versions = ", ".join(f"{name} {version(name)}" for name in named)
    return [
        "# Benchmarks",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {versions}; "
        f"{os.cpu_count()} cores, simulator and engine on the same machine; medians of {repeat}. "
        "Made by `make bench`; scenarios and variants are described in `bench/engine.py`.",
        "",
        "| scenario | variant | wall s | × ideal | CPU s / 1,000 | simulator's | goodput /s | "
        "calls | throttled | failed tries | lost |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]


def table(options: argparse.Namespace) -> list[str]:
    rows = []
    for name in options.only.split(","):
        scenario = SCENARIOS[name]
        told: dict[str, list[dict[str, float]]] = {variant: [] for variant in scenario.variants}
        for _ in range(options.repeat):
            for variant in scenario.variants:
                told[variant].append(measured(scenario, variant))
        for variant, found in told.items():
            rows.append(row(scenario, variant, found))
            print(rows[-1], file=sys.stderr)
    return rows


def row(scenario: Scenario, variant: str, found: list[dict[str, float]]) -> str:
    middle = {key: median(one[key] for one in found) for key in found[0]}
    ideal = scenario.calls / scenario.in_flight * scenario.latency_s
    is_paced = scenario.calls_per_minute or scenario.name in {"learned", "outage"}
    times = f"{middle['wall_s'] / ideal:.2f}" if ideal and not is_paced else ""
    cells = [
        scenario.name, variant, f"{middle['wall_s']:.2f}", times, f"{middle['cpu_ms']:.2f}",
        f"{middle['simulator_ms']:.2f}", f"{scenario.calls / middle['wall_s']:.0f}",
        f"{scenario.calls:,}", f"{middle['throttled']:g}", f"{middle['failed']:g}",
        f"{middle['lost']:g}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def measured(scenario: Scenario, variant: str) -> dict[str, float]:
    command = [sys.executable, "-m", "runs.providers.simulator", "--port=0", *scenario.simulator]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    simulator = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert simulator.stdout is not None
        address = next(m for line in simulator.stdout if (m := re.search(r"http://\S+", line)))
        me = [sys.executable, __file__, "--one", scenario.name, variant, address.group()]
        done = subprocess.run(me, cwd=ROOT, check=True, capture_output=True, text=True)
    finally:
        simulator.terminate()
        simulator.wait()
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    both = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    told["simulator_ms"] = max(both - told.pop("process_s"), 0.0) / scenario.calls * 1000
    return told


def one(scenario: Scenario, variant: str, url: str) -> dict[str, float]:
    work = {"bare": bare, "httpx": plain_httpx}.get(variant)
    told = floor(scenario, url, work) if work else engine(scenario, variant, url)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {**told, "process_s": usage.ru_utime + usage.ru_stime}


def floor(scenario: Scenario, url: str, work: Any) -> dict[str, float]:
    cpu, wall = time.process_time(), time.monotonic()
    asyncio.run(work(scenario, url))
    return {
        "wall_s": time.monotonic() - wall,
        "cpu_ms": (time.process_time() - cpu) / scenario.calls * 1000,
        "throttled": 0, "failed": 0, "lost": 0,
    }  # fmt: skip


def body(number: int) -> bytes:
    messages = [{"role": "user", "content": f"Repeat: line {number}"}]
    return json.dumps({**BODY, "messages": messages}).encode()


async def bare(scenario: Scenario, url: str) -> None:
    """The least that can be done: one socket a slot, bytes out, bytes in until the end mark."""
    host, port = url.removeprefix("http://").split(":")
    numbers = iter(range(scenario.calls))

    async def slot() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for number in numbers:
            content = body(number)
            writer.write(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                b"Content-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(content), content)
            )
            await reader.readuntil(b"0\r\n\r\n")
        writer.close()

    await asyncio.gather(*(slot() for _ in range(scenario.in_flight)))


async def plain_httpx(scenario: Scenario, url: str) -> None:
    """httpx as it comes, its pool as large as the calls at once, its own line reader, json."""
    import httpx

    numbers = iter(range(scenario.calls))
    limits = httpx.Limits(max_connections=scenario.in_flight)
    async with httpx.AsyncClient(limits=limits, timeout=60, trust_env=False) as client:

        async def slot() -> None:
            for number in numbers:
                path = f"{url}/v1/chat/completions"
                async with client.stream("POST", path, content=body(number)) as reply:
                    async for line in reply.aiter_lines():
                        if line.startswith("data: {"):
                            json.loads(line[6:])

        await asyncio.gather(*(slot() for _ in range(scenario.in_flight)))


def engine(scenario: Scenario, variant: str, url: str) -> dict[str, float]:
    """The product's own coordinator, gate and client; rows in memory or in a database."""
    with tempfile.TemporaryDirectory() as directory:
        os.environ.update(PARWEB_DATA=directory, DJANGO_SETTINGS_MODULE="parweb.settings")
        import django

        django.setup()
        from bench import engine_room

        return engine_room.work(scenario, variant, url)


if __name__ == "__main__":
    main()
