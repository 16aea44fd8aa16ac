"""Overview and the list of runs: what they show, how they page, and that rows cost no queries."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from runs.models import Join, Run
from runs.queries import run_list
from runs.services.examples import seed
from tests.factories import make_branch, make_configuration, make_run

HTMX = {"HX-Request": "true"}
DONE = {"succeeded": 3}
KPIS = {
    "wall_s": 4.6,
    "speed_up": 5.2,
    "speed_up_is": "measured",
    "cost_usd": 0.0078,
    "wasted_usd": 0.0011,
    "agreement": 0.64,
}


def ended(user: User, **values: object) -> Run:
    values = {"status": "succeeded", "outcome": "decided", "counts": DONE, "kpis": KPIS, **values}
    run = make_run(user, **values)
    Join.objects.filter(run=run).update(value="refundable")
    return run


def running(user: User, **values: object) -> Run:
    values = {
        "status": "running",
        "branches_planned": 24,
        "counts": {"succeeded": 12, "failed": 1, "running": 4},
        "in_flight": 4,
        "launched_at": timezone.now() - timedelta(seconds=6),
        **values,
    }
    return make_run(user, **values)


def test_a_first_visit_shows_the_ways_to_begin(signed_in: Client, user: User) -> None:
    seed(user)
    page = signed_in.get(reverse("overview")).text
    assert "Take a vote" in page
    assert "Incident review" in page
    assert "Recent runs" not in page


def test_the_last_30_days_are_summed_up_over_all_runs(signed_in: Client, user: User) -> None:
    now = timezone.now()
    more = {**KPIS, "attempts": 10, "throttled": 1, "one_by_one_s": 24.6, "held_s": 3}
    ended(user, ended_at=now, kpis=more)
    ended(user, ended_at=now, kpis={**more, "is_private": True, "speed_up_is": "estimated"})
    ended(user, ended_at=now - timedelta(days=31), kpis=more)
    page = signed_in.get(reverse("overview")).text
    month = page[page.index("Last 30 days") :]
    for words in ("20 calls", "20.0", "1 run not measured", "$0.0156", "$0.0022 wasted", "10.0",
                  "2 of 20 calls", "held 0.3\u00a0s a call", "2 votes, in the mean"):  # fmt: skip
        assert words in month


def test_an_ended_run_is_told_in_a_row(signed_in: Client, user: User) -> None:
    ended(user)
    page = signed_in.get(reverse("overview")).text
    for words in ("Decided: refundable", "4.6\u00a0s", "5.2×", "$0.0078", "$0.0011", "64% agree"):
        assert words in page
    assert "hx-get" not in page


def test_what_was_never_called_leaves_room_in_an_ended_runs_bar(
    signed_in: Client, user: User
) -> None:
    ended(user, branches_planned=9)
    assert 'aria-label="3 done, 6 not called"' in signed_in.get(reverse("runs")).text


def test_an_open_run_moves_and_tells_its_leader(signed_in: Client, user: User) -> None:
    run = running(user)
    for number, reading in enumerate(["refundable", "refundable", "not"]):
        make_branch(run, number=number, status="succeeded", reading=reading)
    part = signed_in.get(reverse("overview"), headers=HTMX)
    assert "<html" not in part.text
    assert 'hx-trigger="every 2s"' in part.text
    assert "12 of 24" in part.text
    assert "2 to 1" in part.text
    assert part.headers["Vary"].count("HX-Request") == 1


def test_polling_stops_with_the_last_open_run(signed_in: Client, user: User) -> None:
    ended(user)
    for name in ("overview", "runs"):
        assert "hx-trigger" not in signed_in.get(reverse(name), headers=HTMX).text


@pytest.mark.parametrize(
    ("kpis", "words"),
    [
        ({"speed_up": 4.0, "speed_up_is": "estimated"}, "up to 4.0×"),
        ({"speed_up": 4.0, "speed_up_is": "measured", "is_private": True}, "4.0×"),
        ({"speed_up": 4.0, "speed_up_is": "estimated", "is_private": True}, "not measured"),
        ({"speed_up": 0.8, "speed_up_is": "measured"}, "no faster"),
    ],
)
def test_a_speed_up_is_claimed_only_as_far_as_it_is_known(
    signed_in: Client, user: User, kpis: dict[str, object], words: str
) -> None:
    ended(user, kpis=kpis)
    page = signed_in.get(reverse("runs")).text
    assert words in page
    assert ("up to 4.0×" in page) == (words == "up to 4.0×")


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("open", {"R1", "R2"}),
        ("failed", {"R3"}),
        ("succeeded", {"R4"}),
        ("strange", {"R1", "R2", "R3", "R4"}),
    ],
)
def test_runs_are_filtered_by_state(
    signed_in: Client, user: User, status: str, shown: set[str]
) -> None:
    for name, state in (("R1", "queued"), ("R2", "held"), ("R3", "failed"), ("R4", "succeeded")):
        make_run(user, name=name, status=state)
    page = signed_in.get(reverse("runs"), {"status": status}).text
    assert {name for name in ("R1", "R2", "R3", "R4") if f"{name} ·" in page} == shown


def test_runs_are_filtered_by_configuration(signed_in: Client, user: User) -> None:
    mine = make_configuration(user)
    make_run(user, name="Mine", configuration=mine)
    make_run(user, name="Other")
    page = signed_in.get(reverse("runs"), {"configuration": mine.pk}).text
    assert "Mine ·" in page
    assert "Other ·" not in page


@pytest.mark.parametrize("query", ["before=x", "after=-1", "before=" + "9" * 40, "configuration=²"])
def test_a_strange_address_shows_the_list(signed_in: Client, user: User, query: str) -> None:
    make_run(user)
    assert signed_in.get(f"{reverse('runs')}?{query}").status_code == 200


def test_pages_go_through_all_runs_and_back(user: User) -> None:
    runs = [make_run(user) for _ in range(7)]
    rows = run_list.runs_of(user)
    seen: list[int] = []
    page = run_list.page(rows, before=None, after=None, size=3)
    assert page.newer is None
    while True:
        seen += [run.pk for run in page.runs]
        if page.older is None:
            break
        page = run_list.page(rows, before=page.older, after=None, size=3)
    assert seen == sorted((run.pk for run in runs), reverse=True)
    back = run_list.page(rows, before=None, after=page.newer, size=3)
    assert [run.pk for run in back.runs] == seen[3:6]
    assert run_list.page(rows, before=None, after=back.newer, size=3).newer is None


@pytest.mark.parametrize("name", ["overview", "runs", "configurations", "prompt_templates"])
def test_more_rows_take_no_more_queries(signed_in: Client, user: User, name: str) -> None:
    def fill() -> None:
        for _ in range(4):
            ended(user, configuration=make_configuration(user))
            running(user)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert signed_in.get(reverse(name)).status_code == 200
        return len(captured)

    fill()
    few = queries()
    fill()
    assert queries() == few <= 12


def test_the_list_does_not_read_heavy_columns(signed_in: Client, user: User) -> None:
    ended(user)
    with CaptureQueriesContext(connection) as captured:
        signed_in.get(reverse("runs"))
    statements = " ".join(query["sql"] for query in captured if "runs_run" in query["sql"])
    assert '"spec"' not in statements
    assert '"estimate"' not in statements
