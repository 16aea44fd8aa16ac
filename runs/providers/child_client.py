"""Calls to a server of parweb's own, which is started on first need. The dialect is the ordinary
OpenAI-compatible one; the time that starting takes counts towards the call's deadline.
"""

import asyncio
import time
from dataclasses import replace

from runs.domain.errors import DeadlineExceeded
from runs.domain.results import Completion
from runs.engine.protocols import ModelRequest, OnPiece
from runs.providers.addresses import Reach
from runs.providers.child import Child
from runs.providers.openai_compatible import OpenAICompatible


class ChildClient:
    def __init__(self, child: Child, *, reuse: bool) -> None:
        self._child = child
        self._reuse = reuse

    async def complete(self, request: ModelRequest, on_piece: OnPiece) -> Completion:
        limits = request.limits
        began = time.monotonic()
        try:
            async with asyncio.timeout(limits.deadline_s):
                client = await self._client()
        except TimeoutError:
            raise DeadlineExceeded(was_sent=False) from None
        left_s = limits.deadline_s - (time.monotonic() - began)
        return await client.complete(
            replace(request, limits=replace(limits, deadline_s=left_s)), on_piece
        )

    async def models(self) -> list[str]:
        return await (await self._client()).models()

    async def close(self) -> None:
        """The process is shared: it ends with `stop` or with this process."""

    async def _client(self) -> OpenAICompatible:
        address = await self._child.address()
        return OpenAICompatible(f"{address.url}/v1", address.key, Reach.LOOPBACK, reuse=self._reuse)
