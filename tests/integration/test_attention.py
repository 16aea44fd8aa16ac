"""What needs attention, on the overview: only what there is, of a configuration its last."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from runs.models import Connection, LimiterChange, Outcome, Run, row_id
from tests.factories import make_configuration, make_connection, make_run

HEADING = "Needs attention"


def overview(client: Client, **headers: str) -> str:
    return client.get(reverse("overview"), headers=headers).text


def ended(user: User, status: str = "succeeded", hours: float = 1, **values: object) -> Run:
    values = {"outcome": "joined", "ended_at": timezone.now() - timedelta(hours=hours), **values}
    return make_run(user, status=status, **values)


def told(at: Connection, reason: str, minutes: float = 5, limit: int = 3) -> None:
    moment = timezone.now() - timedelta(minutes=minutes)
    LimiterChange.objects.create(
        connection=at, model="small", at=moment, limit=limit, reason=reason
    )


def test_where_all_is_well_there_is_no_list(
    signed_in: Client, user: User, other_user: User
) -> None:
    ended(user)
    ended(user, "failed", hours=25)
    make_run(user, status="running")
    make_run(other_user, status="held", reason="The account is used up.")
    theirs, own = make_connection(other_user), make_connection(user)
    told(theirs, "throttled by the provider")
    told(own, "throttled by the provider", minutes=61)
    told(own, "calls succeed")
    assert HEADING not in overview(signed_in)


def test_a_held_run_is_told_with_its_reason(signed_in: Client, user: User) -> None:
    run = make_run(user, status="held", reason="The account is used up.")
    for page in (overview(signed_in), overview(signed_in, **{"HX-Request": "true"})):
        card = page[page.index(HEADING) :]
        assert f"Held: {run.name} · run {run.number}" in card
        assert "The account is used up." in card
        assert reverse("run", args=[run.pk]) in card


@pytest.mark.parametrize(
    ("status", "outcome", "words"),
    [
        ("partial", "joined_with_gaps", "Joined with gaps: "),
        ("failed", "no_quorum", "Too few answers: "),
        ("succeeded", "tie", "Tie: "),
    ],
)
def test_a_run_that_gave_less_than_asked_for_is_told(
    signed_in: Client, user: User, status: str, outcome: str, words: str
) -> None:
    run = ended(user, status, outcome=outcome)
    Outcome.objects.create(
        run=run, join_id=row_id(run.pk, 0), kind=outcome, detail="Said why.", contributions=[]
    )
    card = overview(signed_in).partition(HEADING)[2]
    assert f"{words}{run.name}" in card
    assert "Said why." in card


def test_a_later_run_that_went_well_settles_an_earlier_one(signed_in: Client, user: User) -> None:
    configuration = make_configuration(user)
    ended(user, "failed", configuration=configuration)
    assert HEADING in overview(signed_in)
    ended(user, configuration=configuration)
    assert HEADING not in overview(signed_in)
    for status in ("failed", "succeeded"):
        ended(user, status, name="From a file")
    assert HEADING not in overview(signed_in)


def test_providers_that_slow_runs_down_are_told_apart(signed_in: Client, user: User) -> None:
    ended(user)
    slow, gone, back = (make_connection(user, name=name) for name in ("slow", "gone", "back"))
    for minutes in (4, 5, 6):
        told(slow, "throttled by the provider", minutes, limit=minutes)
    silent = "held: the provider does not answer; one call at a time is tried"
    told(gone, silent)
    told(back, silent)
    told(back, "the provider answers again", minutes=1)
    card = overview(signed_in).partition(HEADING)[2].partition("Recent runs")[0]
    assert "Throttled: slow, small" in card
    assert "3 times in the last hour; after the last the limit was 4 calls at once" in card
    assert "No answer: gone, small" in card
    assert "back" not in card
    assert reverse("provider", args=[slow.pk]) in card


def test_a_long_list_is_cut_and_takes_no_more_queries(signed_in: Client, user: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            overview(signed_in)
        return len(captured)

    ended(user, "failed")
    few = queries()
    for _ in range(9):
        ended(user, "failed")
    assert queries() == few
    page = overview(signed_in)
    assert "and 4 more" in page
