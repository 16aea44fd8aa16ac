"""A vote that ended, and passes over it, written by hand."""

from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from runs.models import Item, Join, Outcome, Pass, Run, row_id
from runs.planning import configuration as configurations
from tests.factories import make_branch, make_run, voting_spec

ANSWERS = ("It is billing.", "billing\nbilling", "billing", "bug", "bug, I say\nbug")


def make_ended(user: User, **values: Any) -> Run:
    """A vote of five that ended, with its outcome."""
    spec = configurations.dump(configurations.parse(voting_spec(votes={"samples": len(ANSWERS)})))
    values = {
        "spec": spec,
        "status": "succeeded",
        "outcome": "decided",
        "reason": "3 of 5",
    } | values
    made = make_run(user, branches_planned=len(ANSWERS), seq=7, calls=5, spent_usd=0.5, **values)
    Join.objects.filter(run=made).update(
        children=len(ANSWERS), status="done", outcome="decided", value="billing"
    )
    Item.objects.create(run=made, number=0, label="Ticket", fields={"input": "charged twice"})
    for number, answer in enumerate(ANSWERS):
        reading = "billing" if number < 3 else "bug"
        make_branch(made, number, answer, status="succeeded", reading=reading)
    make_outcome(made, 1, "billing", tally={"billing": 3, "bug": 2})
    return made


def make_outcome(run: Run, n: int, value: str | None, kind: str = "decided", **more: Any) -> None:
    entries = [[child, "used", "", "billing"] for child in range(len(ANSWERS))]
    quality = {"agreement": 0.6, "coverage": 1.0, "margin": 1, **more}
    Outcome.objects.create(
        run=run,
        join_id=row_id(run.pk, 0),
        pass_n=n,
        kind=kind,
        value=value,
        detail=f"{value} it is",
        contributions=entries,
        quality=quality,
    )


def end(made: Pass, value: str | None = "bug", kind: str = "decided", **more: Any) -> None:
    """As a worker would: an outcome, and the pass's own end."""
    make_outcome(made.run, made.n, value, kind, **more)
    Pass.objects.filter(pk=made.pk).update(
        status="succeeded", outcome=kind, reason="bug it is", ended_at=timezone.now()
    )
