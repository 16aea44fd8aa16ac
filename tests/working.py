"""Working on a run with the real engine and the real database, without a serving process."""

import asyncio
from collections.abc import Callable

from runs.engine.state import RunState
from runs.execution import lease
from runs.execution.compose import Workshop
from runs.execution.load import load
from runs.execution.writer import Writer
from runs.models import Run


class Watching:
    """Says when so many calls of a run have been made."""

    def __init__(self, calls: int | None) -> None:
        self.calls = calls
        self.state: RunState | None = None
        self.is_time = asyncio.Event()

    def changed(self, run_id: int, seq: int) -> None:
        if self.calls is not None and self.state is not None and self.state.calls >= self.calls:
            self.is_time.set()

    def text(self, run_id: int, chunks: list[tuple[int, int, int, str]]) -> None: ...


async def worked(
    run: Run,
    writer: Writer,
    *,
    calls: int | None = None,
    take: Callable[[int, str], lease.Claim | None] = lease.claim,
) -> None:
    """Claim the run and work on it to its end, or until it has made so many calls."""
    claimed = await asyncio.to_thread(_claim, run, take)
    loaded = await asyncio.to_thread(load, claimed)
    watching = Watching(calls)
    watching.state = loaded.state
    workshop = Workshop(writer, watching, workers=1, private_hosts=())
    work = asyncio.create_task(workshop.coordinator(loaded).work(loaded.control))
    try:
        await asyncio.wait_for(work if calls is None else watching.is_time.wait(), 30)
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await workshop.close()


def _claim(run: Run, take: Callable[[int, str], lease.Claim | None]) -> lease.Claim:
    Run.objects.filter(pk=run.pk).update(lease_owner="", lease_until=None)
    claimed = take(run.pk, "test")
    assert claimed is not None
    return claimed
