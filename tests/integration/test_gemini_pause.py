"""Gemini says in the body of its 429, not in a header, how long to wait: the gate obeys it."""

import asyncio
import json

from runs.domain.states import AttemptStatus, BranchStatus
from runs.providers import registry
from tests.unit.engine.doubles import World
from tests.unit.providers.servers import refused, stream

WAIT_S = 0.4
BUSY = {
    "error": {
        "code": 429,
        "status": "RESOURCE_EXHAUSTED",
        "message": "Quota exceeded.",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{WAIT_S}s"}
        ],
    }
}
ANSWER = {"candidates": [{"content": {"parts": [{"text": "yes"}]}, "finishReason": "STOP"}]}
EVENT = f"data: {json.dumps(ANSWER)}\n\n"


async def test_everybody_behind_the_gate_waits_as_long_as_retry_info_says() -> None:
    arrived: list[float] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.readexactly(int(head.partition("content-length:")[2].split()[0]))
        arrived.append(asyncio.get_running_loop().time())
        is_first = len(arrived) == 1
        writer.write(
            refused(429, json.dumps(BUSY))
            if is_first
            else stream(json.dumps(ANSWER), head=f"Content-Length: {len(EVENT)}\r\n")
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = registry.client(
        {"kind": "gemini", "base_url": f"http://127.0.0.1:{port}/v1beta", "api_key": "k"},
        private_hosts=("127.0.0.1",),
    )
    world = World(children=3, limit=1, tries=1, client=client)  # type: ignore[arg-type]
    try:
        state = await world.run()
    finally:
        await client.close()
        await registry.close()
        server.close()
    assert state.counts[BranchStatus.SUCCEEDED] == 3
    throttled = [a for a in state.attempts if a.status is AttemptStatus.THROTTLED]
    assert [a.retry_after_s for a in throttled] == [WAIT_S]
    assert min(arrived[1:]) - arrived[0] >= WAIT_S
    assert len(arrived) == 4, "and the wait used up no try"
