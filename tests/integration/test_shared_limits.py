"""Laws of the limits that workers share: their real script, on a virtual clock, under traffic."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from runs.execution import rules
from runs.execution.concurrency import FIRST, Concurrency
from runs.execution.shared_wire import AHEAD_S, BACK, BURST_S, ENTRY_S
from tests.sharing import Provider, Server, Worker, now, run

pytestmark = pytest.mark.cluster

LATE_S = 0.35  # a burst of 0.1 s, and a grant's age


@pytest.fixture
def server(valkey_server: Any) -> Iterator[Server]:
    with valkey_server.client() as client:
        yield Server(client)


def workers(server: Server, number: int = 3, **values: Any) -> list[Worker]:
    return [Worker(server, f"w{n}", number, **values) for n in range(number)]


def reasons(team: list[Worker]) -> list[str]:
    changes = [change for worker in team for change in worker.told]
    return [change.reason for change in sorted(changes, key=lambda change: change.at)]


def check_windows(sent: list[float], rate: float) -> None:
    """No window of time lets through more than the rate and the burst."""
    sent = sorted(sent)
    for i, first in enumerate(sent):
        for j in range(i, len(sent)):
            most = rate * (sent[j] - first + LATE_S) + 1
            assert j - i + 1 <= most + 1e-6, (first, sent[j])


# -- pace ------------------------------------------------------------------------------------


def test_three_workers_use_a_declared_limit_whole_and_never_pass_it(server: Server) -> None:
    async def work() -> None:
        provider = Provider(rate=50)
        team = workers(server, calls=3_000)
        began = now()
        await asyncio.gather(*(worker.lane(500, provider) for worker in team))
        assert 1_500 / (now() - began) >= 0.97 * 50
        assert provider.refused == 0
        check_windows([at for worker in team for at in worker.sent], 50)
        ends = [max(worker.sent) for worker in team]
        assert min(ends) >= 0.8 * max(ends), "each had its part all along"
        assert server.exchanges < 1_500, "less than one a call"

    run(work())


def test_one_busy_worker_has_all(server: Server) -> None:
    async def work() -> None:
        provider = Provider(rate=50)
        team = workers(server, calls=3_000)
        began = now()
        lanes = zip(team, (300, 1, 1), strict=True)
        await asyncio.gather(*(worker.lane(calls, provider) for worker, calls in lanes))
        assert 302 / (now() - began) >= 0.97 * 50

    run(work())


def test_a_fast_pace_costs_few_exchanges(server: Server) -> None:
    async def work() -> None:
        team = workers(server, calls=60_000)
        began = now()
        await asyncio.gather(*(worker.lane(1_000, Provider(call_s=0.05)) for worker in team))
        assert 3_000 / (now() - began) >= 0.95 * 1_000
        assert server.exchanges < 200

    run(work())


def test_three_workers_learn_a_limit_together(server: Server) -> None:
    async def work() -> None:
        provider = Provider(rate=50, hints=True)
        team = workers(server, is_known=False)
        began = now()
        await asyncio.gather(*(worker.lane(300, provider) for worker in team))
        assert 900 / (now() - began) >= 0.97 * 50
        assert provider.refused <= 0.02 * 900

    run(work())


def test_what_is_forgotten_is_learned_anew_with_few_slots(server: Server) -> None:
    async def work() -> None:
        provider = Provider()
        team = workers(server, is_known=False, most=200)
        for _ in range(2):
            server.client.flushall()  # as ten minutes without an exchange do
            lanes = [asyncio.create_task(worker.lane(200, provider)) for worker in team]
            await asyncio.sleep(0.9 * provider.call_s)
            assert 0 < provider.open <= FIRST
            await asyncio.gather(*lanes)
            assert provider.most_open > FIRST, "the first reply opened it"
            await asyncio.sleep(2.0)

    run(work())


def test_tokens_a_minute_are_kept_together(server: Server) -> None:
    async def work() -> None:
        team = workers(server, tokens=600_000)
        began = now()
        await asyncio.gather(*(worker.lane(100, Provider(), tokens=500) for worker in team))
        took = now() - began
        assert 300 * 500 / took >= 0.95 * 10_000
        sent = sorted(at for worker in team for at in worker.sent)
        check_windows(sent, 20 + 3)  # 20 calls a second; and the first of each, of unknown size

    run(work())


@hypothesis_settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rate=st.floats(0.5, 300),
    delay_s=st.floats(0, 0.05),
    lanes=st.lists(
        st.tuples(st.integers(1, 40), st.floats(0, 3), st.floats(0, 0.5)), min_size=1, max_size=5
    ),
)
def test_no_interleaving_of_workers_passes_the_rate(
    server: Server, rate: float, delay_s: float, lanes: list[tuple[int, float, float]]
) -> None:
    async def work() -> None:
        shared = Server(server.client, delay_s)
        team = workers(shared, len(lanes), calls=rate * 60)

        async def lane(worker: Worker, calls: int, after_s: float, call_s: float) -> None:
            await asyncio.sleep(after_s)
            await worker.lane(calls, Provider(call_s=call_s))

        await asyncio.gather(*(lane(w, *values) for w, values in zip(team, lanes, strict=True)))
        check_windows([at for worker in team for at in worker.sent], rate)

    assert pytest.approx(BURST_S + 0.25) == LATE_S
    assert AHEAD_S <= 0.25
    run(work())


# -- slots -----------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 2, 8, 100])
def test_the_slots_of_all_workers_together_stay_within_the_limit(server: Server, most: int) -> None:
    async def work() -> None:
        provider = Provider(call_s=0.2)
        team = workers(server, most=most)
        calls = most * 10
        began = now()
        await asyncio.gather(*(worker.lane(calls, provider) for worker in team))
        assert provider.most_open == most
        ideal = 3 * calls / most * 0.2
        assert now() - began <= 1.25 * ideal
        assert max(max(worker.waits) for worker in team) < 6.0, "nobody is forgotten"

    run(work())


def test_a_call_finds_free_slots_at_once(server: Server) -> None:
    async def work() -> None:
        busy, idle = workers(server, 2, most=20)
        await busy.lane(40, Provider(call_s=0.1))
        await asyncio.sleep(1.0)
        await idle.enter()
        assert idle.waits[0] < 0.005

    run(work())


def test_a_worker_that_dies_gives_its_slots_back(server: Server) -> None:
    async def work() -> None:
        dead, alive = workers(server, 2, most=8)
        for _ in range(4):
            await dead.enter()
        await dead.gate._rules._pulse.close()  # type: ignore[attr-defined]  # as if killed
        provider = Provider(call_s=0.1)
        lane = asyncio.create_task(alive.lane(1_000, provider))
        await asyncio.sleep(ENTRY_S - 0.5)
        assert provider.most_open == 4
        await asyncio.sleep(1.5)
        assert provider.most_open == 8
        await lane

    run(work())


def test_a_worker_with_long_calls_keeps_its_slots(server: Server) -> None:
    async def work() -> None:
        slow, quick = workers(server, 2, most=8)
        provider = Provider(call_s=30)
        lane = asyncio.create_task(slow.lane(4, provider))
        await asyncio.sleep(1)
        other = Provider(call_s=0.1)
        await quick.lane(800, other)
        assert other.most_open == 4
        await lane

    run(work())


def test_what_is_closed_is_free_for_the_others_at_once(server: Server) -> None:
    async def work() -> None:
        first, second = workers(server, 2, most=1)
        permit = await first.enter()
        first.gate.release(permit)
        await first.gate.close()
        await second.enter()
        assert second.waits[0] < 0.005

    run(work())


def test_one_worker_alone_moves_the_limit_as_one_process_does(server: Server) -> None:
    async def work() -> None:
        [worker] = workers(server, 1, most=20)
        alone = Concurrency(20, is_known=True)
        gate = worker.gate
        for turn in range(40):
            permits = [await worker.enter() for _ in range(alone.limit)]
            if turn in {3, 20}:
                gate.throttled(permits[-1], 0.01)
                alone.cut(1.0 + turn, 1.5 + turn)
            else:
                for permit in permits:
                    gate.answered(permit, None)
                    alone.grow()
            await asyncio.sleep(0.3)  # an exchange
            for permit in permits:
                gate.release(permit)
            await asyncio.sleep(0.3)
            assert gate.limit == alone.limit, turn

    run(work())


# -- pause and breaker -----------------------------------------------------------------------


def test_retry_after_is_a_floor_for_all_workers_and_one_cut(server: Server) -> None:
    async def work() -> None:
        team = workers(server, most=30)
        permits = [(worker, await worker.enter()) for worker in team for _ in range(3)]
        throttled_at = now()
        for worker, permit in permits:
            worker.gate.throttled(permit, 2.0)
            worker.gate.release(permit)
        await asyncio.gather(*(worker.enter() for worker in team))
        assert min(worker.sent[-1] for worker in team) >= throttled_at + 2.0
        assert reasons(team) == [rules.THROTTLED], "one row in the cluster"
        assert {worker.gate.limit for worker in team} == {21}

    run(work())


def test_a_worker_that_heard_of_no_pause_learns_it_before_its_next_call(server: Server) -> None:
    async def work() -> None:
        first, second = workers(server, 2)
        await second.enter()
        await asyncio.sleep(5)
        first.gate.throttled(await first.enter(), 3.0)
        shut_at = now()
        await asyncio.sleep(0.3)
        await second.enter()
        assert second.sent[-1] >= shut_at + 3.0

    run(work())


async def silence(team: list[Worker], calls: int) -> list[bool]:
    """So many calls of each fail; whether each error counted."""
    permits = [(worker, await worker.enter()) for worker in team for _ in range(calls)]
    counted = []
    for worker, permit in permits:
        counted.append(worker.gate.failed(permit))
        worker.gate.release(permit)
    return counted


def test_one_probe_goes_out_over_all_workers_until_one_succeeds(server: Server) -> None:
    async def work() -> None:
        team = workers(server)
        counted = await silence(team, 12)
        assert sum(counted) <= 3 * 5
        await asyncio.sleep(0.1)
        assert all(worker.gate.breaker.is_open for worker in team)
        waiting = {asyncio.create_task(w.gate.acquire()): w for w in team for _ in range(4)}
        for n in range(4):
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(2.0)
            assert len([task for task in waiting if task.done()]) == len(done) == 1
            [task] = done
            gate, probe = waiting.pop(task).gate, task.result()
            assert probe.is_probe
            if n < 3:
                assert gate.failed(probe) is False
            else:
                gate.answered(probe, None)
            gate.release(probe)
        await asyncio.wait(waiting, timeout=1.0)
        assert all(task.done() for task in waiting)
        assert reasons(team) == [rules.SILENT, rules.ANSWERS_AGAIN]

    run(work())


def test_a_probe_dies_with_its_worker(server: Server) -> None:
    async def work() -> None:
        first, second = team = workers(server, 2)
        await silence(team, 12)
        await asyncio.sleep(1.0)
        assert (await first.enter()).is_probe
        await first.gate._rules._pulse.close()  # type: ignore[attr-defined]  # as if killed
        assert (await second.enter()).is_probe
        assert second.waits[-1] <= ENTRY_S + 0.5

    run(work())


# -- Redis away ------------------------------------------------------------------------------


def test_without_redis_each_goes_on_at_its_share_and_comes_back(server: Server) -> None:
    async def work() -> None:
        provider = Provider(rate=50)
        team = workers(server, calls=3_000)
        lanes = [asyncio.create_task(worker.lane(400, provider)) for worker in team]
        await asyncio.sleep(4)
        server.is_away = True
        await asyncio.sleep(4)
        assert all("Redis is away" in worker.gate.held_reason for worker in team)
        server.client.flushall()
        server.is_away = False
        await asyncio.sleep(1.5)
        assert not any("Redis" in worker.gate.held_reason for worker in team)
        await asyncio.gather(*lanes)
        assert provider.answered == 1_200
        assert provider.refused <= 0.02 * 1_200
        assert now() <= 1.05 * 1_200 / 50
        assert sum("Redis is away" in reason for reason in reasons(team)) == 3
        assert reasons(team).count(BACK) == 1

    run(work())


def test_the_slots_are_shared_out_while_redis_is_away(server: Server) -> None:
    async def work() -> None:
        provider = Provider(call_s=0.5)
        server.is_away = True
        team = workers(server, most=9)
        await asyncio.gather(*(worker.lane(30, provider) for worker in team))
        assert provider.most_open == 9
        assert provider.answered == 90

    run(work())


def test_a_breaker_that_opened_stays_open_when_redis_goes(server: Server) -> None:
    async def work() -> None:
        [worker] = team = workers(server, 1)
        await silence(team, 12)
        await asyncio.sleep(0.1)
        server.is_away = True
        assert (await worker.enter()).is_probe

    run(work())


def test_a_raised_limit_reaches_all_workers(server: Server) -> None:
    async def work() -> None:
        first, second = workers(server, 2, calls=60)
        await first.enter()
        waiter = asyncio.create_task(second.enter())
        await asyncio.sleep(0.5)
        assert not waiter.done()
        first.gate.declare(64, 60_000, None)
        await first.enter()
        await asyncio.wait_for(waiter, 1.0)

    run(work())
