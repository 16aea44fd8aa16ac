"""The benchmarks still run: every scenario, scaled down to a few calls, in one process."""

import subprocess
import sys
from pathlib import Path

from bench import page
from bench.scenarios import ALL, LOST, PEERS, WALL, Column, Goal, Scenario
from tests.processes import ROOT, parweb_environment

HERE = [scenario for scenario in ALL if scenario.trial != "cluster"]
COUNTS = ("lost", "false successes", "slot usable", "closed ≤", "over the cap", "recorded =")


def test_every_scenario_runs_and_loses_nothing(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    subprocess.run(
        [sys.executable, "bench/engine.py", "--few", "--out", str(page)],
        cwd=ROOT,
        env=parweb_environment(tmp_path),
        check=True,
        capture_output=True,
        timeout=160,
    )
    lines = page.read_text("utf-8").splitlines()
    goals = [line for line in lines if line.endswith(("| yes |", "| **no** |"))]
    assert len(goals) == sum(len(scenario.goals) for scenario in HERE)
    assert not [line for line in goals if "**no**" in line and any(c in line for c in COUNTS)]
    for scenario in HERE:
        table = lines[lines.index(f"## {scenario.name}") :]
        rows = {line.split(" | ")[0].strip("| ") for line in table if line.startswith("| ")}
        assert set(scenario.variants) - set(PEERS) <= rows


def test_the_page_says_what_each_variant_is() -> None:
    text = (ROOT / "bench" / "page.md").read_text("utf-8")
    named = {variant for scenario in ALL if not scenario.trial for variant in scenario.variants}
    assert not [variant for variant in named if variant not in text]


SCENARIO = Scenario(
    "made up", "", 10, 10, (), ("bare", "rows", "viewer"),
    (WALL, Column("x_bare", "× bare", 1), LOST),
    (
        Goal("rows", "wall_s", 2.0, "wall ≤ 2 s"),
        Goal("rows", "lost", 0, "0 lost"),
        Goal("viewer", "wall_s", 2.0, "wall ≤ 2 s"),
    ),
)  # fmt: skip


def figures(number: int, wall_s: float, cpu_ms: float, lost: int = 0) -> dict[str, float]:
    return {"round": number, "wall_s": wall_s, "cpu_ms": cpu_ms, "lost": lost}


def test_medians_are_told_ratios_within_a_round_and_of_losses_the_worst() -> None:
    measured = {
        "bare": [figures(1, 1.0, 0.1), figures(2, 1.0, 0.4), figures(3, 1.0, 0.1)],
        "rows": [figures(1, 1.5, 0.5), figures(2, 9.0, 2.0), figures(3, 1.0, 0.6, lost=1)],
    }
    assert page.told(SCENARIO, measured)[2:] == [
        "| bare | 1.00 | 1.0 | 0 |",
        "| rows | 1.50 | 5.0 | 1 |",
    ]
    assert page.goals([(SCENARIO, measured)])[2:] == [
        "| made up | wall ≤ 2 s (rows) | 1.5 | yes |",
        "| made up | 0 lost (rows) | 1 | **no** |",
        "| made up | wall ≤ 2 s (viewer) | not measured | **no** |",
    ]
