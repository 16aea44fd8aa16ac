"""The benchmarks still run: every scenario, scaled down to a few calls, in one process."""

import subprocess
import sys
from pathlib import Path

from bench.scenarios import ALL, PEERS
from tests.processes import ROOT, parweb_environment

COUNTS = ("lost", "false successes", "slot usable", "closed ≤", "over the cap", "recorded =")


def test_every_scenario_runs_and_loses_nothing(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    subprocess.run(
        [sys.executable, "bench/engine.py", "--few", "--out", str(page)],
        cwd=ROOT,
        env=parweb_environment(tmp_path),
        check=True,
        capture_output=True,
        timeout=120,
    )
    lines = page.read_text("utf-8").splitlines()
    goals = [line for line in lines if line.endswith(("| yes |", "| **no** |"))]
    assert len(goals) == sum(len(scenario.goals) for scenario in ALL)
    assert not [line for line in goals if "**no**" in line and any(c in line for c in COUNTS)]
    for scenario in ALL:
        table = lines[lines.index(f"## {scenario.name}") :]
        rows = {line.split(" | ")[0].strip("| ") for line in table if line.startswith("| ")}
        assert set(scenario.variants) - set(PEERS) <= rows


def test_the_page_says_what_each_variant_is() -> None:
    text = (ROOT / "bench" / "page.md").read_text("utf-8")
    named = {variant for scenario in ALL if not scenario.trial for variant in scenario.variants}
    assert not [variant for variant in named if variant not in text]
