"""A wish for a pass, worked through by the real engine, and what the preview had said of it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from runs.domain.results import Outcome as Value
from runs.execution import again, recordings
from runs.execution.writer import Writer
from runs.models import Join, Outcome, Run
from runs.planning import configuration as configurations
from runs.services import passes, rejoining
from runs.services.launching import launch_run
from tests.factories import make_connection
from tests.working import worked

pytestmark = pytest.mark.django_db(transaction=True)

RECORDED = {
    "q1": ["So: 4", "It is 4", "4", "4.", "5", "4"],
    "q2": ["7", "8", "eight: 8", "seven: 7", "9", "nothing"],
}
CHANGES: dict[str, dict[str, Any]] = {
    "a reader": {"join": {"method": "majority", "reader": {"kind": "whole_text"}}},
    "ties": {
        "join": {"method": "majority", "reader": {"kind": "number"}, "ties": "first_seen"},
        "each": {"join": {"method": "concatenate", "separator": " / ", "heading": False}},
    },
    "a method": {"join": {"method": "union"}, "on_failure": {"policy": "all"}},
    "a number": {
        "join": {"method": "numeric"},
        "each": {"join": {"method": "numeric", "statistic": "mean"}},
    },
}


@pytest.fixture
def run(user: User, data_dir: Path) -> Run:
    """Votes on two questions, of which the first is settled before all were asked."""
    lines = [
        json.dumps({"question_id": q, "samples": [{"answer": text} for text in answers]})
        for q, answers in RECORDED.items()
    ]
    kept = recordings.keep(["\n".join(lines).encode()])
    replay = {"recording": kept.key, "shuffle": None, "pace": ""}
    make_connection(user, name="Recorded", kind="replay", replay=replay)
    spec: dict[str, Any] = {
        "name": "Questions",
        "pattern": "voting",
        "join": {"method": "majority", "reader": {"kind": "number"}},
        "votes": {"samples": 6, "stop": "confident"},
        "each": {"by": "row"},
        "prompts": [{"text": "{{ row.q }}"}],
        "call": {"connection": "Recorded", "model": "recorded"},
        "input": {"rows": [{"q": "q1", "gold": "4"}, {"q": "q2", "gold": "8"}], "gold": "gold"},
    }
    return launch_run(owner=user, configuration=configurations.parse(spec))


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
async def test_the_pass_gives_what_its_preview_said_and_can_count(
    run: Run, writer: Writer, changes: dict[str, Any]
) -> None:
    await worked(run, writer)
    told = await asyncio.to_thread(previewed, run, changes)
    await asyncio.to_thread(lambda: passes.join_again(run=Run.objects.get(), changes=changes))
    await worked(run, writer, take=again.take)
    await asyncio.to_thread(check, told)


def previewed(run: Run, changes: dict[str, Any]) -> Value:
    ended = Run.objects.get(pk=run.pk)
    tried = rejoining.preview(ended, passes.check(ended, changes)).tried
    assert tried is not None
    assert isinstance(tried.result, Value)
    return tried.result


def check(told: Value) -> None:
    run = Run.objects.get()
    calls = run.calls
    root = Outcome.objects.get(pass_n=2, join__parent_number=None)
    assert (root.kind, root.value, root.detail) == (told.kind, told.value, told.detail)
    assert [entry[:3] for entry in root.contributions] == [
        [one.child, one.kind, one.reason] for one in told.contributions
    ]
    assert root.quality.get("ties") == told.quality.get("ties")
    first, second = Outcome.objects.filter(pass_n=2, join__parent_number=0).order_by("join_id")
    assert [entry[1] for entry in first.contributions].count("spared") == 2
    assert len(second.contributions) == 6
    chosen = passes.choose(run=run, n=2)
    assert (chosen.outcome, chosen.calls) == (told.kind, calls)
    rows = Join.objects.filter(parent_number=0).order_by("number")
    assert [row.value for row in rows] == [first.value or "", second.value or ""]
    back = passes.choose(run=chosen, n=1)
    assert (back.status, back.outcome, back.reason) == (run.status, run.outcome, run.reason)
