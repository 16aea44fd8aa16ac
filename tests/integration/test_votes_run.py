"""Votes through the real engine and the real database, on recorded answers."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from runs.domain.results import ContributionKind
from runs.execution import recordings
from runs.execution.writer import Writer
from runs.models import Attempt, Branch, Connection, Join, Outcome, Run
from runs.planning import configuration as configurations
from runs.services.launching import launch_run
from tests.factories import make_connection
from tests.working import worked

pytestmark = pytest.mark.django_db(transaction=True)

RECORDED = {
    "q-agreed": ("18", ["18"] * 12),
    "q-split": ("7", ["7", "8", "7", "7", "7", "7", "8", "7", "7", "7", "7", "7"]),
    "q-tied": ("yes", ["yes", "no"] * 6),
    "q-wrong": ("1,000", ["", "12", "12", "12", "12", "12", *["1000"] * 6]),
}


@pytest.fixture
def recorded(user: User, data_dir: Path) -> Connection:
    """A connection that answers from the recording."""
    lines = [
        {
            "question_id": name,
            "gold": gold,
            "samples": [{"answer": answer, "tokens": 10} for answer in answers],
        }
        for name, (gold, answers) in RECORDED.items()
    ]
    kept = recordings.keep(f"{json.dumps(line)}\n".encode() for line in lines)
    replay = {"recording": kept.key, "shuffle": None, "pace": ""}
    return make_connection(user, name="Recorded", kind="replay", replay=replay)


def launched(user: User, questions: Sequence[str], **changes: Any) -> Run:
    rows = [{"question_id": name, "gold": RECORDED[name][0]} for name in questions]
    spec: dict[str, Any] = {
        "name": "Questions",
        "pattern": "voting",
        "each": {"by": "row"},
        "join": {"method": "majority"},
        "votes": {"samples": 12, "stop": "confident"},
        "prompts": [{"text": "{{ row.question_id }}"}],
        "call": {"connection": "Recorded", "model": "recorded"},
        "input": {"rows": rows, "gold": "gold"},
        **changes,
    }
    return launch_run(owner=user, configuration=configurations.parse(spec))


def joins(run: Run) -> list[tuple[str, str, int, int]]:
    found = Join.objects.filter(run=run, number__gt=0).order_by("number")
    return [(j.outcome, j.value, j.quality["rounds"], j.quality["launched"]) for j in found]


EXPECTED = [
    ("decided", "18", 1, 4),
    ("decided", "7", 2, 6),
    ("tie", "", 5, 12),
    ("decided", "12", 2, 5),
]


async def test_votes_on_rows_stop_early_and_say_what_they_spared(
    user: User, recorded: Connection, writer: Writer
) -> None:
    run = await asyncio.to_thread(launched, user, list(RECORDED))
    await worked(run, writer)

    def check() -> None:
        run.refresh_from_db()
        assert [row[:2] for row in joins(run)] == [row[:2] for row in EXPECTED]
        assert run.status == "partial"
        assert Branch.objects.filter(run=run).count() == sum(row[3] for row in joins(run))
        for outcome in Outcome.objects.filter(run=run, join__number__gt=0):
            assert len(outcome.contributions) == 12
        first = Outcome.objects.get(run=run, join__number=1)
        spared = [one for one in first.contributions if one[1] == ContributionKind.SPARED]
        assert len(spared) == 8
        assert spared[0][2] == "Not run: settled after 4 of 12."
        assert first.quality["is_hit"] is True
        assert (first.quality["gold"], first.quality["spared_tokens"]) == ("18", 80)
        root = Outcome.objects.get(run=run, join__number=0)
        assert [one[1] for one in root.contributions] == ["used", "used", "missing", "used"]
        figures = root.quality
        assert (figures["gold_rows"], figures["hits"], figures["ties"]) == (4, 2, 1)
        assert figures["accuracy"] == 0.5

    await asyncio.to_thread(check)


async def test_an_early_stop_is_a_success(user: User, recorded: Connection, writer: Writer) -> None:
    run = await asyncio.to_thread(launched, user, ["q-agreed", "q-split"])
    await worked(run, writer)
    await asyncio.to_thread(run.refresh_from_db)
    assert run.status == "succeeded"
    assert run.branches_planned == 24


@pytest.mark.parametrize("calls", [1, 5, 11, 18, 23])
async def test_a_crash_in_mid_vote_changes_nothing_and_calls_no_ended_branch_again(
    user: User, recorded: Connection, writer: Writer, calls: int
) -> None:
    whole = await asyncio.to_thread(launched, user, list(RECORDED))
    await worked(whole, writer)
    run = await asyncio.to_thread(lambda: launched(user, list(RECORDED), name="Crashed"))
    await worked(run, writer, calls=calls)
    await worked(run, writer)

    def check() -> None:
        assert joins(run) == joins(whole)
        again = Outcome.objects.get(run=run, join__number=0)
        once = Outcome.objects.get(run=whole, join__number=0)
        assert (again.value, again.quality) == (once.value, once.quality)
        ended = Attempt.objects.filter(run=run, status="ok").values_list("branch_id")
        assert len(set(ended)) == len(ended)

    await asyncio.to_thread(check)
