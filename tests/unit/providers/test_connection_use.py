"""Sockets: shared, reused, closed when a call is cancelled, and never used up."""

import asyncio
import random
from pathlib import Path

import aiohttp
import pytest

from runs.domain.errors import ProviderUnavailable
from runs.providers import http
from runs.providers.addresses import Reach
from tests.unit.providers.conftest import Clients
from tests.unit.providers.servers import END_OF_LLAMA, ignore, request, sending, simulating

CANCELS = 2_000


def open_sockets() -> int:
    """Sockets that calls hold at the moment."""
    transport = http.shared(Reach.LOOPBACK)._transport
    session: aiohttp.ClientSession = transport.client  # type: ignore[attr-defined]
    connector = session.connector
    assert connector is not None
    return len(connector._acquired)


async def test_clients_of_one_loop_are_shared_by_reach() -> None:
    assert http.shared(Reach.PUBLIC) is http.shared(Reach.PUBLIC)
    assert http.shared(Reach.PUBLIC) is not http.shared(Reach.LOOPBACK)


def test_each_loop_has_its_own_client() -> None:
    async def client() -> object:
        made = http.shared(Reach.PUBLIC)
        await http.close_shared()
        return made

    assert asyncio.run(client()) is not asyncio.run(client())


async def test_a_cancel_closes_the_request_at_once(tmp_path: Path, client_for: Clients) -> None:
    started = asyncio.Event()
    async with simulating(tmp_path, tokens_per_second=5) as provider:
        call = asyncio.create_task(
            client_for(provider.url).complete(request(), lambda piece: started.set())
        )
        await started.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert open_sockets() == 0
        async with asyncio.timeout(2):
            assert not (await provider.next_end())["sent_all"]


async def test_thousands_of_random_cancels_leave_every_slot_usable(
    tmp_path: Path, client_for: Clients
) -> None:
    rng = random.Random(7)
    async with simulating(tmp_path, latency="uniform:0,0.01", tokens_per_second=2000) as provider:
        client = client_for(provider.url)
        most = asyncio.Semaphore(100)

        async def cancelled(number: int) -> None:
            async with most:
                call = asyncio.create_task(client.complete(request(f"item {number}"), ignore))
                await asyncio.sleep(rng.uniform(0, 0.03))
                call.cancel()
                await asyncio.wait([call])

        await asyncio.gather(*(cancelled(number) for number in range(CANCELS)))
        assert open_sockets() == 0
        answers = await asyncio.gather(
            *(client.complete(request(f"after {number}"), ignore) for number in range(100))
        )
        assert len(answers) == 100
        assert open_sockets() == 0


async def test_failed_calls_give_their_sockets_back(tmp_path: Path, client_for: Clients) -> None:
    faults = ["500", "malformed", "reset_during", "cut", "error_event", "429"]
    async with simulating(tmp_path, faults=[f"{fault}:0.16" for fault in faults]) as provider:
        client = client_for(provider.url)
        calls = (client.complete(request(f"item {number}"), ignore) for number in range(300))
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert any(isinstance(result, Exception) for result in results)
    assert open_sockets() == 0


async def test_a_socket_serves_further_calls(tmp_path: Path, client_for: Clients) -> None:
    async with simulating(tmp_path) as provider:
        client = client_for(provider.url)
        for number in range(20):
            await client.complete(request(f"item {number}"), ignore)
        assert provider.connections == 1


async def test_a_server_that_closes_without_a_word_loses_no_call(client_for: Clients) -> None:
    async with sending(END_OF_LLAMA) as server:
        client = client_for(server.url, reuse=False)
        for _ in range(20):
            assert (await client.complete(request(), ignore)).text == "x"
    assert server.connections == 20


async def test_a_lost_idle_connection_is_a_matter_for_a_retry(client_for: Clients) -> None:
    async with sending(b"") as server:
        with pytest.raises(ProviderUnavailable, match="before it replied") as caught:
            await client_for(server.url).complete(request(), ignore)
    assert caught.value.was_sent
