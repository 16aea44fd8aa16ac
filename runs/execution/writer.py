"""One writer thread a process: commits whatever the runs have queued, together.

The thread has its own database connection. Commits are spaced, so that what ends within a few
milliseconds is one transaction, and never held back by a fixed timer.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import InterfaceError, InternalError, OperationalError, connection, transaction

from runs.domain.errors import Fenced
from runs.engine.protocols import StoreUnavailable

LEAST_SPACE_S, MOST_SPACE_S, SPACE_SHARE = 0.002, 0.020, 0.01
CORE_SHARE = 1 / 6  # of a core, for commits: beyond it they are spaced more, up to the most
REST_S = 0.005  # the most that the loop rests for a commit
WORK_A_REST = 2  # times as long as it rested, it works before it rests again
SOON_S = 0.0005  # before a commit may begin, it is worth resting for
ERROR_PAUSE_S = 0.05
# An internal error: among others, that PostgreSQL ended a transaction for being idle.
DATABASE_AWAY = (OperationalError, InterfaceError, InternalError)
Result = TypeVar("Result")


@dataclass(slots=True)
class _Job:
    """Work for the writer's thread. `run_id` orders the jobs of one transaction."""

    run_id: int
    work: Callable[[], Any]
    future: "Future[Any]"


class Writer:
    """Runs jobs in transactions on its own thread, all that are queued in one."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="parweb-writer", daemon=True)
        self.space_s = LEAST_SPACE_S
        # By the monotonic clock: when the next commit may begin, when the loop may rest again.
        self._next_at = self._may_rest_at = 0.0
        self._is_busy = False
        self._waiting = 0  # runs about to submit a commit
        self._is_local = connection.vendor == "sqlite"  # no server works while the thread waits

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what is queued, then end."""
        self._jobs.put(None)
        self._thread.join()

    def submit(self, run_id: int, work: Callable[[], Result]) -> "asyncio.Future[Result]":
        return asyncio.wrap_future(self._put(run_id, work))

    async def hasten(self, run_id: int, work: Callable[[], Result]) -> Result:
        """Submit what calls wait for. Where it begins at once, the loop rests meanwhile, `REST_S`
        at most: the driver lets go of the interpreter at every statement, and would get it back
        from a busy loop half a millisecond later each time."""
        may_rest = self._may_rest
        future = self._put(run_id, work)
        if may_rest:
            self._rest(future)
        return future.result() if future.done() else await asyncio.wrap_future(future)

    def _put(self, run_id: int, work: Callable[[], Result]) -> "Future[Result]":
        future: Future[Result] = Future()
        # Whoever waits may be cancelled; the work is done all the same, and its thread lives on.
        future.set_running_or_notify_cancel()
        self._jobs.put(_Job(run_id, work, future))
        return future

    @property
    def _may_rest(self) -> bool:
        """Whether a job would be begun at once and alone, and the loop has worked long enough."""
        if not self._is_local or self._is_busy or self._waiting or not self._jobs.empty():
            return False
        return time.monotonic() >= max(self._next_at - SOON_S, self._may_rest_at)

    def _rest(self, future: "Future[Any]") -> None:
        began = time.monotonic()
        with contextlib.suppress(TimeoutError):
            future.exception(REST_S)
        ended = time.monotonic()
        self._may_rest_at = ended + WORK_A_REST * (ended - began)

    async def turn(self) -> None:
        """Until a commit would begin at once."""
        wait_s = self._next_at - time.monotonic()
        if wait_s <= 0:
            return
        self._waiting += 1
        try:
            await asyncio.sleep(wait_s)
        finally:
            self._waiting -= 1

    def observe_call(self, seconds: float) -> None:
        """Follow the median call with small steps (stochastic median)."""
        wanted = min(max(seconds * SPACE_SHARE, LEAST_SPACE_S), MOST_SPACE_S)
        self.space_s += 0.0005 if wanted > self.space_s else -0.0005
        self.space_s = min(max(self.space_s, LEAST_SPACE_S), MOST_SPACE_S)

    def _work(self) -> None:
        space_s = self.space_s
        try:
            while (jobs := self._next()) is not None:
                self._is_busy = True
                began, began_cpu = time.monotonic(), time.thread_time()
                self._next_at = began + space_s  # as the last time, until its own work is known
                self._commit(sorted(jobs, key=lambda job: job.run_id))
                took = time.thread_time() - began_cpu
                space_s = min(max(self.space_s, took / CORE_SHARE), MOST_SPACE_S)
                self._next_at = began + space_s
                self._is_busy = False
                time.sleep(max(self._next_at - time.monotonic(), 0.0))
        finally:
            connection.close()

    def _next(self) -> list[_Job] | None:
        """Wait for a job, then take all that are there; None: stop."""
        first = self._jobs.get()
        if first is None:
            return None
        jobs = [first]
        while not self._jobs.empty():
            job = self._jobs.get()
            if job is None:
                self._jobs.put(None)
                break
            jobs.append(job)
        return jobs

    def _commit(self, jobs: list[_Job]) -> None:
        """All in one transaction; where that fails, each alone, so that none breaks another."""
        try:
            with transaction.atomic():
                results = [_outcome_of(job) for job in jobs]
        except Exception as error:  # noqa: BLE001  handed to whoever waits
            connection.close()
            if len(jobs) > 1:
                for job in jobs:
                    self._commit([job])
            else:
                jobs[0].future.set_exception(_as_unavailable(error))
                time.sleep(ERROR_PAUSE_S)
            return
        for job, result in zip(jobs, results, strict=True):
            if isinstance(result, Fenced):
                job.future.set_exception(result)
            else:
                job.future.set_result(result)


def _as_unavailable(error: Exception) -> Exception:
    if isinstance(error, DATABASE_AWAY):
        return StoreUnavailable(str(error))
    return error


def _outcome_of(job: _Job) -> Any:
    """A fenced run's job wrote nothing and leaves the others' transaction whole."""
    try:
        return job.work()
    except Fenced as fenced:
        return fenced
