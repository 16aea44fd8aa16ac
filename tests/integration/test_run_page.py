"""A run's page on a real database: complete without JavaScript, its owner's alone."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from runs.models import Branch, Item, Join, Outcome, Run, row_id
from tests.factories import make_attempt, make_branch, make_run, sectioning_spec

pytestmark = pytest.mark.django_db
ENDED = {"status": "succeeded", "seq": 9, "kpis": {"wall_s": 3.2, "attempts": 3}}


def vote(run: Run, number: int, reading: str, **values: Any) -> None:
    times = {"ready_ms": 0, "sent_ms": 20, "first_token_ms": 200, "ended_ms": 1800 + number}
    branch = make_branch(
        run, number, f"I say\n{reading}", status="succeeded", tries=1, reading=reading,
        label=f"Vote {number + 1}", output_tokens=12, cost_usd=0.001, seq=9, **times, **values,
    )  # fmt: skip
    make_attempt(branch, status="ok", sent_ms=20, ended_ms=1800, cost_usd=0.001)


def decide(run: Run, kind: str, value: str | None, contributions: list[list[Any]]) -> None:
    tally: dict[str, int] = {}
    for _, _, _, reading in contributions:
        if reading:
            tally[reading] = tally.get(reading, 0) + 1
    Outcome.objects.create(
        run=run, join_id=row_id(run.pk, 0), kind=kind, value=value, detail="Said once.",
        contributions=contributions, quality={"tally": tally},
    )  # fmt: skip
    Join.objects.filter(run=run, number=0).update(
        children=len(contributions), status="done", outcome=kind
    )
    Run.objects.filter(pk=run.pk).update(
        outcome=kind, ended_at=timezone.now(), branches_planned=len(contributions), **ENDED
    )


@pytest.fixture
def ended_vote(user: User) -> Run:
    run = make_run(user)
    for number, reading in enumerate(["bug", "bug", "billing"]):
        vote(run, number, reading)
    used, outvoted = ["used", "", "bug"], ["outvoted", "", "billing"]
    decide(run, "decided", "bug", [[0, *used], [1, *used], [2, *outvoted]])
    return run


def sections(user: User, method: str = "concatenate") -> Run:
    spec = sectioning_spec(join={"method": method})
    run = make_run(user, pattern="sectioning", method=method, spec=spec)
    for number, label in enumerate(["Frankfurt", "<script>alert(1)</script>"]):
        Item.objects.create(
            run=run, number=number, label=label, fields={"document.text": f"Report on {label}"}
        )
        make_branch(
            run, number, f"Summary of {label}", status="succeeded", role="section", label=label,
            item_number=number, tries=1, ready_ms=0, sent_ms=10, first_token_ms=90, ended_ms=900,
        )  # fmt: skip
    make_branch(
        run, 2, status="failed", role="section", label="Dublin", tries=2, ready_ms=0, sent_ms=900,
        ended_ms=1900, trail="10-600:error", error_kind="deadline", reason="Failed after 2 tries.",
    )  # fmt: skip
    used = ["used", "part of it", None]
    gap = [2, "failed", "timed out", None]
    decide(run, "joined_with_gaps", "All of it", [[0, *used], [1, *used], gap])
    return run


def body(client: Client, url: str, **headers: str) -> str:
    response = client.get(url, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def test_an_ended_vote_is_complete_without_javascript(signed_in: Client, ended_vote: Run) -> None:
    html = body(signed_in, f"/runs/{ended_vote.pk}/")
    for words in ("Decided", "Vote", "3.2", "2 to 1", "Every vote is counted once", "1 outvoted"):
        assert words in html
    assert html.count('class="branch"') == 3
    assert html.count('class="seg ') >= 6


def test_the_page_carries_its_state_for_an_instant_start(
    signed_in: Client, ended_vote: Run
) -> None:
    html = body(signed_in, f"/runs/{ended_vote.pk}/")
    start = html.index('<script id="snapshot" type="application/json">')
    snapshot = json.loads(html[html.index(">", start) + 1 : html.index("</script>", start)])
    assert snapshot["branches"]["reading"] == ["bug", "bug", "billing"]


def test_no_script_stands_in_the_page(signed_in: Client, ended_vote: Run) -> None:
    html = body(signed_in, f"/runs/{ended_vote.pk}/")
    scripts = [part.split(">", 1) for part in html.split("<script")[1:]]
    assert all("src=" in head or "application/json" in head for head, _ in scripts)
    assert " onclick=" not in html


def test_a_running_vote_names_the_leader(signed_in: Client, user: User) -> None:
    run = make_run(user, 5, status="running")
    run.branches.filter(number__lt=2).update(status="succeeded", reading="bug", tries=1)
    html = body(signed_in, f"/runs/{run.pk}/")
    assert "Leading" in html
    assert "3 votes are still open" in html


def test_a_cancelled_vote_has_no_leader(signed_in: Client, user: User) -> None:
    run = make_run(user, 5, status="cancelled", ended_at=timezone.now())
    run.branches.filter(number__lt=2).update(status="succeeded", reading="bug", tries=1)
    html = body(signed_in, f"/runs/{run.pk}/")
    assert "Leading" not in html
    assert "2 answers came in; they were not joined." in html
    assert "The run ended before its join: nothing was joined" in html


@pytest.mark.parametrize(("values", "is_held"), [({}, False), ({"hold_wanted": True}, True)])
def test_what_is_held_may_go_on(
    signed_in: Client, user: User, values: dict[str, bool], is_held: bool
) -> None:
    run = make_run(user, status="running", **values)
    html = body(signed_in, f"/runs/{run.pk}/")
    assert ("data-when-held hidden" in html) is not is_held
    assert ("data-until-held hidden" in html) is is_held


def test_a_tie_is_told_as_one(signed_in: Client, user: User) -> None:
    run = make_run(user)
    vote(run, 0, "bug")
    vote(run, 1, "billing")
    decide(run, "tie", None, [[0, "used", "", "bug"], [1, "used", "", "billing"]])
    html = body(signed_in, f"/runs/{run.pk}/")
    assert "1 to 1: a tie, and told as one" in html


def test_joined_sections_show_their_gaps_and_escape_what_models_say(
    signed_in: Client, user: User
) -> None:
    html = body(signed_in, f"/runs/{sections(user).pk}/")
    assert "Summary of Frankfurt" in html
    assert "Joined with gaps" in html
    assert 'class="gap-mark">timed out' in html
    assert "<script>alert" not in html


def test_what_failed_is_told_apart_from_what_was_cancelled_for_it(
    signed_in: Client, user: User
) -> None:
    run = sections(user)
    run.branches.filter(number=0).update(status="cancelled")
    Outcome.objects.filter(run=run).update(kind="failed", value="")
    Run.objects.filter(pk=run.pk).update(status="failed", outcome="failed")
    html = body(signed_in, f"/runs/{run.pk}/")
    assert "Branch 3 failed; 1 branch was cancelled for it." in html
    assert "The text marks" not in html, "there is no text"


def test_merges_that_were_cut_are_told(signed_in: Client, user: User) -> None:
    run = sections(user, "merge")
    make_branch(run, 3, "Most of", status="succeeded", role="merge", level=1, is_cut=True)
    html = body(signed_in, f"/runs/{run.pk}/")
    assert "1 merge ended at the output limit and was accepted cut:" in html


def test_parts_past_the_first_dozen_are_folded(signed_in: Client, user: User) -> None:
    run = sections(user)
    for number in range(3, 15):
        make_branch(run, number, status="succeeded", role="section", label=f"Line {number}")
    Outcome.objects.filter(run=run).update(kind="joined", contributions=[])
    Run.objects.filter(pk=run.pk).update(branches_planned=15)
    assert "Show 3 more parts" in body(signed_in, f"/runs/{run.pk}/")


def test_contributions_that_do_not_add_up_are_told(signed_in: Client, ended_vote: Run) -> None:
    Join.objects.filter(run=ended_vote).update(children=4)
    assert "The contributions do not add up" in body(signed_in, f"/runs/{ended_vote.pk}/")


def test_simulated_answers_are_labelled(signed_in: Client, user: User) -> None:
    run = make_run(user, 1, is_simulated=True)
    assert "Simulated answers" in body(signed_in, f"/runs/{run.pk}/")


def test_a_queued_run_has_a_page(signed_in: Client, user: User) -> None:
    run = make_run(user, status="queued", launched_at=None)
    assert "Queued" in body(signed_in, f"/runs/{run.pk}/")


@pytest.mark.parametrize("query", ["state=failed", "start=2", "view=table", "state=x&start=-1"])
def test_the_timeline_follows_its_address(signed_in: Client, ended_vote: Run, query: str) -> None:
    assert 'id="timeline"' in body(signed_in, f"/runs/{ended_vote.pk}/?{query}")


def test_the_panel_comes_as_a_fragment(signed_in: Client, ended_vote: Run) -> None:
    html = body(signed_in, f"/runs/{ended_vote.pk}/panel")
    assert "Checks on the join" in html
    assert 'hx-swap-oob="true"' in html
    assert "<html" not in html


def test_the_table_comes_as_a_fragment(signed_in: Client, ended_vote: Run) -> None:
    html = body(signed_in, f"/runs/{ended_vote.pk}/panel?part=table")
    assert html.count("<tr>") == 4
    assert "<html" not in html


def test_a_branch_shows_prompt_answer_and_tries(signed_in: Client, user: User) -> None:
    run = sections(user)
    html = body(signed_in, f"/runs/{run.pk}/branches/0/", HX_Request="true")
    assert "Summarise: Report on Frankfurt" in html
    assert "Summary of Frankfurt" in html
    assert "<html" not in html


def test_a_failed_branch_shows_each_try_and_the_wait_between(signed_in: Client, user: User) -> None:
    run = sections(user)
    failed = run.branches.get(number=2)
    make_attempt(
        failed, 1, status="error", sent_ms=10, ended_ms=600, status_code=503, error="Overloaded.",
        error_kind="unavailable", is_cost_confirmed=True,
    )  # fmt: skip
    make_attempt(
        failed, 2, status="error", sent_ms=900, ended_ms=1900, error_kind="deadline",
        error="No end.", cost_usd=0.002,
    )  # fmt: skip
    html = body(signed_in, f"/runs/{run.pk}/branches/2/")
    assert "Try 1 · 503" in html
    assert "0.3\u00a0s until the next try" in html
    assert "Try 2 · timed out" in html
    assert "Usage unknown: counted at the $0.0020" in html


def test_a_hedged_branch_shows_both_its_attempts(signed_in: Client, user: User) -> None:
    run = sections(user)
    branch = run.branches.get(number=0)
    branch.attempts.all().delete()
    Branch.objects.filter(pk=branch.pk).update(
        ready_ms=0, sent_ms=2000, ended_ms=2500, tries=2, trail="100-2500:hedge"
    )
    make_attempt(
        branch, 1, status="aborted", sent_ms=100, ended_ms=2500, error_kind="hedge",
        error="The other attempt answered first.", cost_usd=0.003,
    )  # fmt: skip
    make_attempt(branch, 2, status="ok", sent_ms=2000, ended_ms=2500, is_hedge=True)
    html = body(signed_in, f"/runs/{run.pk}/branches/0/")
    assert "Try 1 · stopped" in html
    assert "The other attempt answered first." in html
    assert "Try 2 · hedge, answered" in html
    assert "until the next try" not in html
    assert "<dt>Calling</dt><dd>2.4\u00a0s</dd>" in html
    assert 'class="seg h"' in body(signed_in, f"/runs/{run.pk}/")


@pytest.mark.parametrize("kind", ["json", "csv", "md"])
def test_a_run_is_exported(signed_in: Client, ended_vote: Run, kind: str) -> None:
    response = signed_in.get(f"/runs/{ended_vote.pk}/export.{kind}")
    assert response.status_code == 200
    assert response["Content-Disposition"].startswith("attachment; filename=")
    assert "billing" in response.content.decode()


def test_the_json_export_has_every_branch_with_its_attempts(
    signed_in: Client, ended_vote: Run
) -> None:
    content = signed_in.get(f"/runs/{ended_vote.pk}/export.json").json()
    assert [len(branch["attempts"]) for branch in content["branches"]] == [1, 1, 1]
    assert len(content["outcomes"][0]["contributions"]) == 3


@pytest.mark.parametrize(
    "path", ["", "panel", "panel?part=table", "branches/0/", "export.json", "export.csv"]
)
def test_another_persons_run_does_not_exist(
    client: Client, other_user: User, ended_vote: Run, path: str
) -> None:
    client.force_login(other_user)
    assert client.get(f"/runs/{ended_vote.pk}/{path}").status_code == 404


@pytest.mark.parametrize("path", ["branches/99/", "export.exe"])
def test_what_is_not_there_is_not_found(signed_in: Client, ended_vote: Run, path: str) -> None:
    assert signed_in.get(f"/runs/{ended_vote.pk}/{path}").status_code == 404


@pytest.mark.parametrize("path", ["", "panel"])
def test_the_number_of_queries_does_not_grow_with_branches(
    signed_in: Client, user: User, path: str
) -> None:
    few, many = make_run(user, 3), make_run(user, 60)
    signed_in.get(f"/runs/{few.pk}/{path}")

    def queries(run: Run) -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            signed_in.get(f"/runs/{run.pk}/{path}")
        return len(seen)

    assert queries(few) == queries(many) <= 40


@pytest.mark.parametrize("path", ["", "panel"])
@pytest.mark.parametrize(
    ("reason", "is_told"),
    [("Said once.", False), ("The run's cap of 8 calls was reached.", True)],
)
def test_the_head_tells_of_a_cap_and_repeats_no_verdict(
    signed_in: Client, ended_vote: Run, reason: str, is_told: bool, path: str
) -> None:
    Run.objects.filter(pk=ended_vote.pk).update(reason=reason)
    page = signed_in.get(f"/runs/{ended_vote.pk}/{path}").text
    assert ('class="lead" id="run-reason"' in page) is is_told
    assert page.count('id="run-reason"') == page.count('id="run-sentence"') == 1


@pytest.mark.parametrize(
    ("one_by_one_s", "status", "where", "said"),
    [
        (None, "failed", {"at_the_limit": 8.0, "outage": 2.0}, "No call succeeded."),
        (None, "failed", {"budget": 8.0, "outage": 2.0}, "No call succeeded."),
        (3.0, "failed", {"at_the_limit": 8.0, "outage": 2.0}, "the limit on calls in flight"),
        (None, "failed", {"at_the_limit": 2.0, "outage": 8.0}, "an outage of the provider"),
        (None, "cancelled", {"at_the_limit": 8.0}, "the limit on calls in flight"),
    ],
)
def test_a_run_in_vain_is_told_nothing_of_its_pace(
    signed_in: Client,
    ended_vote: Run,
    one_by_one_s: float | None,
    status: str,
    where: dict[str, float],
    said: str,
) -> None:
    kpis = {"attempts": 3, "where": where, "one_by_one_s": one_by_one_s}
    Run.objects.filter(pk=ended_vote.pk).update(kpis=kpis, status=status)
    bound = body(signed_in, f"/runs/{ended_vote.pk}/").partition('class="bound"')[2]
    assert said in bound.partition("</p>")[0]


def test_a_vote_of_all_is_told_as_it_is(signed_in: Client, ended_vote: Run) -> None:
    assert "Voting · 3 votes, majority" in body(signed_in, f"/runs/{ended_vote.pk}/")


@pytest.mark.parametrize(
    ("sort", "order", "numbers"),
    [
        ("-cost", "descending", ["1", "0", "2", "3"]),
        ("cost", "ascending", ["2", "0", "1", "3"]),
        ("-took", "descending", ["2", "1", "0", "3"]),
        ("reading", "ascending", ["3", "2", "0", "1"]),
        ("-number", "descending", ["3", "2", "1", "0"]),
        ("nonsense", "ascending", ["0", "1", "2", "3"]),
    ],
)
def test_the_table_is_sorted_by_its_address(
    signed_in: Client, ended_vote: Run, sort: str, order: str, numbers: list[str]
) -> None:
    for number, cost in enumerate([0.002, 0.003, 0.001]):
        Branch.objects.filter(run=ended_vote, number=number).update(cost_usd=cost)
    make_branch(ended_vote, 3, status="cancelled")
    for path in (f"?view=table&sort={sort}", f"panel?part=table&sort={sort}"):
        html = body(signed_in, f"/runs/{ended_vote.pk}/{path}")
        table = html.partition("<table>")[2].partition("</table>")[0]
        found = [part.partition('"')[0] for part in table.split('data-number="')[1:]]
        assert found == numbers
        assert table.count(f'aria-sort="{order}"') == table.count("aria-sort") == 1
    again = sort.removeprefix("-") if sort.startswith("-") else f"-{sort}"
    if sort != "nonsense":
        assert f"sort={again}#timeline" in table


def test_the_cost_leads_to_every_branch_by_cost(signed_in: Client, ended_vote: Run) -> None:
    for cost, by in ((0.006, "cost"), (0, "tokens")):
        kpis = {"cost_usd": cost, "wasted_by": {}, "output_tokens": 36}
        Run.objects.filter(pk=ended_vote.pk).update(kpis=kpis)
        page = body(signed_in, f"/runs/{ended_vote.pk}/")
        assert f"?view=table&amp;sort=-{by}#timeline" in page
