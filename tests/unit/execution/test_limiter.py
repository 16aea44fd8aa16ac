"""The gate in front of a provider key."""

import asyncio

import pytest

from runs.domain.limits import RateHints
from runs.engine.protocols import Permit
from runs.execution.breaker import IN_A_ROW
from runs.execution.limiter import Change, Gate


class Clock:
    """Time that passes only where the loop sleeps: the gate's timers are the loop's own."""

    def __call__(self) -> float:
        return asyncio.get_running_loop().time()


def gate(limit: int = 2, calls_per_minute: float | None = None, *, is_known: bool = True) -> Gate:
    return Gate(limit, calls_per_minute, is_known=is_known, clock=Clock())


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_calls_than_the_limit_are_let_in() -> None:
    g = gate(limit=2)
    waiting = [asyncio.create_task(g.acquire()) for _ in range(5)]
    await settled()
    assert g.in_flight == 2
    assert g.held == 3
    g.release(waiting[0].result())
    await settled()
    assert g.in_flight == 2
    assert sum(task.done() for task in waiting) == 3
    for task in waiting:
        task.cancel()


async def test_who_asks_first_is_served_first() -> None:
    g = gate(limit=1)
    order: list[int] = []

    async def enter(name: int) -> None:
        permit = await g.acquire()
        order.append(name)
        g.release(permit)

    await asyncio.gather(*(enter(i) for i in range(4)))
    assert order == [0, 1, 2, 3]


async def test_a_cancelled_waiter_takes_no_slot() -> None:
    g = gate(limit=1)
    permit = await g.acquire()
    waiter = asyncio.create_task(g.acquire())
    await settled()
    waiter.cancel()
    await settled()
    g.release(permit)
    assert g.in_flight == 0


async def test_a_waiter_cancelled_as_it_is_let_in_gives_its_slot_back() -> None:
    g = gate(limit=1)
    permit = await g.acquire()
    waiter = asyncio.create_task(g.acquire())
    await settled()
    g.release(permit)
    waiter.cancel()
    await settled()
    assert g.in_flight == 0


async def test_retry_after_is_a_floor_for_everybody() -> None:
    g = gate(limit=10)
    sent = [await g.acquire() for _ in range(2)]
    began = asyncio.get_running_loop().time()
    assert g.throttled(sent[0], 0.05) == 0.05
    g.throttled(sent[1], 0.02)  # a later, shorter word does not open the gate
    for permit in sent:
        g.release(permit)
    await asyncio.gather(*(g.acquire() for _ in range(3)))
    assert asyncio.get_running_loop().time() - began >= 0.05
    assert g.blocked_s() >= 0.045


async def test_a_burst_of_429s_is_one_cut_and_one_pause() -> None:
    g = gate(limit=10)
    sent = [await g.acquire() for _ in range(5)]
    pauses = [g.throttled(permit, None) for permit in sent]
    assert g.limit == 7
    assert all(pause <= 0.5 for pause in pauses)


async def test_the_limit_grows_back_with_successes_while_it_binds() -> None:
    g = gate(limit=10)
    sent = [await g.acquire() for _ in range(10)]
    g.throttled(sent[0], 0.001)
    for permit in sent:
        g.release(permit)
    for _ in range(200):
        permits = [await g.acquire() for _ in range(g.limit)]
        for permit in permits:
            g.answered(permit, None)
        for permit in permits:
            g.release(permit)
    assert g.limit == 10


async def test_the_limit_does_not_grow_where_it_does_not_bind() -> None:
    g = gate(limit=10)
    sent = [await g.acquire() for _ in range(10)]
    g.throttled(sent[0], 0.001)
    for permit in sent:
        g.release(permit)
    for _ in range(50):
        permit = await g.acquire()
        g.answered(permit, None)
        g.release(permit)
    assert g.limit == 7


async def test_calls_a_minute_are_paced() -> None:
    g = gate(limit=10, calls_per_minute=60 * 100)
    began = asyncio.get_running_loop().time()
    g.charge(0)
    for _ in range(25 + 5):  # what a quarter of a second holds, and five more
        g.release(await g.acquire())
    assert asyncio.get_running_loop().time() - began >= 0.05 * 0.9


async def test_limits_are_learned_from_what_the_provider_says() -> None:
    g = gate(limit=10)
    permit = await g.acquire()
    g.answered(permit, RateHints(calls_per_minute=60 * 100, calls_left=0))
    g.release(permit)
    began = asyncio.get_running_loop().time()
    for _ in range(3):
        g.release(await g.acquire())
    assert asyncio.get_running_loop().time() - began >= 0.03 * 0.9
    assert g.blocked_s() > 0


async def test_of_a_days_limit_all_that_is_left_may_go_at_once() -> None:
    g = gate(limit=200)
    permit = await g.acquire()
    g.answered(permit, RateHints(calls_per_minute=14_400 / 1_440, calls_left=100))
    g.release(permit)
    at_once = sum(g.try_acquire() is not None for _ in range(150))
    assert at_once == 99, "a little of it is left alone"


async def test_calls_sent_since_are_taken_off_what_is_left() -> None:
    g = gate(limit=10)
    first = await g.acquire()
    for _ in range(4):
        await g.acquire()
    g.answered(first, RateHints(calls_per_minute=6_000, calls_left=7))
    took = []
    for _ in range(3):
        began = asyncio.get_running_loop().time()
        await g.acquire()
        took.append(asyncio.get_running_loop().time() - began)
    assert max(took[:2]) < 0.004 < took[2]


async def test_an_earlier_call_adds_nothing_to_what_a_later_one_learned() -> None:
    g = gate(limit=10)
    first, second = await g.acquire(), await g.acquire()
    g.answered(second, RateHints(calls_per_minute=60, calls_left=0))
    g.answered(first, RateHints(calls_per_minute=60, calls_left=50))
    assert g.try_acquire() is None


async def test_nothing_waits_where_a_permit_is_only_tried_for() -> None:
    g = gate(limit=2)
    first, second = g.try_acquire(), g.try_acquire()
    assert first is not None
    assert second is not None
    assert g.try_acquire() is None, "no slot is free"
    waiter = asyncio.create_task(g.acquire())
    await settled()
    g.release(first)
    await waiter
    g.release(second)
    assert g.in_flight == 1
    assert g.try_acquire() is not None


async def test_a_permit_is_not_to_be_had_past_those_who_wait_or_against_the_rate() -> None:
    g = gate(limit=5, calls_per_minute=60)
    assert g.try_acquire() is not None
    assert g.try_acquire() is None, "the rate is used up"
    waiter = asyncio.create_task(g.acquire())
    await settled()
    assert g.try_acquire() is None
    waiter.cancel()
    await settled()
    g.declare(5, None, None)
    assert g.try_acquire() is not None, "who gave up does not count"


async def test_nothing_extra_goes_to_a_provider_that_does_not_answer() -> None:
    g = gate(limit=20)
    await outage(g, 20)
    g.breaker.probe_from = 0.0
    assert g.try_acquire() is None


async def test_a_raised_limit_lets_in_who_waits() -> None:
    g = gate(limit=1)
    await g.acquire()
    waiting = [asyncio.create_task(g.acquire()) for _ in range(2)]
    await settled()
    g.declare(3, None, None)
    await settled()
    assert all(task.done() for task in waiting)


async def test_a_raised_rate_lets_in_who_waits() -> None:
    g = gate(limit=5, calls_per_minute=1)
    await g.acquire()
    waiter = asyncio.create_task(g.acquire())
    await settled()
    g.declare(5, None, None)
    await settled()
    assert waiter.done()


async def test_declared_tokens_are_kept() -> None:
    g = Gate(10, tokens_per_minute=60 * 10_000, clock=Clock())
    g.charge(3_000)  # a quarter of a second holds 2,500
    began = asyncio.get_running_loop().time()
    await g.acquire()
    assert asyncio.get_running_loop().time() - began >= 0.05 * 0.9


async def test_lanes_that_wait_with_one_call_at_a_time_take_turns() -> None:
    g = gate(limit=1)
    order: list[str] = []

    async def lane(name: str, calls: int) -> None:
        for _ in range(calls):
            permit = await g.acquire()
            order.append(name)
            await asyncio.sleep(0)
            g.release(permit)

    await asyncio.gather(lane("large", 6), lane("small", 3))
    assert order[:6].count("small") == 3


async def test_tokens_taken_hold_those_who_come_next() -> None:
    g = gate(limit=10)
    permit = await g.acquire()
    g.answered(permit, RateHints(tokens_per_minute=60 * 10_000, tokens_left=1_000))
    g.release(permit)
    await g.acquire()
    g.charge(1_400)
    began = asyncio.get_running_loop().time()
    await g.acquire()
    assert asyncio.get_running_loop().time() - began >= 0.04 * 0.9


async def test_a_gate_that_was_never_answered_begins_with_few_slots() -> None:
    g = gate(limit=500, is_known=False)
    assert g.limit == 64
    permit = await g.acquire()
    g.answered(permit, None)
    assert g.limit == 500


async def test_waiting_for_a_slot_is_not_counted_as_rate_limit() -> None:
    g = gate(limit=1)
    permit = await g.acquire()
    waiter = asyncio.create_task(g.acquire())
    await asyncio.sleep(0.01)
    assert g.blocked_s() == 0
    g.release(permit)
    await waiter


async def test_changes_are_told_with_their_reason() -> None:
    told: list[Change] = []
    g = Gate(4, on_change=told.append, clock=Clock())
    g.throttled(await g.acquire(), 1.0)
    assert told[0].reason == "throttled by the provider"
    assert told[0].limit == 2


@pytest.mark.parametrize("in_s", [-5.0, 0.0])
async def test_a_pause_that_has_passed_is_not_restored(in_s: float) -> None:
    g = gate()
    g.restore(g.wall() + in_s)
    await g.acquire()
    assert g.in_flight == 1


async def outage(g: Gate, calls: int) -> list[bool]:
    """All of these calls fail; whether each error counted."""
    permits = [await g.acquire() for _ in range(calls)]
    counted = []
    for permit in permits:
        counted.append(g.failed(permit))
        g.release(permit)
    return counted


async def test_an_outage_opens_the_breaker_and_counts_against_nobody() -> None:
    g = gate(limit=20)
    counted = await outage(g, 20)
    assert sum(counted) < 10
    assert counted[-10:] == [False] * 10
    assert g.breaker.is_open
    assert g.held_reason == "the provider does not answer"


async def test_one_probe_at_a_time_goes_out_until_one_succeeds() -> None:
    g = gate(limit=20)
    await outage(g, 20)
    g.breaker.probe_from = 0.0
    probe = await g.acquire()
    assert probe.is_probe
    waiting = [asyncio.create_task(g.acquire()) for _ in range(5)]
    await settled()
    assert not any(task.done() for task in waiting)
    g.answered(probe, None)
    g.release(probe)
    await settled()
    assert not g.breaker.is_open
    assert all(task.done() for task in waiting)


async def test_a_failed_probe_waits_longer_for_the_next() -> None:
    g = gate(limit=20)
    await outage(g, 20)
    g.breaker.probe_from = 0.0
    probe = await g.acquire()
    assert g.failed(probe) is False
    g.release(probe)
    wait = g.breaker.may_probe_in_s(Clock()())
    assert wait is not None
    assert wait > 0.9


async def test_a_probe_that_is_taken_back_lets_the_next_one_out() -> None:
    g = gate(limit=20)
    await outage(g, 20)
    g.breaker.probe_from = 0.0
    g.release(await g.acquire())
    again: Permit = await asyncio.wait_for(g.acquire(), 1)
    assert again.is_probe


async def test_errors_between_successes_open_no_breaker() -> None:
    g = gate(limit=20)
    for turn in range(200):
        permit = await g.acquire()
        if turn % IN_A_ROW:
            assert g.failed(permit) is True
        else:
            g.answered(permit, None)
        g.release(permit)
    assert not g.breaker.is_open
