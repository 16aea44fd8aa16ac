"""A measured one-by-one time: some of an ended run's calls made again, each alone.

What the calls cost is added to the run; their answers are thrown away.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from runs.domain.plan import CHILD_ROLES
from runs.domain.states import ENDED_RUN, BranchStatus
from runs.engine.protocols import ModelRequest
from runs.engine.state import BranchState
from runs.execution.compose import RunClock, RunMoney, Workshop
from runs.execution.figures import RunningFigures
from runs.execution.lease import Claim
from runs.execution.load import Loaded
from runs.metrics import baseline as figures
from runs.models import Run

LEASE = timedelta(minutes=5)  # three calls, one by one, under the longest usual deadline


@dataclass(frozen=True, slots=True)
class Wanted:
    claim: Claim
    calls: int


def waiting() -> QuerySet[Run]:
    """Ended runs that want a baseline and on which nobody is at work."""
    return Run.objects.filter(
        Q(lease_until__isnull=True) | Q(lease_until__lt=timezone.now()),
        baseline_wanted__isnull=False,
        status__in=ENDED_RUN,
    )


def take(run_id: int, owner: str) -> Wanted | None:
    """The wish, leased so that no other worker measures too; None where there is none."""
    run = waiting().filter(id=run_id).first()
    if run is None or run.baseline_wanted is None:
        return None
    calls = run.baseline_wanted
    taken = (
        waiting()
        .filter(id=run_id, seq=run.seq)
        .update(
            baseline={"measuring": calls},
            lease_owner=owner,
            lease_until=timezone.now() + LEASE,
            seq=F("seq") + 1,
        )
    )
    if not taken:  # another worker was faster
        return None
    return Wanted(Claim(run_id, run.fence, run.seq + 1), calls)


async def measure(loaded: Loaded, calls: int, workshop: Workshop) -> dict[str, Any]:
    """Make `calls` of the run's calls again, one after the other. Raises `CallError`."""
    money = RunMoney(loaded.connections)
    times, cost_usd = [], 0.0
    for branch in _sample(loaded, calls):
        call = branch.spec.call
        gate, client = workshop.gate_and_client(loaded.connections[call.connection], call.model)
        prompt = loaded.planner.prompt(branch.spec)
        request = ModelRequest(prompt, call, loaded.state.limits, uuid4().hex)
        permit = await gate.acquire()
        began = time.monotonic()
        try:
            end = await client.complete(request, lambda piece: None)
        finally:
            gate.release(permit)
        alone_ms = round((time.monotonic() - began) * 1000)
        times.append((alone_ms, (branch.ended_ms or 0) - (branch.sent_ms or 0)))
        cost_usd += money.cost(call, end.usage) or 0.0
    return {**figures.measured(times), "cost_usd": cost_usd}


def _sample(loaded: Loaded, calls: int) -> list[BranchState]:
    """Branches spread evenly over those that succeeded."""
    ended = [
        branch
        for branch in loaded.state.branches.values()
        if branch.status is BranchStatus.SUCCEEDED and branch.role in CHILD_ROLES
    ]
    step = max(len(ended) / calls, 1.0)
    return [ended[int(n * step)] for n in range(min(calls, len(ended)))]


def keep(loaded: Loaded, measured: Mapping[str, Any]) -> None:
    """Store the sample and the run's KPIs as they are with it."""
    rows = Run.objects.filter(id=loaded.state.id)
    run = rows.first()
    if run is None:
        return
    done = {"baseline": dict(measured), "baseline_wanted": None, "lease_owner": ""}
    rows.update(**done, lease_until=None, seq=F("seq") + 1)
    if "failed" in measured:
        return
    loaded.state.ended_ms = round(float(run.kpis.get("wall_s", 0.0)) * 1000)
    again = RunningFigures(
        loaded.state,
        RunClock(loaded.launched_at),
        is_private=bool(run.kpis.get("is_private")),
        limit=min((c.in_flight for c in loaded.connections.values()), default=1),
        baseline=measured,
        on_call=lambda seconds: None,
    )
    rows.update(kpis=dict(again.final()), spent_usd=F("spent_usd") + measured.get("cost_usd", 0.0))
