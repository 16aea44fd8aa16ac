"""The worked examples: there once, and launchable at once. How they end: acceptance tests."""

import pytest
from django.contrib.auth.models import User

from runs.models import Configuration, Connection, Dataset, Template
from runs.planning import configuration as configurations
from runs.queries.configurations import newest_revision
from runs.services import examples
from runs.services.examples import EXAMPLES, Caller, seed
from runs.services.launching import prepare

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
