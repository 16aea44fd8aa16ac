"""The writer's thread: how the loop waits for a commit, and how commits are spaced."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from itertools import count

import pytest
from django.db import connection

from runs.execution import writer as writer_module
from runs.execution.writer import CORE_SHARE, LEAST_SPACE_S, MOST_SPACE_S, Writer

pytestmark = pytest.mark.django_db(transaction=True)

needs_local = pytest.mark.skipif(
    connection.vendor != "sqlite", reason="only for SQLite does the loop rest"
)


class Clock:
    """Stands still unless it is moved; sleeping is written down and moves it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.cpu = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def thread_time(self) -> float:
        return self.cpu

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def works(self, seconds: float) -> None:
        self.now += seconds
        self.cpu += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(writer_module, "time", made)
    return made


@pytest.fixture
def spaced(clock: Clock) -> Iterator[Writer]:
    """A writer by the clock above."""
    made = Writer()
    made.start()
    yield made
    made.stop()


class Loops:
    """Tells whether the loop has turned."""

    def __init__(self) -> None:
        self.turns = 0
        self._turn()

    def _turn(self) -> None:
        self.turns += 1
        asyncio.get_running_loop().call_soon(self._turn)


@needs_local
async def test_the_loop_rests_while_a_commit_is_made(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "REST_S", 30.0)  # however slow the machine
    loops = Loops()
    assert await writer.hasten(1, lambda: "written") == "written"
    assert loops.turns == 1


@needs_local
async def test_the_loop_waits_for_a_slow_commit_like_for_any(writer: Writer) -> None:
    go_on = threading.Event()
    written = asyncio.create_task(writer.hasten(1, lambda: go_on.wait(30)))
    await asyncio.sleep(0)  # comes back although the commit has not ended
    assert not written.done()
    go_on.set()
    assert await written


@needs_local
async def test_the_loop_does_not_rest_where_others_are_about_to_commit(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "REST_S", 30.0)
    writer._next_at = time.monotonic() + 0.01
    other = asyncio.create_task(writer.turn())
    await asyncio.sleep(0)
    writer._next_at = 0.0
    loops = Loops()
    await writer.hasten(1, lambda: None)
    assert loops.turns > 1
    await other
    writer._next_at = 0.0
    loops.turns = 0
    await writer.hasten(1, lambda: None)
    assert loops.turns == 0


async def test_the_loop_does_not_rest_behind_another_commit(writer: Writer) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        go_on.wait(30)

    first = writer.submit(1, slow)
    await asyncio.to_thread(begun.wait, 30)
    loops = Loops()
    second = asyncio.create_task(writer.hasten(2, lambda: loops.turns))
    await asyncio.sleep(0)
    go_on.set()
    await first
    assert await second > 1


@needs_local
async def test_after_a_rest_the_loop_works_twice_as_long(clock: Clock) -> None:
    made = Writer()

    class Done(Future[None]):
        def exception(self, timeout: float | None = None) -> None:
            clock.works(0.004)

    made._rest(Done())
    for now, may_rest in ((100.005, False), (100.0119, False), (100.0121, True)):
        clock.now = now
        assert made._may_rest is may_rest


async def test_what_the_work_raises_arrives(writer: Writer) -> None:
    def fails() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await writer.hasten(1, fails)


@pytest.mark.parametrize(
    ("took_s", "space_s"),
    [
        (LEAST_SPACE_S * CORE_SHARE / 2, LEAST_SPACE_S),
        (0.001, 0.001 / CORE_SHARE),
        (1.0, MOST_SPACE_S),
    ],
)
async def test_commits_take_a_share_of_a_core(
    spaced: Writer, clock: Clock, took_s: float, space_s: float
) -> None:
    """From the begin of one to the begin of the next, unless it takes longer than that."""
    await spaced.submit(1, lambda: clock.works(took_s))
    await spaced.submit(1, lambda: None)
    assert clock.slept[0] == pytest.approx(max(space_s - took_s, 0.0))


async def test_time_that_is_not_its_own_spaces_no_commits(spaced: Writer, clock: Clock) -> None:
    """Waiting for a disk or a database is no work."""

    def waits() -> None:
        clock.now += 0.004

    await spaced.submit(1, waits)
    await spaced.submit(1, lambda: None)
    assert clock.slept[0] == 0.0


async def test_jobs_that_wait_are_one_commit_in_the_order_of_runs(writer: Writer) -> None:
    begun, go_on = threading.Event(), threading.Event()
    order = count()

    def slow() -> None:
        begun.set()
        go_on.wait(30)

    first = writer.submit(1, slow)
    await asyncio.to_thread(begun.wait, 30)
    later = [writer.submit(run_id, lambda: next(order)) for run_id in (3, 1, 2)]
    go_on.set()
    await first
    assert await asyncio.gather(*later) == [2, 0, 1]
