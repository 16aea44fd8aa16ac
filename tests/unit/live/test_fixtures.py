"""The frames that the browser's tests use are those the server sends.

`PARWEB_WRITE_FIXTURES=1` writes the file anew, after a change of the format that is meant.
"""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from runs.live import wire
from runs.live.wire import Position
from runs.models import Answer, Attempt, Branch, Join, Run, row_id
from tests.unit.live.rows import a_run

FIXTURE = Path(__file__).parents[2] / "js" / "fixtures" / "deltas.json"
LAUNCH = datetime(2030, 1, 1, 9, tzinfo=UTC)
ROWS_A_FRAME = 2


def test_the_browsers_fixture_is_what_the_server_sends(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = _frames(owner, monkeypatch)
    if os.environ.get("PARWEB_WRITE_FIXTURES"):
        lines = ",\n  ".join(json.dumps(frame, ensure_ascii=False) for frame in frames)
        FIXTURE.write_text(f'{{\n "frames": [\n  {lines}\n ]\n}}\n', encoding="utf-8")
    assert json.loads(FIXTURE.read_text("utf-8")) == {"frames": frames}


def _frames(owner: User, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A snapshot in two parts, live text of a watched branch, and a delta with its answer."""
    run = a_run(
        owner,
        id=7,
        number=3,
        seq=57,
        launched_at=LAUNCH,
        branches_planned=3,
        in_flight=1,
        counts={"succeeded": 1, "running": 1, "pending": 1},
        spent_usd=0.1,
        is_simulated=True,
        connections={"local": {"in_flight": 8}},
    )
    _rows(run)
    _clock(monkeypatch, 6400)
    place, frames = Position(), []
    for number in (1, 2):
        body, details = _seen(run, place)
        frames.append(wire.frame(number, body, details, {1}))
        place = body.after
    frames.append(wire.text_frame(3, [[1, 1, 0, "The purch"]]))
    frames.append(wire.text_frame(4, [[1, 1, 9, "ase 🎧 was"], [1, 1, 18, " made"]]))
    _answered(run)
    _clock(monkeypatch, 7000)
    frames.append(wire.frame(5, *_seen(run, place)))
    return [json.loads(text) for text in frames]


def _seen(run: Run, place: Position) -> tuple[wire.Body, Any]:
    sight = wire.look(run.pk, {place: False}, {1}, ROWS_A_FRAME)
    assert sight is not None
    return sight.bodies[place], sight.details


def _clock(monkeypatch: pytest.MonkeyPatch, elapsed_ms: int) -> None:
    now = LAUNCH + timedelta(milliseconds=elapsed_ms)
    monkeypatch.setattr(wire.timezone, "now", lambda: now)


def _rows(run: Run) -> None:
    Join.objects.create(id=row_id(7, 0), run=run, number=0, children=3, seq=1)
    common = {"run": run, "join_number": 0, "role": "vote", "connection": "local", "model": "m",
              "ready_ms": 0}  # fmt: skip
    Branch.objects.create(
        id=row_id(7, 0), number=0, index=0, status="succeeded", tries=1, sent_ms=20,
        first_token_ms=380, ended_ms=2900, input_tokens=30, output_tokens=121, cost_usd=0.0001,
        reading="refundable", seq=55, **common,
    )  # fmt: skip
    Branch.objects.create(
        id=row_id(7, 1), number=1, index=1, status="running", tries=1, sent_ms=21,
        first_token_ms=400, seq=57, **common,
    )  # fmt: skip
    Branch.objects.create(id=row_id(7, 2), number=2, index=2, seq=57, **common)
    Attempt.objects.create(
        run=run, branch_id=row_id(7, 1), number=1, uuid="a1", ready_ms=0, admitted_ms=19,
        sent_ms=21, first_token_ms=400, seq=57,
    )  # fmt: skip


def _answered(run: Run) -> None:
    Branch.objects.filter(pk=row_id(7, 1)).update(
        status="succeeded", ended_ms=6890, input_tokens=30, output_tokens=90, cost_usd=0.0001,
        reading="not refundable", seq=59,
    )  # fmt: skip
    Attempt.objects.filter(run=run).update(
        status="ok", ended_ms=6890, input_tokens=30, output_tokens=90, cost_usd=0.0001,
        is_cost_confirmed=True, seq=59,
    )  # fmt: skip
    Answer.objects.create(branch_id=row_id(7, 1), text="The purchase 🎧 was made in March.")
    Branch.objects.filter(pk=row_id(7, 2)).update(status="running", tries=1, sent_ms=6900, seq=60)
    Run.objects.filter(pk=7).update(
        seq=60, counts={"succeeded": 2, "running": 1}, kpis={"attempts": 2}, spent_usd=0.2
    )
