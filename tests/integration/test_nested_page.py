"""The page of a nested run: its rows, their filters, one row; with and without scripts."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from runs.models import Run
from tests.factories import make_branch, make_run
from tests.nested import make_nested_run


@pytest.fixture
def run(user: User) -> Run:
    return make_nested_run(user, status="partial", counts={"succeeded": 14, "failed": 10})


def shown(client: Client, run: Run, query: str = "", **headers: str) -> str:
    response = client.get(reverse("run", args=[run.pk]) + query, headers=headers)
    assert response.status_code == 200
    return response.text


def rows_in(page: str) -> list[int]:
    """The numbers of the rows in the table, as people see them."""
    return [int(part.partition('"')[0]) for part in page.split('data-row="')[1:]]


def test_every_row_is_shown_with_its_outcome_answer_and_gold(signed_in: Client, run: Run) -> None:
    page = shown(signed_in, run)
    assert rows_in(page) == list(range(1, 11))
    for word in ("hit", "miss", "tie", "failed", "waiting"):
        assert f"</svg> {word}</td>" in page
    assert "What is number 3?" in page
    assert "6 or 7" in page


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("?rows=ties", [3, 8]),
        ("?rows=misses", [2, 7]),
        ("?rows=failed", [4, 9]),
        ("?rows=misses,ties", [3, 8, 2, 7]),
        ("?rows=open", [5, 10]),
        ("?rows=nonsense", list(range(1, 11))),
        ("?q=number+10", [10]),
        ("?rows=ties&q=number+8", [8]),
        ("?start=50", list(range(1, 11))),
        ("?start=x&rows=", list(range(1, 11))),
    ],
)
def test_the_address_says_which_rows_are_shown(
    signed_in: Client, run: Run, query: str, rows: list[int]
) -> None:
    assert rows_in(shown(signed_in, run, query)) == rows


def test_each_filter_has_its_count_and_toggles(signed_in: Client, run: Run) -> None:
    page = shown(signed_in, run, "?rows=ties")
    for word, count in (("All", 10), ("Ties", 2), ("Misses", 2), ("Failures", 2), ("Hits", 2)):
        assert f"{word} <span data-count>{count}</span>" in page
    assert 'href="?rows=ties,misses&amp;q=#rows"' in page
    assert 'href="?rows=&amp;q=#rows"' in page


def test_the_figures_are_those_of_the_rows(signed_in: Client, run: Run) -> None:
    page = shown(signed_in, run)
    assert "Accuracy of the join" in page
    assert "2 of 8" in page
    assert "2 misses and ties" not in page
    assert '<i class="misses" title="2: miss"></i>' in page


def test_one_tie_is_no_ties(signed_in: Client, user: User) -> None:
    page = shown(signed_in, make_nested_run(user, rows=4, status="partial"))
    assert "Every row is counted once: 1 hit, 1 miss, 1 tie, 1 failure" in page


def test_htmx_is_given_the_rows_alone(signed_in: Client, run: Run) -> None:
    part = shown(signed_in, run, "?rows=ties", **{"HX-Request": "true", "HX-Target": "nested-rows"})
    assert part.lstrip().startswith('<div id="nested-rows"')
    assert rows_in(part) == [3, 8]


def test_an_open_run_asks_for_its_changes_and_an_ended_one_does_not(
    signed_in: Client, user: User, run: Run
) -> None:
    headers = {"HX-Request": "true", "HX-Target": "nested-rows"}
    assert "every 2s" not in shown(signed_in, run)
    Run.objects.filter(pk=run.pk).update(status="running")
    assert "every 2s" in shown(signed_in, run)
    part = shown(signed_in, run, "?part=all&rows=misses", **headers)
    assert "every 2s" in part
    assert rows_in(part) == [2, 7]
    for name in ("run-pill", "nested-kpis", "nested-picture", "nested-side"):
        assert f'id="{name}" hx-swap-oob="true"' in part


def test_only_votes_whose_call_was_made_are_asked(signed_in: Client, user: User, run: Run) -> None:
    assert "up to 3 votes each (24 of 30 asked), majority · stops" in shown(signed_in, run)
    Run.objects.filter(pk=run.pk).update(status="running")
    for number in range(12, 15):  # the fifth row's votes are queued and not yet called
        make_branch(run, number, join_number=5)
    page = shown(signed_in, run, "?q=number+5")
    votes = page.partition('data-kpi="votes"')[2]
    assert votes.partition("<span data-value>")[2].startswith("24<")
    assert '<th class="n">Asked</th>' in page
    assert "</svg> waiting</td>" in page
    assert '<td class="n">3</td>' not in page
    make_branch(run, 27, join_number=10, status="running", sent_ms=5)
    assert "</svg> running</td>" in shown(signed_in, run, "?q=number+10")


@pytest.mark.parametrize("page", ["overview", "runs", "run"])
def test_what_is_swapped_in_brings_the_number_of_live_runs(
    signed_in: Client, run: Run, page: str
) -> None:
    address = reverse(page, args=[run.pk] if page == "run" else [])
    headers = {"HX-Request": "true", "HX-Target": "nested-rows"}
    for status, live in (("running", 1), ("succeeded", 0)):
        Run.objects.filter(pk=run.pk).update(status=status)
        assert f'data-live-now="{live}"' in signed_in.get(address, headers=headers).text
        assert "data-live-now" not in signed_in.get(address).text


def test_a_row_is_shown_with_its_votes_as_a_page_and_as_a_part(signed_in: Client, run: Run) -> None:
    address = reverse("run_row", args=[run.pk, 1])
    page = signed_in.get(address).text
    part = signed_in.get(address, headers={"HX-Request": "true"}).text
    assert "<html" in page
    assert "<html" not in part
    for text in (page, part):
        assert "What is number 2?" in text
        assert reverse("run_branch", args=[run.pk, 5]) in text
        assert ">5</span>" in text


def test_all_branches_are_a_page_away(signed_in: Client, run: Run) -> None:
    assert "All branches" in shown(signed_in, run, "?view=table")


def test_rows_that_are_not_there_and_runs_without_rows_are_not_found(
    signed_in: Client, user: User, run: Run
) -> None:
    plain = make_run(user, branches=1)
    for run_id, position in ((run.pk, 10), (plain.pk, 0), (10**6, 0)):
        assert signed_in.get(reverse("run_row", args=[run_id, position])).status_code == 404


def test_another_persons_rows_do_not_exist(client: Client, other_user: User, run: Run) -> None:
    client.force_login(other_user)
    for address in (reverse("run", args=[run.pk]), reverse("run_row", args=[run.pk, 0])):
        assert client.get(address).status_code == 404


@pytest.mark.parametrize("rows", [10, 120])
def test_the_number_of_queries_does_not_grow_with_rows(
    signed_in: Client,
    user: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
    rows: int,
) -> None:
    run = make_nested_run(user, rows=rows, status="partial")
    with django_assert_max_num_queries(16):
        page = shown(signed_in, run)
    assert len(rows_in(page)) == min(rows, 50)


def test_many_rows_are_shown_a_page_at_a_time(signed_in: Client, user: User) -> None:
    run = make_nested_run(user, rows=120, status="partial")
    assert rows_in(shown(signed_in, run, "?start=50"))[0] == 51
    assert rows_in(shown(signed_in, run, "?start=100")) == list(range(101, 121))


def test_a_nested_run_shows_its_calls_in_flight_and_what_limited_them(
    signed_in: Client, user: User
) -> None:
    run = make_nested_run(user, status="running", launched_at=timezone.now())
    html = signed_in.get(f"/runs/{run.pk}/").content.decode()
    assert 'aria-label="Calls in flight"' in html
    assert 'id="limits"' in html
    part = signed_in.get(f"/runs/{run.pk}/flight", headers={"HX-Request": "true"}).content.decode()
    assert "every 3s" in part
    Run.objects.filter(pk=run.pk).update(status="succeeded", ended_at=timezone.now())
    part = signed_in.get(f"/runs/{run.pk}/flight", headers={"HX-Request": "true"}).content.decode()
    assert "every" not in part
    assert "<html" in signed_in.get(f"/runs/{run.pk}/flight").content.decode()
