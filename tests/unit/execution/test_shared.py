"""What one worker does with the grants it gets, and what it reports: without a Redis."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from runs.domain.limits import RateHints
from runs.execution.limiter import Change, Gate
from runs.execution.shared import LAPSE_S, QUIET_S, RETRY_S
from runs.execution.shared_redis import Away
from runs.execution.shared_wire import Grant, Request, Share
from tests.sharing import now, run


def grant(**changes: Any) -> Grant:
    free: dict[str, Any] = {
        "limit": 8, "workers": 1,
        "number": 0, "metered": False, "credits": 0, "again": 0.0, "pause": 0.0,
        "open": -1, "retry_tokens": 10, "failures": 0, "probe": False, "probe_in": 0.0,
    }  # fmt: skip
    return Grant(**{**free, **changes})  # type: ignore[typeddict-item]


class Shared:
    """Gives one grant after the other, the last one again and again; `None` is Redis away. Slots
    are as asked for where a grant does not say."""

    def __init__(self, *grants: Grant | None) -> None:
        self.grants = list(grants)
        self.asked: list[tuple[float, Request]] = []

    async def exchange(self, key: str, request: Request) -> Grant:
        self.asked.append((now(), request))
        await asyncio.sleep(0.001)
        given = self.grants.pop(0) if len(self.grants) > 1 else self.grants[0]
        if given is None:
            raise Away
        most = given.get("limit", 0)
        return Grant(slots=min(request.keep + request.want, most), part=most) | given  # type: ignore[return-value]

    @property
    def last(self) -> Request:
        return self.asked[-1][1]


def gate(
    shared: Shared, told: Callable[[Change], None] = lambda change: None, **values: Any
) -> Gate:
    share = Share(shared.exchange, "k", "me", workers=2)
    return Gate(**{"most": 8, "clock": now, "share": share, "on_change": told, **values})


def test_nobody_enters_before_the_first_grant_and_then_at_once() -> None:
    async def work() -> None:
        shared = Shared(grant())
        g = gate(shared)
        assert g.try_acquire() is None
        await g.acquire()
        assert now() < 0.01
        assert shared.asked[0][1].declares

    run(work())


def test_slots_are_obeyed_and_more_are_asked_for() -> None:
    async def work() -> None:
        shared = Shared(grant(slots=2, part=2), grant(slots=3, part=3))
        g = gate(shared)
        waiting = [asyncio.create_task(g.acquire()) for _ in range(5)]
        await asyncio.sleep(0.05)
        assert g.in_flight == 3
        assert shared.last.want > 0
        assert shared.last.keep == 3
        for task in waiting:
            task.cancel()

    run(work())


def test_what_was_granted_above_its_part_is_given_back_as_calls_end() -> None:
    async def work() -> None:
        shared = Shared(grant(slots=8, part=8))
        g = gate(shared)
        permits = [await g.acquire() for _ in range(8)]
        shared.grants = [grant(slots=8, part=3)]
        await asyncio.sleep(0.2)
        for permit in permits[:4]:
            g.release(permit)
        await asyncio.sleep(0.1)
        assert shared.last.keep == 4
        assert g.try_acquire() is None

    run(work())


def test_a_grant_lapses() -> None:
    async def work() -> None:
        shared = Shared(grant())
        g = gate(shared)
        await g.acquire()
        await asyncio.sleep(10 * LAPSE_S)
        asked = len(shared.asked)
        assert g.try_acquire() is None
        await g.acquire()
        assert len(shared.asked) == asked + 1

    run(work())


def test_credits_are_used_at_their_moments_and_what_is_left_is_given_back() -> None:
    async def work() -> None:
        first = grant(metered=True, credits=3, paces=[(0.0, 100.0, 1.0)], number=40)
        shared = Shared(first, grant(metered=True, again=5.0))
        g = gate(shared)
        permits = [await g.acquire(), await g.acquire()]
        assert [permit.number for permit in permits] == [41, 42]
        assert permits[1].at == pytest.approx(0.021, abs=0.002)
        await asyncio.sleep(0.2)
        assert shared.last.spare + shared.asked[-2][1].spare == 1
        assert g.try_acquire() is None

    run(work())


def test_tokens_are_told_less_what_credits_had_reserved() -> None:
    async def work() -> None:
        shared = Shared(grant(metered=True, credits=2, paces=[(900.0, 100.0, 0.0)]))
        g = gate(shared)
        await g.acquire()
        g.charge(300)
        await asyncio.sleep(0.15)
        assert shared.last.charged == 300
        assert shared.last.per_call == 300
        await g.acquire()
        g.charge(310)
        g.charge(-100)
        await asyncio.sleep(0.15)
        told = [request for _, request in shared.asked]
        reserved = sum(2 * request.per_call for request in told[:-1])
        assert sum(request.charged for request in told) == pytest.approx(510 - reserved)

    run(work())


def test_of_throttled_calls_the_last_sent_is_told_and_the_longest_wait() -> None:
    async def work() -> None:
        shared = Shared(grant(pause=1.0))
        g = gate(shared)
        shared.grants = [grant()]
        permits = [await g.acquire() for _ in range(2)]
        await asyncio.sleep(0.2)
        permits.append(await g.acquire())
        g.throttled(permits[2], 1.0)
        g.throttled(permits[0], 4.0)
        began = now()
        await asyncio.sleep(0.01)
        told = next(request.throttled for _, request in shared.asked if request.throttled)
        assert told.ago < 0.01
        assert told.wait == pytest.approx(4.0, abs=0.01)
        await g.acquire()
        assert now() - began >= 4.0, "a grant that knows of no pause does not end it"

    run(work())


def test_the_pause_of_the_others_holds() -> None:
    async def work() -> None:
        shared = Shared(grant(pause=2.0), grant())
        g = gate(shared)
        await g.acquire()
        assert now() >= 2.0
        assert g.blocked_s() >= 1.9

    run(work())


def test_only_the_last_hint_is_told_and_the_first_stops_the_free_calls() -> None:
    async def work() -> None:
        shared = Shared(grant(), grant(metered=True, again=5.0))
        g = gate(shared)
        first, second = await g.acquire(), await g.acquire()
        g.answered(second, RateHints(6_000, 7))
        g.answered(first, RateHints(6_000, 8))
        assert g.try_acquire() is None
        await asyncio.sleep(0.1)
        hint = next(request.hint for _, request in shared.asked if request.hint)
        assert (hint.number, hint.calls, hint.calls_left) == (2, 6_000, 7)

    run(work())


def test_successes_and_failures_are_told_once() -> None:
    async def work() -> None:
        shared = Shared(grant())
        g = gate(shared)
        permits = [await g.acquire() for _ in range(4)]
        g.failed(permits[0])
        g.answered(permits[1], None)
        g.failed(permits[2])
        await asyncio.sleep(1)
        told = [request for _, request in shared.asked]
        assert sum(request.succeeded for request in told) == 1
        assert sum(request.failed for request in told) == 2
        assert sum(request.failed_in_a_row for request in told) == 1

    run(work())


def test_a_probe_goes_out_only_with_leave_and_its_end_is_told() -> None:
    async def work() -> None:
        shared = Shared(grant(open=1.0, probe_in=0.3, retry_tokens=0, failures=9))
        g = gate(shared)
        waiter = asyncio.create_task(g.acquire())
        await asyncio.sleep(2)
        assert not waiter.done()
        assert g.held_reason == "the provider does not answer"
        shared.grants = [grant(open=1.0, probe=True), grant(open=1.0, probe_in=1.0)]
        probe = await waiter
        assert probe.is_probe
        assert g.failed(probe) is False
        g.release(probe)
        await asyncio.sleep(0.1)
        assert "failed" in [request.probe for _, request in shared.asked]

    run(work())


def test_an_unused_leave_to_probe_is_given_back() -> None:
    async def work() -> None:
        shared = Shared(grant(open=1.0, probe=True))
        g = gate(shared)
        waiter = asyncio.create_task(g.acquire())
        await asyncio.sleep(0.0)
        waiter.cancel()
        await asyncio.sleep(0.5)
        shared.grants = [grant()]
        await g.acquire()
        assert "over" in [request.probe for _, request in shared.asked]

    run(work())


def test_while_calls_are_open_it_is_heard_of_and_then_no_more() -> None:
    async def work() -> None:
        shared = Shared(grant(slots=1, part=1))
        g = gate(shared)
        permit = await g.acquire()
        await asyncio.sleep(10)
        assert 10 / QUIET_S <= len(shared.asked) <= 16
        shared.grants = [grant(slots=0, part=0)]
        g.release(permit)
        await asyncio.sleep(1)
        asked = len(shared.asked)
        await asyncio.sleep(60)
        assert len(shared.asked) == asked
        assert (shared.last.keep, shared.last.in_flight) == (0, 0)

    run(work())


def test_without_redis_it_goes_on_at_its_share_says_so_and_tries_again() -> None:
    async def work() -> None:
        told: list[Change] = []
        shared = Shared(None)
        g = gate(shared, told.append, calls_per_minute=1_200)
        permits = [await g.acquire() for _ in range(2)]
        assert now() < 0.1
        assert g.limit == 4, "half of eight"
        assert [change.reason for change in told] == [
            "Redis is away: this worker goes on at its share, one of 2"
        ]
        waiter = asyncio.create_task(g.acquire())
        for permit in permits:
            g.release(permit)
        await asyncio.sleep(0.01)
        assert g.held_reason == "rate limit; " + told[0].reason
        await waiter
        assert now() == pytest.approx(0.051, abs=0.005), "ten a second, and a quarter's burst"
        await asyncio.sleep(10 * RETRY_S)
        assert 9 <= len(shared.asked) <= 12
        shared.grants = [grant(told=["Redis is back"])]
        await asyncio.sleep(2 * RETRY_S)
        assert g.limit == 8
        assert told[-1].reason == "Redis is back"

    run(work())


def test_without_redis_a_days_limit_is_no_pace() -> None:
    async def work() -> None:
        shared = Shared(grant(limit=200))
        g = gate(shared, most=200)
        permit = await g.acquire()
        g.answered(permit, RateHints(calls_per_minute=10, calls_left=1_000))
        g.release(permit)
        shared.grants = [None]
        await asyncio.sleep(RETRY_S)
        began = now()
        for _ in range(50):
            await g.acquire()
        assert now() - began < 0.1

    run(work())


def test_calls_that_end_after_redis_went_or_came_back_are_let_go_of() -> None:
    async def work() -> None:
        shared = Shared(grant(), None)
        g = gate(shared)
        shared_permit = await g.acquire()
        await asyncio.sleep(2)
        alone_permit = await g.acquire()
        g.answered(shared_permit, RateHints(60, 0))
        g.release(shared_permit)
        assert g.try_acquire() is not None, "an old reply teaches nothing here"
        shared.grants = [grant()]
        await asyncio.sleep(2)
        g.answered(alone_permit, RateHints(60, 0))
        g.release(alone_permit)
        await g.acquire()
        assert g.in_flight == 2

    run(work())


def test_a_broken_exchange_is_as_none() -> None:
    async def work() -> None:
        g = gate(Shared(Grant(limit=3)))  # not all it should be
        await g.acquire()
        assert g.limit == 4

    run(work())


def test_a_close_gives_everything_back() -> None:
    async def work() -> None:
        shared = Shared(grant(metered=True, credits=5, paces=[(5.0, 50.0, 1.0)]))
        g = gate(shared)
        g.release(await g.acquire())
        await g.close()
        assert (shared.last.keep, shared.last.spare) == (0, 4)
        asked = len(shared.asked)
        await asyncio.sleep(5)
        assert len(shared.asked) == asked

    run(work())
