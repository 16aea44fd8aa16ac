"""The gate in front of a provider key."""

import asyncio

import pytest

from runs.execution.limiter import Change, Gate


class Clock:
    """Time that passes only where the loop sleeps: the gate's timers are the loop's own."""

    def __call__(self) -> float:
        return asyncio.get_running_loop().time()


def gate(limit: int = 2, per_second: float | None = None) -> Gate:
    return Gate(limit=limit, per_second=per_second, clock=Clock())


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_calls_than_the_limit_are_let_in() -> None:
    g = gate(limit=2)
    waiting = [asyncio.create_task(g.acquire()) for _ in range(5)]
    await settled()
    assert g.in_flight == 2
    assert g.held == 3
    g.release()
    await settled()
    assert g.in_flight == 2
    assert sum(task.done() for task in waiting) == 3
    for task in waiting:
        task.cancel()


async def test_who_asks_first_is_served_first() -> None:
    g = gate(limit=1)
    order: list[int] = []

    async def enter(name: int) -> None:
        await g.acquire()
        order.append(name)

    tasks = [asyncio.create_task(enter(i)) for i in range(4)]
    for _ in range(4):
        await settled()
        g.release()
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3]


async def test_a_cancelled_waiter_takes_no_slot() -> None:
    g = gate(limit=1)
    await g.acquire()
    waiter = asyncio.create_task(g.acquire())
    await settled()
    waiter.cancel()
    await settled()
    g.release()
    assert g.in_flight == 0


async def test_a_waiter_cancelled_as_it_is_let_in_gives_its_slot_back() -> None:
    g = gate(limit=1)
    await g.acquire()
    waiter = asyncio.create_task(g.acquire())
    await settled()
    g.release()
    waiter.cancel()
    await settled()
    assert g.in_flight == 0


async def test_retry_after_is_a_floor_for_everybody() -> None:
    g = gate(limit=10)
    began = asyncio.get_running_loop().time()
    assert g.throttled(0.05) == 0.05
    g.throttled(0.02)  # a later, shorter word does not open the gate
    await asyncio.gather(*(g.acquire() for _ in range(3)))
    assert asyncio.get_running_loop().time() - began >= 0.05
    assert g.blocked_s() >= 0.045


async def test_a_burst_of_429s_is_one_episode() -> None:
    g = gate(limit=10)
    pauses = [g.throttled(None) for _ in range(5)]
    assert all(pause <= 0.5 for pause in pauses)


async def test_calls_a_minute_are_paced() -> None:
    g = gate(limit=10, per_second=100)
    began = asyncio.get_running_loop().time()
    await asyncio.gather(*(g.acquire() for _ in range(6)))
    assert asyncio.get_running_loop().time() - began >= 0.05 * 0.99


async def test_waiting_for_a_slot_is_not_counted_as_rate_limit() -> None:
    g = gate(limit=1)
    await g.acquire()
    waiter = asyncio.create_task(g.acquire())
    await asyncio.sleep(0.01)
    assert g.blocked_s() == 0
    g.release()
    await waiter


async def test_changes_are_told_with_their_reason() -> None:
    told: list[Change] = []
    g = Gate(limit=4, on_change=told.append, clock=Clock())
    g.throttled(1.0)
    assert told[0].reason == "throttled by the provider"
    assert told[0].limit == 4


@pytest.mark.parametrize("in_s", [-5.0, 0.0])
async def test_a_pause_that_has_passed_is_not_restored(in_s: float) -> None:
    g = gate()
    g.restore(g.wall() + in_s)
    await g.acquire()
    assert g.in_flight == 1
