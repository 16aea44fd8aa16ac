"""An ended run leaves behind what its calls showed, so that later estimates need no branch of it.

Nothing depends on it: what a crash between a run's end and this write loses is one lesson.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from runs.domain.plan import CHILD_ROLES, Role
from runs.domain.states import AttemptStatus, RunStatus
from runs.engine.protocols import Batch, Committed, StoreUnavailable
from runs.engine.state import BranchState, RunState
from runs.execution.planner import RunPlanner
from runs.execution.store import DatabaseStore
from runs.execution.writer import Writer
from runs.metrics.experience import Call, Experience, experiences
from runs.models import Connection, Learned, Run
from runs.planning import asks
from runs.planning.loads import LoadKind

log = logging.getLogger(__name__)

# A cancelled run shows the quick calls only.
LEARNED_FROM = frozenset({RunStatus.SUCCEEDED, RunStatus.PARTIAL, RunStatus.FAILED})


class LearningStore(DatabaseStore):
    """A store that learns from the run of which it has written the end, and keeps nobody waiting
    for it: `lessons` are under way."""

    def __init__(
        self, writer: Writer, planner: RunPlanner, lessons: set["asyncio.Task[None]"]
    ) -> None:
        super().__init__(writer)
        self._planner = planner
        self._lessons = lessons

    async def commit(self, batch: Batch) -> Committed:
        is_end = batch.run.ended_ms is not None  # it may end while an earlier batch is written
        committed = await super().commit(batch)
        is_first = batch.run.pass_n == 1 and not committed.late
        if is_end and is_first and batch.run.status in LEARNED_FROM:
            lesson = asyncio.create_task(self._learn(batch.run))
            self._lessons.add(lesson)
            lesson.add_done_callback(self._lessons.discard)
        return committed

    async def _learn(self, run: RunState) -> None:
        shown = await asyncio.to_thread(lambda: experiences(calls_of(run, self._planner)))
        try:
            await self._writer.submit(run.id, lambda: keep(run.id, shown))
        except StoreUnavailable as error:
            log.warning("run %s: nothing learned, the database is away: %s", run.id, error)


def calls_of(run: RunState, planner: RunPlanner) -> Iterator[Call]:
    """The calls whose answers count."""
    prints: dict[tuple[object, ...], str] = {}
    for attempt in run.attempts:
        if attempt.status is not AttemptStatus.OK:
            continue
        if attempt.sent_ms is None or attempt.ended_ms is None:
            continue
        branch = run.branches[attempt.branch]
        call = branch.spec.call
        alike = _alike(branch)
        if alike not in prints:
            prints[alike] = _print(branch, run, planner)
        yield Call(
            asks=prints[alike],
            stage="branch" if branch.role in CHILD_ROLES else f"join {branch.level}",
            connection=call.connection,
            model=call.model,
            input_tokens=attempt.input_tokens,
            output_tokens=attempt.output_tokens,
            sent_ms=attempt.sent_ms,
            first_token_ms=attempt.first_token_ms,
            ended_ms=attempt.ended_ms,
        )


def _alike(branch: BranchState) -> tuple[object, ...]:
    """What branches with one print share, for a quick look. The words of calls that a join asks
    for are their join's: the root's, or those of the joins below it."""
    if branch.role not in CHILD_ROLES:
        return branch.role, branch.join > 0
    call = branch.spec.call
    return branch.spec.prompt, call.system, id(call.json_schema), call.stop


def _print(branch: BranchState, run: RunState, planner: RunPlanner) -> str:
    if branch.role in CHILD_ROLES:
        return asks.of_branch(branch.spec)
    kind: LoadKind = "merge" if branch.role is Role.MERGE else "judge"
    return asks.of_join(planner.settings(run.joins[branch.join]), kind)


def keep(run_id: int, shown: list[Experience]) -> None:
    """Write what the run showed, beside what its estimate said of the input."""
    run = Run.objects.filter(pk=run_id).only("owner_id", "connections", "estimate").first()
    if run is None:
        return
    ids = {name: frozen.get("id") for name, frozen in run.connections.items()}
    kinds = {name: frozen.get("kind") for name, frozen in run.connections.items()}
    there = set(Connection.objects.filter(pk__in=ids.values()).values_list("pk", flat=True))
    told = _told(run.estimate)
    Learned.objects.filter(run_id=run_id).delete()
    Learned.objects.bulk_create(
        Learned(
            run_id=run_id,
            owner_id=run.owner_id,
            connection_id=ids.get(one.connection) if ids.get(one.connection) in there else None,
            is_invented=kinds.get(one.connection) == Connection.Kind.SIMULATED,
            input_told=told.get((one.asks, one.connection, one.model)),
            **{name: value for name, value in asdict(one).items() if name != "connection"},
        )
        for one in shown
    )


def _told(estimate: Mapping[str, Any]) -> dict[tuple[str, str, str], float]:
    """Input tokens a call by length alone, of each kind of call."""
    sums: dict[tuple[str, str, str], list[tuple[float, int]]] = {}
    for part in estimate.get("parts", ()):
        key = (part["asks"], part["connection"], part["model"])
        sums.setdefault(key, []).append((part["told_tokens"], part["calls"]))
    return {
        key: sum(told * calls for told, calls in parts) / total
        for key, parts in sums.items()
        if (total := sum(calls for _, calls in parts))
    }
