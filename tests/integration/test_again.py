"""Joining an ended run again through the real engine and the real database."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from runs.execution import again, lease, recordings
from runs.execution.writer import Writer
from runs.models import Attempt, Branch, Join, Outcome, Pass, Run
from runs.planning import configuration as configurations
from runs.services.launching import launch_run
from tests.factories import make_connection
from tests.working import worked

pytestmark = pytest.mark.django_db(transaction=True)

ANSWERS = ["Seven.\n7", "Eight.\n8", "Seven.\n7", "Seven!\n7", "", "Seven.\n7", "Eight.\n8"]
LAST_LINE = {"join": {"method": "majority", "reader": {"kind": "last_line"}}}
JUDGE = {"join": {"method": "judge", "judge": {"model": "recorded"}}}


@pytest.fixture
def run(user: User, data_dir: Path) -> Run:
    line = {"question_id": "q", "samples": [{"answer": answer} for answer in ANSWERS]}
    kept = recordings.keep([f"{json.dumps(line)}\n".encode()])
    replay = {"recording": kept.key, "shuffle": None, "pace": ""}
    make_connection(user, name="Recorded", kind="replay", replay=replay)
    spec: dict[str, Any] = {
        "name": "Questions",
        "pattern": "voting",
        "join": {"method": "majority"},
        "votes": {"samples": len(ANSWERS)},
        "prompts": [{"text": "q"}],
        "call": {"connection": "Recorded", "model": "recorded"},
        "input": {"text": "q"},
    }
    return launch_run(owner=user, configuration=configurations.parse(spec))


async def joined_again(run: Run, writer: Writer, changes: dict[str, Any]) -> Pass:
    """The run worked to its end, then joined again with these changes."""
    await worked(run, writer)
    await asyncio.to_thread(want, run, changes)
    await worked(run, writer, take=again.take)
    return await asyncio.to_thread(lambda: run.passes.latest("n"))


def want(run: Run, changes: dict[str, Any]) -> Pass:
    return Pass.objects.create(run=run, n=2, kind=Pass.Kind.AGAIN, settings=changes)


async def test_another_reader_gives_another_outcome_beside_the_first_without_a_call(
    run: Run, writer: Writer
) -> None:
    done = await joined_again(run, writer, LAST_LINE)

    def check() -> None:
        assert (done.status, done.outcome, done.calls) == ("partial", "decided", 0)
        assert done.ended_at is not None
        first, second = Outcome.objects.filter(run=run).order_by("pass_n")
        assert (first.pass_n, first.value) == (1, "Seven.\n7")
        assert (second.pass_n, second.value) == (2, "7")
        assert [len(o.contributions) for o in (first, second)] == [len(ANSWERS)] * 2
        assert second.quality["tally"] == {"7": 4, "8": 2}
        run.refresh_from_db()
        assert (run.status, run.outcome, run.chosen_pass) == ("partial", "decided", 1)
        assert (run.lease_owner, run.calls) == ("", len(ANSWERS))
        assert Join.objects.get(run=run).value == first.value
        assert Attempt.objects.filter(run=run).count() == len(ANSWERS)

    await asyncio.to_thread(check)


async def test_a_judge_that_fails_is_told_and_keeps_all_answers(run: Run, writer: Writer) -> None:
    """The recording knows no verdict: the judge's calls fail, and nothing else does."""
    done = await joined_again(run, writer, JUDGE)

    def check() -> None:
        assert (done.status, done.outcome) == ("failed", "judge_failed")
        asked = Branch.objects.filter(run=run, role="judge")
        assert {branch.pass_n for branch in asked} == {2}
        assert done.calls == Attempt.objects.filter(branch__in=asked).count() > 0
        run.refresh_from_db()
        assert (run.status, run.outcome) == ("partial", "decided")
        assert run.calls == len(ANSWERS) + done.calls
        second = Outcome.objects.get(run=run, pass_n=2)
        assert len(second.contributions) == len(ANSWERS)

    await asyncio.to_thread(check)


async def test_an_interrupted_pass_goes_on_where_it_was(run: Run, writer: Writer) -> None:
    await worked(run, writer)
    await asyncio.to_thread(want, run, JUDGE)
    before = len(ANSWERS)
    await worked(run, writer, take=again.take, calls=before + 1)
    await worked(run, writer, take=again.take)

    def check() -> None:
        done = run.passes.latest("n")
        assert done.outcome == "judge_failed"
        asked = Branch.objects.filter(run=run, role="judge")
        assert asked.count() == 2
        assert asked.exclude(status="failed").count() == 0
        assert Attempt.objects.filter(branch__role="vote").count() == before

    await asyncio.to_thread(check)


async def test_a_run_with_an_open_pass_is_claimed_once(run: Run, writer: Writer) -> None:
    await worked(run, writer)

    def check() -> None:
        assert again.take(run.pk, "one") is None
        want(run, LAST_LINE)
        assert list(again.waiting()) == [run]
        claimed = again.take(run.pk, "one")
        assert claimed is not None
        assert claimed.pass_n == 2
        assert again.take(run.pk, "two") is None
        assert lease.claim(run.pk, "two") is None

    await asyncio.to_thread(check)


async def test_a_pass_that_cannot_be_worked_on_ends_alone(run: Run, writer: Writer) -> None:
    await worked(run, writer)

    def check() -> None:
        want(run, LAST_LINE)
        claimed = again.take(run.pk, "one")
        assert claimed is not None
        lease.break_off(claimed, "Internal error")
        done = run.passes.latest("n")
        assert (done.status, done.reason) == ("failed", "Internal error")
        run.refresh_from_db()
        assert (run.status, run.lease_owner) == ("partial", "")

    await asyncio.to_thread(check)


async def test_the_runs_cap_on_tokens_holds_for_a_later_pass_too(run: Run, writer: Writer) -> None:
    await worked(run, writer)

    def cap() -> None:
        run.refresh_from_db()
        assert run.spent_tokens > 0
        Run.objects.filter(pk=run.pk).update(budget_tokens=run.spent_tokens + 1)
        want(run, JUDGE)

    await asyncio.to_thread(cap)
    await worked(run, writer, take=again.take)
    done = await asyncio.to_thread(lambda: run.passes.latest("n"))
    assert done.calls == 0
    assert done.ended_at is not None
    assert "tokens was reached" in done.reason
