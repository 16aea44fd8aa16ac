"""The page of a vote that may stop early: how many were asked, and what was left out."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from runs.models import Branch, Run
from tests.factories import make_branch, make_run, voting_spec

pytestmark = pytest.mark.django_db


def body(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def early(user: User, **values: Any) -> Run:
    """A vote of at most nine, of which four were asked: three answered, one failed."""
    spec = voting_spec(votes={"samples": 9, "stop": "confident"})
    run = make_run(user, **{"status": "succeeded", "spec": spec, **values})
    Run.objects.filter(pk=run.pk).update(branches_planned=9)
    for number, status in enumerate(["succeeded"] * 3 + ["failed"]):
        make_branch(run, number, status=status, sent_ms=20)
    make_branch(run, 4, status="spared")
    make_branch(run, 5, status="succeeded", role="judge", sent_ms=900)
    return run


@pytest.mark.parametrize("path", ["", "panel"])
def test_a_vote_that_may_stop_early_says_how_many_there_may_be_and_then_how_many_were(
    signed_in: Client, user: User, path: str
) -> None:
    stops = "majority · stops when 95% sure to win the full vote"
    ended = body(signed_in, f"/runs/{early(user).pk}/{path}")
    assert f"Voting · 4 of 9 votes asked, {stops}" in ended
    going_on = body(signed_in, f"/runs/{early(user, status='running').pk}/")
    assert f"Voting · up to 9 votes, {stops}" in going_on


def test_what_was_left_out_is_not_among_what_is_done(signed_in: Client, user: User) -> None:
    page = body(signed_in, f"/runs/{early(user).pk}/?state=left_out")
    for word, count in (("All", 6), ("Done", 4), ("Failed", 1), ("Left out", 1)):
        assert f"{word} <span data-count>{count}</span>" in page
    whole = early(user)
    Branch.objects.filter(run=whole, status="spared").delete()
    assert 'data-filter="left_out" hidden' in body(signed_in, f"/runs/{whole.pk}/")
