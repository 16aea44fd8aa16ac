"""A run of 1,000 branches watched in Chromium: its wall clock against the ideal one.

    .venv/bin/python bench/live_run.py [--branches 1000] [--in-flight 50] [--latency-ms 200]

The simulated provider, the serving process and the browser share this machine. The baseline is
arithmetic: branches ÷ in flight × latency. Needs Chromium and the development requirements.
"""

import argparse
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
LONG_TASKS = """
window.longTasks = [];
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) window.longTasks.push(Math.round(task.duration));
}).observe({ type: "longtask", buffered: true });
"""
LAST_RUN = (
    "SELECT id, status, json_extract(kpis, '$.wall_s'), json_extract(kpis, '$.one_by_one_s'),"
    " (julianday(ended_at) - julianday(launched_at)) * 86400,"
    " (SELECT count(*) FROM runs_attempt WHERE run_id = runs_run.id AND ended_ms IS NOT NULL),"
    " (SELECT min(sent_ms) FROM runs_attempt WHERE run_id = runs_run.id),"
    " (SELECT max(ended_ms) FROM runs_attempt WHERE run_id = runs_run.id)"
    " FROM runs_run ORDER BY id DESC LIMIT 1"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--branches", type=int, default=1000)
    parser.add_argument("--in-flight", type=int, default=50)
    parser.add_argument("--latency-ms", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        measure(options, Path(directory))


def measure(options: argparse.Namespace, directory: Path) -> None:
    env = {**os.environ, "PARWEB_DATA": str(directory / "data"), "PYTHONUNBUFFERED": "1"}
    latency = f"fixed:{options.latency_ms / 1000}"
    simulator = start(
        "-m", "runs.providers.simulator", "--port", "0", "--latency", latency, "--tokens", "4"
    )
    base_url = wait_for(simulator, r"(http://\S+)") + "/v1"
    parweb = start("manage.py", "serve", "--port", "0", env=env)
    try:
        link = wait_for(parweb, r"ready: (\S+)")
        warm_up(options, directory, base_url, env)
        watch(options, directory / "data" / "parweb.sqlite3", link)
    finally:
        for process in (parweb, simulator):
            process.terminate()
            process.wait()


def start(*arguments: str, env: dict[str, str] | None = None) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True
    )


def wait_for(process: "subprocess.Popen[str]", pattern: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(pattern, line):
            return found.group(1)
    raise SystemExit(f"ended without a line like {pattern!r}")


def warm_up(
    options: argparse.Namespace, directory: Path, base_url: str, env: dict[str, str]
) -> None:
    """The first run, from a file: the others are the same one, run again."""
    spec = {
        "name": "Bench",
        "pattern": "sectioning",
        "join": {"method": "concatenate"},
        "split": {"by": "line"},
        "prompts": [{"text": "Repeat: {{ line.text }}"}],
        "call": {"connection": "bench", "model": "simulated-small", "max_tokens": 60},
        "provider": {
            "name": "bench", "kind": "simulated", "base_url": base_url,
            "in_flight": options.in_flight,
        },
        "input": {"text": "\n".join(f"line number {n}" for n in range(options.branches))},
    }  # fmt: skip
    file = directory / "bench.yaml"
    file.write_text(json.dumps(spec), "utf-8")
    command = [sys.executable, "manage.py", "launch", "--file", str(file), "--json"]
    subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True)


def watch(options: argparse.Namespace, database: Path, link: str) -> None:
    ideal_s = options.branches / options.in_flight * options.latency_ms / 1000
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(link)
        page.goto(link.partition("/sign-in/")[0] + f"/runs/{last(database)[0]}/")
        page.add_init_script(LONG_TASKS)
        walls = [again(page, database, ideal_s) for _ in range(options.runs)]
        browser.close()
    print(f"median {median(walls):.2f} s = {median(walls) / ideal_s:.2f} × ideal ({ideal_s:.1f} s)")


def again(page: Page, database: Path, ideal_s: float) -> float:
    before = last(database)[0]
    page.get_by_role("button", name="Run again").click()
    page.wait_for_url(re.compile(rf"/runs/(?!{before}/)\d+/"))
    page.locator("#run-pill", has_text=re.compile("Joined|Failed|gap")).wait_for(timeout=120_000)
    run_id, status, _, one_by_one_s, wall_s, attempts, first_ms, last_ms = last(database)
    assert run_id != before
    longest = max(page.evaluate("window.longTasks") or [0])
    print(
        f"run {run_id}: {status}, {wall_s:.2f} s = {wall_s / ideal_s:.2f} × ideal, "
        f"calls from {first_ms} to {last_ms} ms, "
        f"one by one {one_by_one_s:.0f} s, {attempts} attempts stored, "
        f"longest task in the page {longest} ms"
    )
    return float(wall_s)


def last(database: Path) -> tuple[int, str, float, float, float, int, int, int]:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        return db.execute(LAST_RUN).fetchone()  # type: ignore[no-any-return]


if __name__ == "__main__":
    main()
