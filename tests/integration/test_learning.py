"""An ended run leaves behind what its calls showed, and the next estimate knows it."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import DjangoAssertNumQueries

from runs.execution.learning import keep
from runs.metrics.experience import Call, experiences
from runs.models import Connection, Learned, Run
from runs.planning import asks
from runs.planning import configuration as configurations
from runs.queries import learned
from runs.services.erasing import erase
from runs.services.launching import launch_run, prepare
from tests.factories import make_configuration, make_connection, voting_spec

INPUT = {"text": "The invoice lists the same line twice."}


def spec(**changes: object) -> configurations.Configuration:
    return configurations.parse(voting_spec(input=INPUT, **changes))


@pytest.fixture
def connection(user: User) -> Connection:
    return make_connection(user, name="Simulated")


def lesson(run: Run, calls: int = 3, output_tokens: int = 7, model: str = "simulated") -> None:
    configuration = configurations.parse(run.spec)
    print_ = asks.of_prompt(configuration.call, configuration.prompts[0])
    one = Call(print_, "branch", "Simulated", model, 40, output_tokens, 0, 100, 900)
    keep(run.pk, experiences([one] * calls))


def test_the_next_estimate_says_from_how_many_runs_it_knows(
    user: User, connection: Connection
) -> None:
    first = prepare(user, spec()).estimate
    assert [part.answers for part in first.parts] == ["assumed"]
    for _ in range(2):
        lesson(launch_run(owner=user, configuration=spec()))
    (part,) = prepare(user, spec()).estimate.parts
    assert (part.answers, part.runs, part.past_calls, part.output_tokens) == ("known", 2, 6, 7)
    assert part.speed == "known"


def test_what_the_estimate_said_of_the_input_is_kept_beside_what_was_billed(
    user: User, connection: Connection
) -> None:
    run = launch_run(owner=user, configuration=spec())
    lesson(run)
    row = Learned.objects.get(run=run)
    (part,) = run.estimate["parts"]
    assert row.input_told == part["told_tokens"]
    assert prepare(user, spec()).estimate.input_tokens == 3 * 40


def test_a_run_is_learned_from_once_and_forgotten_with_it(
    user: User, connection: Connection
) -> None:
    run = launch_run(owner=user, configuration=spec())
    lesson(run)
    lesson(run)
    assert Learned.objects.filter(run=run).count() == 1
    erase(run.pk)
    assert not Learned.objects.exists()


def test_nobody_learns_from_anothers_runs(
    user: User, other_user: User, connection: Connection
) -> None:
    make_connection(other_user, name="Simulated")
    lesson(launch_run(owner=other_user, configuration=spec()))
    (part,) = prepare(user, spec()).estimate.parts
    assert part.answers == "assumed"


def test_lengths_stay_known_when_the_connection_has_gone(
    user: User, connection: Connection
) -> None:
    lesson(launch_run(owner=user, configuration=spec()))
    connection.delete()
    make_connection(user, name="Simulated")
    (part,) = prepare(user, spec()).estimate.parts
    assert (part.answers, part.speed) == ("known", "assumed")


def test_the_past_is_read_in_two_queries_however_many_runs_there_are(
    user: User, connection: Connection, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    run = launch_run(owner=user, configuration=spec())
    lesson(run)
    row = Learned.objects.get(run=run)
    copies = [Learned(**{**_values(row), "id": None}) for _ in range(50)]
    Learned.objects.bulk_create(copies)
    with django_assert_num_queries(2):
        learned.history(user, spec(), {"Simulated": connection})


def _values(row: Learned) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in Learned._meta.concrete_fields}


def test_the_panel_says_from_where_it_knows(signed_in: Client, user: User) -> None:
    make_connection(user, name="Simulated", model_names=["simulated"])
    row = make_configuration(user, voting_spec(input=INPUT))
    page = reverse("configuration", args=[row.pk])
    before = signed_in.get(page).content.decode()
    assert "assumed to be half as long as allowed" in before
    lesson(launch_run(owner=user, configuration=spec()))
    after = signed_in.get(page).content.decode()
    assert "Learned from 1 earlier run of this prompt: 7 tokens an answer" in after
    assert "(median of 3 calls)" in after
