"""The process's one engine loop: claims runs, works on them side by side, sweeps for more.

A Celery task only offers a run; whatever is not claimed now stays in the database, which is the
one queue, and the sweep finds it.
"""

import asyncio
import gc
import logging
import os
import socket
import sys
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar
from uuid import uuid4

from django.db import close_old_connections

from runs.domain.errors import CallError, Fenced
from runs.engine.coordinator import Coordinator
from runs.engine.protocols import StoreUnavailable
from runs.execution import again, baseline, lease, store
from runs.execution.compose import Workshop
from runs.execution.doorbell import Doorbell
from runs.execution.load import load
from runs.execution.writer import DATABASE_AWAY, Writer
from runs.providers import registry

try:
    from uvloop import new_event_loop  # half the cost of a wake-up
except ImportError:  # Windows has none
    from asyncio import new_event_loop  # type: ignore[assignment]

log = logging.getLogger(__name__)

CONTROL_EVERY_S = 1.0
COLLECT_AFTER = (50_000, 20, 100)
SWITCH_S = 0.0005  # of Python's 0.005: the loop asks the writer's thread for the interpreter often
WISHES = (again.waiting, baseline.waiting)  # of ended runs
UNAVAILABLE = (StoreUnavailable, *DATABASE_AWAY)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """`runs_at_once`: runs this process works on side by side. `sweep_s`: seconds between looks
    for runs without an owner. `is_alone`: nobody else works on this database, so that leases found
    at the start are dead. `workers`: processes that share a provider's limits, through the Redis
    at `redis_url`."""

    runs_at_once: int = 20
    sweep_s: float = 1.0
    is_alone: bool = True
    workers: int = 1
    redis_url: str = ""
    private_hosts: tuple[str, ...] = ()


class EngineLoop:
    def __init__(self, settings: LoopSettings) -> None:
        self._settings = settings
        self._owner = f"{socket.gethostname()[:32]}:{os.getpid()}:{uuid4().hex[:8]}"
        self._loop = new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="parweb-engine", daemon=True)
        self._writer = Writer()
        self._readers = ThreadPoolExecutor(1, thread_name_prefix="parweb-reader")
        self._runs: dict[int, asyncio.Task[None]] = {}
        self._coordinators: dict[int, Coordinator] = {}
        self._measuring: set[asyncio.Task[dict[str, Any]]] = set()
        self._sweep_now = asyncio.Event()
        self._stopped = asyncio.Event()
        self._is_stopping = False
        self._grace_s = 0.0

    # -- from any thread -------------------------------------------------------------------

    def start(self) -> None:
        self._writer.start()
        self._thread.start()

    def offer(self, run_id: int) -> None:
        """Work on this run, if there is room and nobody else has it."""
        self._loop.call_soon_threadsafe(self._offer, run_id)

    def stop(self, grace_s: float) -> None:
        """Admit nothing more, let open calls end for `grace_s` seconds, hand the runs back."""
        if not self._thread.is_alive():
            return
        self._grace_s = grace_s
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()
        self._writer.stop()
        self._readers.shutdown()

    # -- on the loop -----------------------------------------------------------------------

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._main())
        finally:
            self._loop.close()

    async def _main(self) -> None:
        self._bell = Doorbell()
        self._workshop = Workshop(
            self._writer,
            self._bell,
            workers=self._settings.workers,
            worker=self._owner,
            redis_url=self._settings.redis_url,
            private_hosts=self._settings.private_hosts,
        )
        if self._settings.is_alone:
            await self._writer.submit(0, lease.release_all)
        habits = [
            asyncio.create_task(self._sweep()),
            asyncio.create_task(self._every(CONTROL_EVERY_S, self._read_controls)),
            asyncio.create_task(self._every(lease.RENEW_EVERY_S, self._renew)),
        ]
        await self._stopped.wait()
        self._is_stopping = True
        for measuring in list(self._measuring):
            measuring.cancel()
        backs = [c.hand_back(self._grace_s) for c in list(self._coordinators.values())]
        await asyncio.gather(*backs, return_exceptions=True)
        await asyncio.gather(*self._runs.values(), return_exceptions=True)
        for habit in habits:
            habit.cancel()
        await asyncio.gather(*habits, return_exceptions=True)
        await self._workshop.close()

    def _offer(self, run_id: int) -> None:
        has_room = len(self._runs) < self._settings.runs_at_once
        if self._is_stopping or run_id in self._runs or not has_room:
            return
        task = self._loop.create_task(self._own(run_id))
        self._runs[run_id] = task
        task.add_done_callback(lambda _: self._disowned(run_id))

    def _disowned(self, run_id: int) -> None:
        self._runs.pop(run_id, None)
        if self._coordinators.pop(run_id, None) is not None:
            self._sweep_now.set()  # there is room again; what did not begin waits its turn

    async def _own(self, run_id: int) -> None:
        try:
            claimed = await self._writer.submit(run_id, lambda: lease.claim(run_id, self._owner))
            claimed = claimed or await self._writer.submit(
                run_id, lambda: again.take(run_id, self._owner)
            )
            if claimed is None:
                await self._measure_baseline(run_id)
            else:
                await self._work_on(claimed)
        except Fenced:
            log.warning("run %s: another worker has taken it", run_id)
        except UNAVAILABLE as error:
            log.warning("run %s: left to a later sweep, the database is away: %s", run_id, error)

    async def _work_on(self, claimed: lease.Claim) -> None:
        run_id = claimed.run_id
        try:
            loaded = await self._read(lambda: load(claimed))
            coordinator = self._workshop.coordinator(loaded)
            self._coordinators[run_id] = coordinator
            if self._is_stopping:
                await asyncio.gather(coordinator.work(loaded.control), coordinator.hand_back(0))
            else:
                await coordinator.work(loaded.control)
        except (Fenced, *UNAVAILABLE):
            raise
        except Exception as error:
            log.exception("run %s: broken off", run_id)
            reason = f"Internal error, see the log: {type(error).__name__}"
            await self._writer.submit(run_id, lambda: lease.break_off(claimed, reason))

    async def _measure_baseline(self, run_id: int) -> None:
        """An ended run may want some of its calls made once more, one by one."""
        wanted = await self._writer.submit(run_id, lambda: baseline.take(run_id, self._owner))
        if wanted is None:
            return
        loaded = await self._read(lambda: load(wanted.claim))
        work = self._loop.create_task(baseline.measure(loaded, wanted.calls, self._workshop))
        self._measuring.add(work)
        work.add_done_callback(self._measuring.discard)
        try:
            measured = await work
        except (CallError, ValueError) as error:
            measured = {"failed": str(error)}
        await self._writer.submit(run_id, lambda: baseline.keep(loaded, measured))
        self._bell.changed(run_id, wanted.claim.seq)

    async def _sweep(self) -> None:
        while True:
            try:
                for run_id in await self._read(self._unowned):
                    self._offer(run_id)
            except Exception:
                log.exception("the sweep failed and is tried again")
            self._sweep_now.clear()
            try:
                # Not wait_for: on 3.11 it swallows a cancel that meets the event, and stop hangs.
                async with asyncio.timeout(self._settings.sweep_s):
                    await self._sweep_now.wait()
            except TimeoutError:
                continue

    def _unowned(self) -> list[int]:
        room = self._settings.runs_at_once
        open_runs = lease.claimable().order_by("id").values_list("id", flat=True)[:room]
        ended = [wish().values_list("id", flat=True)[:1] for wish in WISHES]
        return [*open_runs, *chain(*ended)]

    async def _read_controls(self) -> None:
        coordinators = dict(self._coordinators)
        if not coordinators:
            return
        found = await self._read(lambda: store.read_control(list(coordinators)))
        for run_id, coordinator in coordinators.items():
            fence, control = found.get(run_id, (None, None))
            if control is None or fence != coordinator.run.fence:
                coordinator.fenced()
            else:
                coordinator.control(control)

    async def _renew(self) -> None:
        fences = {run_id: c.run.fence for run_id, c in self._coordinators.items()}
        for run_id in await self._writer.submit(0, lambda: lease.renew(fences)):
            if (coordinator := self._coordinators.get(run_id)) is not None:
                coordinator.fenced()

    async def _every(self, seconds: float, habit: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await habit()
            except Exception:
                log.exception("%s failed and is tried again", habit.__name__)

    async def _read(self, query: Callable[[], Result]) -> Result:
        """Run a query on the reader's thread, with its own database connection."""

        def work() -> Result:
            close_old_connections()
            return query()

        return await self._loop.run_in_executor(self._readers, work)


_running: EngineLoop | None = None


def quiet_collector() -> None:
    """What is loaded by now stays: the garbage collector need not look at it again, and looks
    seldom at the many small objects of calls (a tenth of their CPU)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def start(settings: LoopSettings) -> EngineLoop:
    """Start this process's loop."""
    registry.prepare()
    quiet_collector()
    sys.setswitchinterval(SWITCH_S)
    global _running  # noqa: PLW0603  one a process, as the design wants it
    _running = EngineLoop(settings)
    _running.start()
    return _running


def stop(grace_s: float = 3.0) -> None:
    global _running  # noqa: PLW0603
    if _running is not None:
        _running.stop(grace_s)
        _running = None


def offer(run_id: int) -> None:
    """Offer a run to this process's loop; without one it waits for a sweep elsewhere."""
    if _running is not None:
        _running.offer(run_id)
