"""What a run's page may ask for: its state as JSON, and a person's wishes."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from runs.live.watching import MOST_WATCHED, watch
from runs.models import Answer, Attempt, Branch, Item, Join, Outcome, Pass, Run
from runs.planning import configuration as configurations
from runs.services import runs as run_services
from runs.services import waking
from runs.services.launching import launch_run
from tests.factories import (
    make_attempt,
    make_branch,
    make_connection,
    make_run,
    voting_spec,
)

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
ACTIONS = ("run_cancel", "run_hold", "run_go_on", "run_baseline", "run_again", "run_delete")


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    ids: list[int] = []
    monkeypatch.setattr(waking.execute_run, "delay", ids.append)
    return ids


def act(client: Client, name: str, run: Run, **headers: str) -> Any:
    return client.post(reverse(name, args=[run.pk]), headers=headers)


def fresh(run: Run) -> Run:
    return Run.objects.get(pk=run.pk)


def state_of(client: Client, run: Run, **query: Any) -> list[dict[str, Any]]:
    answer = client.get(reverse("run_state", args=[run.pk]), query)
    assert answer.status_code == 200
    frames: list[dict[str, Any]] = json.loads(answer.content)["frames"]
    return frames


def test_state_is_the_delta_a_socket_would_have_sent(signed_in: Client, user: User) -> None:
    run = make_run(user, seq=5)
    make_branch(run, 0, answer="yes", seq=3)
    make_branch(run, 1, seq=5)
    make_attempt(Branch.objects.get(number=0), seq=3)
    (frame,) = state_of(signed_in, run, after=3)
    assert (frame["base"], frame["seq"]) == (3, 5)
    assert frame["branches"]["number"] == [1]
    (frame,) = state_of(signed_in, run, after=5, watch="0,1")
    assert frame["answers"] == {"0": "yes"}
    assert frame["attempts"]["branch"] == [0]
    assert state_of(signed_in, run, after=5) == []


@pytest.mark.parametrize(
    "query",
    [
        {"after": "x"},
        {"after": "-1"},
        {"after": "9" * 30},
        {"watch": "1,x"},
        {"watch": "99999999"},
        {"watch": ",".join(map(str, range(MOST_WATCHED + 1)))},
    ],
)
def test_a_bad_query_is_refused(signed_in: Client, user: User, query: dict[str, str]) -> None:
    answer = signed_in.get(reverse("run_state", args=[make_run(user).pk]), query)
    assert answer.status_code == 400


def test_nobody_reads_or_changes_another_persons_run(signed_in: Client, other_user: User) -> None:
    run = make_run(other_user, status="succeeded")
    assert signed_in.get(reverse("run_state", args=[run.pk])).status_code == 404
    for name in ACTIONS:
        assert act(signed_in, name, run).status_code == 404
    assert fresh(run).seq == run.seq


@pytest.mark.parametrize("name", ACTIONS)
def test_actions_are_posts_of_signed_in_people(client: Client, user: User, name: str) -> None:
    run = make_run(user)
    url = reverse(name, args=[run.pk])
    assert client.post(url).status_code == 302
    client.force_login(user)
    assert client.get(url).status_code == 405


def test_cancelling_is_a_wish_that_takes_a_number_and_rings(
    signed_in: Client,
    user: User,
    rung: list[int],
    django_capture_on_commit_callbacks: Any,
) -> None:
    run = make_run(user, seq=4, status="running")
    with django_capture_on_commit_callbacks(execute=True):
        answer = act(signed_in, "run_cancel", run, **HTMX)
    assert answer.status_code == 204
    after = fresh(run)
    assert (after.cancel_wanted, after.status, after.seq) == (True, "running", 5)
    assert rung == [run.pk]


def test_an_ended_run_is_not_cancelled(signed_in: Client, user: User) -> None:
    run = make_run(user, status="succeeded")
    assert act(signed_in, "run_cancel", run).status_code == 302
    assert not fresh(run).cancel_wanted


def test_hold_and_go_on(signed_in: Client, user: User) -> None:
    run = make_run(user, status="running")
    act(signed_in, "run_hold", run)
    assert fresh(run).hold_wanted
    act(signed_in, "run_go_on", run)
    assert (fresh(run).hold_wanted, fresh(run).status) == (False, "running")


def test_a_held_run_that_goes_on_queues_again(signed_in: Client, user: User) -> None:
    run = make_run(user, status="held", hold_wanted=True, reason="The quota is used up.")
    act(signed_in, "run_go_on", run)
    after = fresh(run)
    assert (after.status, after.hold_wanted, after.reason) == ("queued", False, "")


def test_a_baseline_is_measured_on_at_least_three_branches_of_an_ended_run(
    signed_in: Client, user: User
) -> None:
    run = make_run(user, status="succeeded")
    for number in range(3):
        make_branch(run, number, status="succeeded")
    assert act(signed_in, "run_baseline", run, **HTMX).status_code == 204
    assert fresh(run).baseline == {"wanted": 3}
    few = make_run(user, branches=2, status="succeeded")
    assert act(signed_in, "run_baseline", few).status_code == 409
    assert act(signed_in, "run_baseline", make_run(user, status="running")).status_code == 409


def test_again_launches_the_same_and_goes_there(signed_in: Client, user: User) -> None:
    make_connection(user, name="Simulated")
    spec = voting_spec(input={"text": "My card was charged twice."})
    run = launch_run(owner=user, configuration=configurations.parse(spec))
    answer = act(signed_in, "run_again", run)
    new = Run.objects.exclude(pk=run.pk).get()
    assert answer.headers["Location"] == reverse("run", args=[new.pk])
    assert (new.spec, new.number) == (run.spec, 2)
    answer = act(signed_in, "run_again", run, **HTMX)
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"]


def test_again_with_one_key_is_one_run(signed_in: Client, user: User) -> None:
    make_connection(user, name="Simulated")
    spec = voting_spec(input={"text": "My card was charged twice."})
    run = launch_run(owner=user, configuration=configurations.parse(spec))
    url = reverse("run_again", args=[run.pk])
    places = {signed_in.post(url, {"idempotency_key": "k"}).headers["Location"] for _ in "ab"}
    assert len(places) == 1


def test_again_without_its_connection_says_why(signed_in: Client, user: User) -> None:
    connection = make_connection(user, name="Simulated")
    spec = voting_spec(input={"text": "My card was charged twice."})
    run = launch_run(owner=user, configuration=configurations.parse(spec))
    connection.delete()
    answer = act(signed_in, "run_again", run)
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "no connection named" in page
    assert f'href="{reverse("run", args=[run.pk])}"' in page, "it leads back"
    words = act(signed_in, "run_again", run, **HTMX)
    assert words.status_code == 409
    assert "<" not in words.content.decode()


def test_an_open_run_must_be_cancelled_before_it_is_deleted(signed_in: Client, user: User) -> None:
    run = make_run(user, status="running")
    assert act(signed_in, "run_delete", run).status_code == 409
    assert fresh(run)


def test_a_run_is_deleted_with_all_its_data_and_nothing_else(signed_in: Client, user: User) -> None:
    kept, gone = (make_run(user, status="succeeded") for _ in "ab")
    for run in (kept, gone):
        Item.objects.create(run=run, number=0, label="x", fields={})
        Outcome.objects.create(run=run, join=run.joins.get(), kind="decided")
        for number in range(3):
            make_attempt(make_branch(run, number, answer="text", status="succeeded"))
    answer = act(signed_in, "run_delete", gone)
    assert answer.headers["Location"] == reverse("runs")
    for table, rows in ((Run, 1), (Pass, 1), (Item, 1), (Join, 1), (Outcome, 1), (Branch, 3)):
        assert table.objects.count() == rows
    assert Answer.objects.count() == Attempt.objects.count() == 3
    assert Branch.objects.filter(run=kept).count() == 3


def test_deleting_works_in_chunks(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runs.services.erasing.ROWS_A_CHUNK", 2)
    run = make_run(user, branches=5, status="failed")
    Item.objects.bulk_create(Item(run=run, number=n, label="", fields={}) for n in range(5))
    run_services.delete(run=run)
    assert not Run.objects.exists()
    assert not Branch.objects.exists()
    assert not Item.objects.exists()


def test_watching_keeps_what_others_watch_and_forgets_what_ended(user: User) -> None:
    run = make_run(user, status="running")
    first = watch(run.pk, {1})
    Run.objects.filter(pk=run.pk).update(watched={"1": 10**9, "2": -1})
    second = watch(run.pk, {3})
    assert first is not None
    assert second == first + 1
    assert set(fresh(run).watched) == {"1", "3"}


def test_an_ended_run_is_not_asked_for_text(user: User) -> None:
    run = make_run(user, status="succeeded")
    assert watch(run.pk, {1}) is None
    assert fresh(run).watched == {}
