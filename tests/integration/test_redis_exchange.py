"""The way to a real Redis: what it costs when Redis is slow, gone, or back."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from runs.execution.limiter import Gate
from runs.execution.shared_redis import KEYS, PATIENCE_S, RedisExchange
from runs.execution.shared_wire import Share
from tests.processes import free_port

pytestmark = pytest.mark.cluster


@pytest.fixture
async def exchange(redis_url: str) -> AsyncIterator[RedisExchange]:
    made = RedisExchange(redis_url)
    yield made
    await made.close()


def gate(exchange: RedisExchange, worker: str = "a") -> Gate:
    return Gate(8, calls_per_minute=6_000, share=Share(exchange, "7:model", worker, 2))


async def test_gates_of_two_workers_share_what_redis_keeps(
    exchange: RedisExchange, valkey_server: Any
) -> None:
    first, second = gate(exchange), gate(exchange, "b")
    taken = [await first.acquire() for _ in range(6)]
    others = [asyncio.create_task(second.acquire()) for _ in range(6)]
    await asyncio.sleep(0.3)
    assert first.in_flight + second.in_flight == 8
    with valkey_server.client() as client:
        assert 0 < client.ttl(f"{KEYS}:7:model") <= 600
    for permit in taken:
        first.release(permit)
    await asyncio.wait_for(asyncio.gather(*others), 5)
    await first.close()
    await second.close()


async def test_where_nothing_listens_a_call_starts_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    exchange = RedisExchange(f"redis://127.0.0.1:{free_port()}/0")
    g = gate(exchange)
    began = time.monotonic()
    with caplog.at_level(logging.WARNING):
        await asyncio.wait_for(g.acquire(), 5)
    assert time.monotonic() - began < PATIENCE_S
    assert g.limit == 4
    assert sum("Redis is away" in record.message for record in caplog.records) == 1
    await g.close()
    await exchange.close()


async def test_a_frozen_redis_holds_a_call_for_half_a_second_and_no_longer(
    exchange: RedisExchange, valkey_server: Any
) -> None:
    g = gate(exchange)
    g.release(await g.acquire())
    await asyncio.sleep(0.3)
    process = valkey_server._process.pid
    os.kill(process, signal.SIGSTOP)
    try:
        began = time.monotonic()
        await asyncio.wait_for(g.acquire(), 5)
        assert PATIENCE_S * 0.9 <= time.monotonic() - began <= 3 * PATIENCE_S
    finally:
        os.kill(process, signal.SIGCONT)
    for _ in range(50):
        if g.limit == 8:
            break
        await asyncio.sleep(0.1)
    assert g.limit == 8, "it came back by itself"
    await g.close()


async def test_an_answer_that_is_none_is_redis_away(
    exchange: RedisExchange, valkey_server: Any
) -> None:
    with valkey_server.client() as client:
        client.set(f"{KEYS}:k", "no packed state")
    g = Gate(2, share=Share(exchange, "k", "a", 1))
    await asyncio.wait_for(g.acquire(), 5)
    assert g.limit == 2
    await g.close()
