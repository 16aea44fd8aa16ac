"""Runs written by hand, as the owner would write them: each commit takes the next number."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone

from runs.models import Answer, Attempt, Branch, Join, Run, row_id
from runs.models.wishes import wish


def a_run(owner: AbstractBaseUser, **fields: Any) -> Run:
    values: dict[str, Any] = {
        "name": "Ticket triage",
        "number": 1,
        "pattern": "voting",
        "method": "majority",
        "status": "running",
        "spec": {"limits": {"in_flight": None}, "call": {"connection": "local", "model": "m"}},
        "connections": {"local": {"kind": "local", "in_flight": 4}},
        "launched_at": timezone.now(),
        "planned_at": timezone.now(),
    }
    return Run.objects.create(owner=owner, **(values | fields))


class Writer:
    """Writes a run's rows, many to a commit."""

    def __init__(self, run: Run) -> None:
        self.run_id = run.pk

    def commit(self, *changes: tuple[type, int, Mapping[str, Any]]) -> int:
        """`(Join or Branch, number, values)` each, all under one number; returns it."""
        seq = wish(self.run_id)
        assert seq is not None
        for model, number, values in changes:
            model.objects.update_or_create(  # type: ignore[attr-defined]
                pk=row_id(self.run_id, number),
                defaults={"seq": seq, **values},
                create_defaults=_new(model, self.run_id, number) | {"seq": seq, **values},
            )
        return seq

    def attempt(self, branch: int, number: int, **values: Any) -> int:
        """An attempt, changed with its branch."""
        seq = self.commit((Branch, branch, {}))
        Attempt.objects.update_or_create(
            run_id=self.run_id,
            branch_id=row_id(self.run_id, branch),
            number=number,
            defaults={"seq": seq, **values},
            create_defaults={"seq": seq, "uuid": f"{branch}-{number}", "ready_ms": 0,
                             "admitted_ms": 1, **values},
        )  # fmt: skip
        return seq

    def answer(self, branch: int, text: str) -> int:
        seq = self.commit((Branch, branch, {"status": "succeeded"}))
        Answer.objects.update_or_create(
            branch_id=row_id(self.run_id, branch), defaults={"text": text}
        )
        return seq


def _new(model: type, run_id: int, number: int) -> dict[str, Any]:
    key = {"run_id": run_id, "number": number}
    if model is Join:
        return {**key, "children": 3}
    return {**key, "index": number, "join_number": 0, "role": "vote", "connection": "local",
            "model": "m", "ready_ms": 0}  # fmt: skip


class Fold:
    """A viewer's state: what the browser's reducer makes of delta frames."""

    def __init__(self) -> None:
        self.seq = 0
        self.run: dict[str, Any] = {}
        self.joins: dict[int, dict[str, Any]] = {}
        self.branches: dict[int, dict[str, Any]] = {}
        self.attempts: dict[tuple[int, int], dict[str, Any]] = {}
        self.answers: dict[str, str] = {}

    def take(self, frame: Mapping[str, Any]) -> "Fold":
        assert frame["base"] in (self.seq, 0)
        self.run = {key: value for key, value in frame["run"].items() if key != "elapsed_ms"}
        self.joins |= {row["number"]: row for row in rows(frame["joins"])}
        self.branches |= {row["number"]: row for row in rows(frame["branches"])}
        for row in rows(frame.get("attempts", {})):
            self.attempts[row["branch"], row["number"]] = row
        self.answers |= frame.get("answers", {})
        if frame["part"] == frame["parts"]:
            self.seq = frame["seq"]
        return self

    def take_all(self, frames: list[dict[str, Any]]) -> "Fold":
        for frame in frames:
            self.take(frame)
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fold) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


def rows(columns: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
