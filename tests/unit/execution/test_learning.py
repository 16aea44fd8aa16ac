"""When an ended run is learned from: with the batch that holds its end, no other."""

import asyncio
from typing import Any

import pytest

from runs.domain.states import RunStatus
from runs.engine.protocols import Batch, Committed, Control
from runs.engine.state import RunState
from runs.execution.learning import LearningStore
from runs.execution.store import DatabaseStore
from tests.unit.engine.doubles import World


async def test_a_run_that_ends_while_an_earlier_batch_is_written_is_learned_from_with_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = World().state
    run.status = RunStatus.RUNNING
    learned: list[int] = []

    async def written(self: DatabaseStore, batch: Batch) -> Committed:
        run.status, run.ended_ms = RunStatus.SUCCEEDED, 5  # the owner goes on meanwhile
        return Committed(batch.seq + 1, Control())

    async def learn(self: LearningStore, run: RunState) -> None:
        learned.append(len(learned))

    monkeypatch.setattr(DatabaseStore, "commit", written)
    monkeypatch.setattr(LearningStore, "_learn", learn)
    nobody: Any = None
    lessons: set[asyncio.Task[None]] = set()
    store = LearningStore(nobody, nobody, lessons)
    await store.commit(Batch(1, 1, 1, run, [], [], [], [], {}))
    assert not lessons
    await store.commit(Batch(1, 1, 2, run, [], [], [], [], {}))
    assert not learned, "whoever waits for the commit does not wait for the lesson"
    await asyncio.gather(*lessons)
    assert len(learned) == 1
