"""The worked examples end well, and within the ranges of their estimates: with nothing known of
them, and after a run to learn from."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runs.planning import configuration as configurations
from runs.planning import files
from runs.providers import local
from runs.services.examples import EXAMPLES, Caller
from tests.acceptance import oracle
from tests.processes import ROOT, parweb_environment

CHILDREN = {"Incident review": 12, "Ticket triage": 9, "Answer with a safety check": 3}
FIGURES = {"calls", "input_tokens", "output_tokens", "cost_usd", "seconds"}
DEAR = "UPDATE runs_connection SET price_input = 1, price_output = 4"


def launch(data: Path, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "manage.py", "launch", *arguments, "--json"],
        cwd=ROOT,
        env=parweb_environment(data),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return dict(json.loads(done.stdout))


def hold_to_it(found: dict[str, Any]) -> None:
    """It ended well; every figure was told, and lies within its range."""
    assert found["status"] == "succeeded"
    assert found["output"].strip()
    assert len(found["contributions"]) == CHILDREN[found["name"]]
    assert found["kpis"]["speed_up_is"] == "estimated"
    told = found["estimate"]
    assert set(told) == FIGURES
    outside = {name: one for name, one in told.items() if not one["is_within"]}
    assert not outside


def sources(data: Path, run: int) -> set[tuple[str, str]]:
    """From where the run's estimate knew lengths and seconds."""
    ((stored,),) = oracle.query(data, f"SELECT estimate FROM runs_run WHERE id = {run}")
    return {(part["answers"], part["speed"]) for part in json.loads(stored)["parts"]}


def learn_and_hold(data: Path, *arguments: str, is_simulated: bool = False) -> None:
    first = launch(data, *arguments)
    assert first["is_simulated"] == is_simulated
    assert sources(data, first["run"]) == {("assumed", "assumed")}
    hold_to_it(first)
    with sqlite3.connect(data / "parweb.sqlite3", timeout=20) as db:
        db.execute(DEAR)
    second = launch(data, *arguments)
    assert sources(data, second["run"]) == {("known", "known")}
    hold_to_it(second)
    assert second["estimate"]["cost_usd"]["took"] > 0


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.__name__)
def test_on_the_simulated_provider(example: Any, tmp_path: Path) -> None:
    path = tmp_path / "example.yaml"
    spec = example(Caller("Simulated", "simulated-small"))
    path.write_text(files.dump_yaml(configurations.parse(spec)), "utf-8")
    learn_and_hold(tmp_path / "data", "--file", str(path), is_simulated=True)


@pytest.mark.local_model
@pytest.mark.timeout(600)
@pytest.mark.skipif(not local.is_available(), reason="the local model is not installed")
@pytest.mark.parametrize("name", ["Ticket triage", "Answer with a safety check"])
def test_on_the_local_model(name: str, tmp_path: Path) -> None:
    learn_and_hold(tmp_path / "data", name)


@pytest.mark.local_model
@pytest.mark.timeout(600)
@pytest.mark.skipif(not local.is_available(), reason="the local model is not installed")
def test_many_calls_on_the_local_model(tmp_path: Path) -> None:
    """Once: it takes most of a minute."""
    hold_to_it(launch(tmp_path / "data", "Incident review"))
