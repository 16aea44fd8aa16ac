"""A provider's account is used up in mid-run: the run waits for a person, over restarts too."""

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from runs.domain.errors import QuotaExhausted
from runs.domain.results import Completion
from runs.domain.usage import Usage
from runs.engine.protocols import ModelRequest
from runs.execution import compose, lease
from runs.execution.writer import Writer
from runs.models import Attempt, Branch, Run
from runs.planning import configuration as configurations
from runs.services import runs as services
from runs.services.launching import launch_run
from tests.factories import make_attempt, make_branch, make_connection, make_run, voting_spec
from tests.unit.engine.doubles import ScriptedClient
from tests.working import worked

pytestmark = pytest.mark.django_db(transaction=True)

VOTES = 6
REASON = "The provider account behind “Simulated” has no quota left. Add credit there, then go on."


class Account:
    """Answers as long as there is credit."""

    credit = 0

    async def reply(self, request: ModelRequest, nth: int) -> Completion:
        if self.credit <= 0:
            raise QuotaExhausted(status_code=429)
        self.credit -= 1
        return Completion("bug", "stop", Usage(100, 10, 40))


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    found = Account()
    client = ScriptedClient(found.reply)
    monkeypatch.setattr(compose.registry, "client", lambda *args, **options: client)
    return found


@pytest.fixture
def run(user: User) -> Run:
    make_connection(
        user, name="Simulated", in_flight=1, price_input=1.0, price_output=2.0, price_cached=0.5
    )
    spec = voting_spec(input={"text": "It does not start."}, votes={"samples": VOTES})
    return launch_run(owner=user, configuration=configurations.parse(spec))


@sync_to_async
def fresh(run: Run) -> Run:
    return Run.objects.get(pk=run.pk)


@sync_to_async
def is_claimable(run: Run) -> bool:
    return lease.claimable().filter(pk=run.pk).exists()


async def test_a_used_up_quota_holds_the_run_until_a_person_goes_on(
    run: Run, account: Account, writer: Writer
) -> None:
    account.credit = 2
    await worked(run, writer)
    held = await fresh(run)
    assert (held.status, held.reason) == ("held", REASON)
    assert (held.lease_owner, held.reserved_usd, held.reserved_tokens) == ("", 0, 0)
    assert held.counts == {"succeeded": 2, "pending": VOTES - 2}
    assert held.kpis["held_by"] == "provider"
    assert not await is_claimable(run)

    await sync_to_async(services.go_on)(run=run)  # without more credit
    assert (await fresh(run)).status == "queued"
    await worked(run, writer)
    assert (await fresh(run)).status == "held"

    account.credit = 100
    await sync_to_async(services.go_on)(run=run)
    await worked(run, writer)
    ended = await fresh(run)
    assert (ended.status, ended.outcome) == ("succeeded", "decided")
    assert ended.spent_tokens == VOTES * 110
    assert ended.spent_usd == pytest.approx(VOTES * (60 * 1.0 + 40 * 0.5 + 10 * 2.0) / 1e6)
    assert len(ended.kpis["quota_spans_ms"]) == 2
    assert ended.kpis["held_spans_ms"] == []
    failed = Attempt.objects.filter(run=run, status="error")
    assert await failed.acount() == 2
    assert not await Branch.objects.filter(run=run, status="failed").aexists()


async def test_a_hold_that_nobody_asked_for_can_be_cancelled(
    run: Run, account: Account, writer: Writer
) -> None:
    await worked(run, writer)
    await sync_to_async(services.cancel)(run=run)
    assert await is_claimable(run)
    await worked(run, writer)
    assert (await fresh(run)).status == "cancelled"


async def test_the_time_is_told_as_held_and_is_part_of_the_wall(
    run: Run, account: Account, writer: Writer
) -> None:
    await worked(run, writer)
    ago = timezone.now() - timedelta(minutes=10)
    kpis = {**(await fresh(run)).kpis, "held_since_ms": 60_000}
    await Run.objects.filter(pk=run.pk).aupdate(launched_at=ago, kpis=kpis)
    account.credit = 100
    await sync_to_async(services.go_on)(run=run)
    await worked(run, writer)
    kpis = (await fresh(run)).kpis
    assert kpis["where"]["held"] == pytest.approx(540, abs=5)
    assert kpis["wall_s"] == pytest.approx(600, abs=10)


def test_the_page_says_why_and_offers_to_go_on(signed_in: Client, user: User) -> None:
    held = make_run(user, status="held", reason=REASON)
    page = signed_in.get(reverse("run", args=[held.pk])).text
    assert f"<span>{REASON}</span>" in page
    going_on = page.index(reverse("run_go_on", args=[held.pk]))
    assert "hidden" not in page[going_on : page.index(">", going_on)]
    running = make_run(user, status="running")
    page = signed_in.get(reverse("run", args=[running.pk])).text
    place = page.index('id="run-reason"')
    assert "hidden" in page[place : page.index(">", place)]


def test_a_reply_dearer_than_it_could_be_is_marked(signed_in: Client, user: User) -> None:
    run = make_run(user, status="held")
    branch = make_branch(run, 0, answer="yes", status="succeeded", tries=1)
    make_attempt(
        branch, status="ok", ended_ms=9, cost_usd=0.5, reserved_usd=0.2, is_cost_confirmed=True
    )
    part = signed_in.get(reverse("run_branch", args=[run.pk, 0])).text
    assert "Dearer than it could be at most: $0.5000, with $0.2000 held back." in part


def test_an_unknown_price_is_told_on_its_branch(signed_in: Client, user: User) -> None:
    run = make_run(user, status="running")
    branch = make_branch(run, 0, answer="yes", status="succeeded", tries=1)
    make_attempt(branch, status="ok", ended_ms=9, cost_usd=None)
    assert "price unknown" in signed_in.get(reverse("run_branch", args=[run.pk, 0])).text
