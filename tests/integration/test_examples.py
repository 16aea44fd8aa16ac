"""The worked examples: there once, launchable at once, and each ending well."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from runs.models import Configuration, Connection, Dataset, Template
from runs.planning import configuration as configurations
from runs.planning import files
from runs.providers import local
from runs.queries.configurations import newest_revision
from runs.services import examples
from runs.services.examples import EXAMPLES, Caller, seed
from runs.services.launching import prepare
from tests.processes import ROOT, parweb_environment

CHILDREN = {"Incident review": 12, "Ticket triage": 9, "Answer with a safety check": 3}
SIMULATED = Caller("Simulated", "simulated")


def test_seeding_twice_gives_each_once(user: User) -> None:
    seed(user)
    counts = [table.objects.count() for table in (Connection, Template, Dataset, Configuration)]
    seed(user)
    assert counts == [
        table.objects.count() for table in (Connection, Template, Dataset, Configuration)
    ]
    assert Configuration.objects.filter(is_example=True).count() == len(EXAMPLES)


def test_each_can_be_launched_without_a_change_or_a_warning(user: User) -> None:
    seed(user)
    for row in Configuration.objects.all():
        configuration = configurations.parse(newest_revision(row).spec)
        ready = prepare(user, configuration)
        assert ready.plan.child_branches == CHILDREN[row.name]
        assert ready.warnings == ()


def test_they_start_on_the_local_model_where_there_is_one(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "runs.services.connections.probe.default_models", lambda kind: (f"{kind}-model",)
    )
    seed(user)
    assert examples._caller(user) == Caller("Local model", "local-model")


def test_they_start_on_the_simulated_provider_elsewhere(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "runs.services.connections.probe.default_models",
        lambda kind: ("simulated",) if kind == "simulated" else (),
    )
    seed(user)
    assert examples._caller(user) == SIMULATED
    assert not Connection.objects.filter(kind="local").exists()


def launch(data: Path, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "manage.py", "launch", *arguments, "--json"],
        cwd=ROOT,
        env=parweb_environment(data),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check(found: dict[str, Any]) -> None:
    assert found["status"] == "succeeded"
    assert found["output"].strip()
    assert len(found["contributions"]) == CHILDREN[found["name"]]
    assert found["kpis"]["speed_up_is"] == "estimated"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.__name__)
def test_each_succeeds_on_the_simulated_provider(example: Any, tmp_path: Path) -> None:
    path = tmp_path / "example.yaml"
    path.write_text(files.dump_yaml(configurations.parse(example(SIMULATED))), "utf-8")
    found = launch(tmp_path / "data", "--file", str(path))
    assert found["is_simulated"]
    check(found)


@pytest.mark.local_model
@pytest.mark.skipif(not local.is_available(), reason="the local model is not installed")
@pytest.mark.parametrize("name", CHILDREN)
def test_each_succeeds_on_the_local_model(name: str, tmp_path: Path) -> None:
    found = launch(tmp_path / "data", name)
    assert not found["is_simulated"]
    check(found)
