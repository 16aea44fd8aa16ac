"""A nested run written by hand: rows with every outcome, and a recording made up for tests."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User

from runs.models import Branch, Item, Join, Outcome, Run, row_id
from tests.factories import make_run, voting_spec

OUTCOMES = ("hit", "miss", "tie", "failed", "open")
TALLIES: dict[str, dict[str, int]] = {
    "hit": {"8": 3},
    "miss": {"5": 2, "8": 1},
    "tie": {"6": 1, "7": 1},
    "failed": {},
    "open": {},
}


def make_nested_run(owner: User, rows: int = 10, **values: Any) -> Run:
    """Rows of three votes each; their outcomes go round through OUTCOMES."""
    spec = voting_spec(each={"by": "row"}, votes={"samples": 3, "stop": "confident"})
    run = make_run(owner, spec=spec, branches_planned=3 * rows, **values)
    Join.objects.filter(run=run, number=0).update(children=rows, branches_are_children=False)
    Item.objects.bulk_create(
        Item(
            run=run,
            number=number,
            label=f"Row {number + 1}",
            fields={"row.question": f"What is number {number + 1}?", "input": "{}"},
            gold="8",
        )
        for number in range(rows)
    )
    kinds = [OUTCOMES[number % len(OUTCOMES)] for number in range(rows)]
    Join.objects.bulk_create(_join(run, number, kind) for number, kind in enumerate(kinds))
    Branch.objects.bulk_create(
        branch for number, kind in enumerate(kinds) for branch in _branches(run, number, kind)
    )
    Outcome.objects.bulk_create(
        Outcome(
            run=run,
            join_id=row_id(run.pk, number + 1),
            kind=_outcome(kind),
            value=_value(kind),
            contributions=[[child, "used", "", None] for child in range(3)],
        )
        for number, kind in enumerate(kinds)
        if kind != "open"
    )
    return run


def _outcome(kind: str) -> str:
    return {"hit": "decided", "miss": "decided", "tie": "tie", "failed": "no_quorum"}.get(kind, "")


def _value(kind: str) -> str | None:
    return {"hit": "8", "miss": "5"}.get(kind)


def _join(run: Run, number: int, kind: str) -> Join:
    tally = TALLIES[kind]
    quality: dict[str, Any] = {}
    if kind != "open":
        quality = {"gold": "8", "tally": tally, "launched": 3, "spared": 0, "rounds": 1}
        quality["is_hit"] = kind == "hit"
    if tally:
        quality["agreement"] = max(tally.values()) / sum(tally.values())
    return Join(
        id=row_id(run.pk, number + 1),
        run=run,
        number=number + 1,
        parent_number=0,
        position=number,
        label=f"Row {number + 1}",
        item_number=number,
        children=3,
        status={"failed": "failed", "open": "waiting"}.get(kind, "done"),
        outcome=_outcome(kind),
        value=_value(kind) or "",
        quality=quality,
    )


def _branches(run: Run, number: int, kind: str) -> Iterator[Branch]:
    readings = [value for value, votes in TALLIES[kind].items() for _ in range(votes)]
    for index in range(0 if kind == "open" else 3):
        reading = readings[index] if index < len(readings) else ""
        place = number * 3 + index
        yield Branch(
            id=row_id(run.pk, place),
            run=run,
            number=place,
            join_number=number + 1,
            role="vote",
            index=index,
            connection="Simulated",
            model="simulated",
            status="succeeded" if reading else "failed",
            reading=reading,
            output_tokens=7,
            cost_usd=0.001,
            sent_ms=10,
        )


def write_recording(
    path: Path, rows: int, samples: int = 4, ties: frozenset[int] = frozenset()
) -> None:
    """Every question has its own number as the answer; those in `ties` are split evenly."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            other = str(number + 100_000)
            answers = [
                other if number in ties and index % 2 else str(number) for index in range(samples)
            ]
            entry = {
                "question_id": f"q{number}",
                "question": f"What is number {number}?",
                "gold": str(number) if number % 20 else "-1",
                "model": "made-up",
                "samples": [{"answer": answer, "tokens": 9} for answer in answers],
            }
            file.write(json.dumps(entry) + "\n")


def nested_spec(recording: Path, **changes: Any) -> dict[str, Any]:
    """A configuration file that votes on every question of a recording."""
    return {
        "name": "Recorded",
        "pattern": "voting",
        "each": {"by": "row"},
        "votes": {"samples": 4},
        "join": {"method": "majority", "reader": {"kind": "number"}},
        "prompts": [{"text": "{{ row.question_id }}"}],
        "call": {"connection": "replayed", "model": "made-up"},
        "provider": {
            "name": "replayed",
            "kind": "replay",
            "recording": str(recording),
            "in_flight": 100,
        },
        "input": {"files": [str(recording)], "gold": "gold"},
        **changes,
    }
