"""How the limit on calls in flight moved: read from the gates' histories, drawn and told."""

import json
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from runs.models import Connection, LimiterChange, Run
from runs.presenters.run_limits import MOST_ROWS, MOST_STEPS, limits_of
from runs.queries.limits import histories
from tests.factories import make_branch, make_connection, make_run, make_user, voting_spec

pytestmark = pytest.mark.django_db
LAUNCH = datetime(2024, 1, 1, 9, tzinfo=UTC)


@pytest.fixture
def gate(user: User) -> Connection:
    return make_connection(user, name="Meridian", in_flight=40)


def a_run(gate: Connection, **values: Any) -> Run:
    call = {"connection": gate.name, "model": "small"}
    values = {
        "spec": voting_spec(call=call, input={"text": "x"}),
        "connections": {gate.name: {"id": gate.pk, "in_flight": gate.in_flight}},
        "launched_at": LAUNCH,
        "ended_at": LAUNCH + timedelta(seconds=10),
        "status": "succeeded",
        **values,
    }
    return make_run(gate.owner, **values)


def change(
    gate: Connection, at_s: float, limit: int, reason: str, shut_s: float = 0, model: str = "small"
) -> None:
    at = LAUNCH + timedelta(seconds=at_s)
    LimiterChange.objects.create(
        connection=gate, model=model, at=at, limit=limit, reason=reason,
        not_before=at + timedelta(seconds=shut_s),
    )  # fmt: skip


def test_only_what_happened_meanwhile_at_the_runs_own_gate_is_its_history(
    gate: Connection,
) -> None:
    run = a_run(gate)
    change(gate, -60, 20, "throttled by the provider")
    change(gate, -5, 21, "calls succeed")
    change(gate, 2, 14, "throttled by the provider", shut_s=1.5)
    change(gate, 3, 9, "throttled by the provider", model="large")
    change(gate, 11, 15, "calls succeed")
    (found,) = histories(run)
    assert (found.connection, found.model, found.first) == ("Meridian", "small", 21)
    assert [(one.at_ms, one.limit, one.shut_until_ms) for one in found.changes] == [
        (2000, 14, 3500)
    ]


def test_the_line_begins_at_the_connections_limit_and_follows_each_change(
    gate: Connection,
) -> None:
    run = a_run(gate)
    change(gate, 2, 28, "throttled by the provider", shut_s=1)
    change(gate, 2.5, 28, "throttled by the provider", shut_s=2)
    change(gate, 6, 29, "calls succeed")
    found = limits_of(run)
    assert found.drawn.line == ((0, 40), (2000, 28), (6000, 29))
    assert found.drawn.shut == ((2000, 4500),)
    assert [mark.kind for mark in found.drawn.marks] == ["cut", "shut", "grown"]
    assert found.drawn.marks[0].title == (
        "2.0\u00a0s: Throttled by the provider. Limit 40 → 28, shut for 1.0\u00a0s."
    )
    assert [(row.limit, row.shut) for row in found.rows] == [
        ("40 → 28", "1.0\u00a0s"), ("28", "2.0\u00a0s"), ("28 → 29", ""),
    ]  # fmt: skip


def test_a_process_that_just_started_knows_of_no_earlier_cut(gate: Connection) -> None:
    run = a_run(gate)
    change(gate, -60, 20, "throttled by the provider")
    change(gate, 0.2, 40, LimiterChange.START)
    change(gate, 2, 28, "throttled by the provider")
    assert limits_of(run).drawn.line == ((0, 40), (2000, 28))


def test_an_outage_is_marked_from_the_breakers_opening_to_its_closing(gate: Connection) -> None:
    run = a_run(gate)
    change(gate, 1, 40, "held: the provider does not answer; one call at a time is tried")
    change(gate, 8, 40, "the provider answers again")
    assert [mark.kind for mark in limits_of(run).drawn.marks] == ["down", "up"]


def test_no_more_is_drawn_than_the_run_asks_for(gate: Connection) -> None:
    run = a_run(gate, in_flight_wanted=30)
    change(gate, 2, 28, "throttled by the provider")
    change(gate, 6, 35, "calls succeed")
    assert limits_of(run).drawn.line == ((0, 30), (2000, 28), (6000, 30))


def test_the_limits_of_several_gates_are_added(gate: Connection) -> None:
    models = [{"connection": gate.name, "model": name} for name in ("small", "large")]
    votes = {"samples": 4, "vary": "model", "models": models}
    run = a_run(gate, spec=voting_spec(votes=votes, input={"text": "x"}))
    change(gate, 2, 28, "throttled by the provider", shut_s=3)
    change(gate, 3, 10, "throttled by the provider", shut_s=1, model="large")
    found = limits_of(run)
    assert found.drawn.line == ((0, 80), (2000, 68), (3000, 38))
    assert found.drawn.shut == ((3000, 4000),), "only then could nobody start"
    assert [row.whose for row in found.rows] == ["Meridian / small", "Meridian / large"]


def test_many_changes_are_thinned_and_the_last_are_told(gate: Connection) -> None:
    run = a_run(gate)
    LimiterChange.objects.bulk_create(
        LimiterChange(
            connection=gate, model="small", at=LAUNCH + timedelta(milliseconds=9 * n),
            limit=20 + n % 7, reason="calls succeed",
        )
        for n in range(1, 1001)
    )  # fmt: skip
    with CaptureQueriesContext(
        connection,
    ) as queries:
        found = limits_of(run)
    assert len(queries) == 2
    assert len(found.drawn.line) <= MOST_STEPS + 2
    assert found.drawn.line[-1] == (9000, 20 + 1000 % 7)
    assert (len(found.rows), found.earlier) == (MOST_ROWS, 1000 - MOST_ROWS)


def test_the_page_draws_the_history_and_tells_it_as_a_table(
    signed_in: Client, gate: Connection
) -> None:
    run = a_run(gate)
    make_branch(run, 0, status="succeeded", ready_ms=0, sent_ms=10, ended_ms=900)
    change(gate, 2, 28, "throttled by the provider", shut_s=1)
    html = signed_in.get(f"/runs/{run.pk}/").content.decode()
    assert 'class="mark" data-kind="cut"' in html
    assert "40 → 28" in html
    assert "limit 28 to 40" in html
    assert "every 2s" not in html


def test_the_fragment_is_asked_for_again_only_while_the_run_is_open(
    signed_in: Client, gate: Connection
) -> None:
    run = a_run(gate, status="running", ended_at=None)
    change(gate, 2, 28, "throttled by the provider", shut_s=1)
    html = signed_in.get(f"/runs/{run.pk}/limits").content.decode()
    assert "every 2s" in html
    data = json.loads(unescape(html.split('data-limits="')[1].split('"')[0]))
    assert data["line"] == [[0, 40], [2000, 28]]
    assert data["marks"][0][2] == "cut"


def test_another_persons_history_does_not_exist(signed_in: Client) -> None:
    other = make_connection(make_user(), name="Theirs")
    assert signed_in.get(f"/runs/{a_run(other).pk}/limits").status_code == 404


def test_a_run_whose_connection_is_gone_has_no_history(gate: Connection) -> None:
    run = a_run(gate)
    gate.delete()
    found = limits_of(run)
    assert found.rows == ()
    assert found.drawn.line == ((0, 40),)
