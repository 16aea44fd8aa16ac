"""A process's way to the limits that its workers share through Redis."""

import asyncio
import json
import logging
from typing import cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from runs.execution.shared_wire import Grant, Request, script

log = logging.getLogger(__name__)

PATIENCE_S = 0.5  # for a connection, and for a reply
KEYS = "parweb:limits"


class Away(Exception):
    """Redis did not answer in time, or not as it should."""


class RedisExchange:
    """Used on the engine's loop only."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(
            url,
            socket_timeout=PATIENCE_S,
            socket_connect_timeout=PATIENCE_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._script = self._redis.register_script(script())
        self._is_away = False

    async def __call__(self, key: str, request: Request) -> Grant:
        """Raises `Away`."""
        try:
            async with asyncio.timeout(2 * PATIENCE_S):
                told = json.dumps(request.told())
                reply = await self._script(keys=[f"{KEYS}:{key}"], args=[told])
            grant = cast("Grant", json.loads(reply))
        except (RedisError, OSError, TimeoutError, ValueError) as error:
            self._note(error)
            raise Away from error
        self._note(None)
        return grant

    async def close(self) -> None:
        await self._redis.aclose()

    def _note(self, error: Exception | None) -> None:
        """A log line each time it goes or comes back."""
        is_away = error is not None
        if is_away == self._is_away:
            return
        self._is_away = is_away
        if is_away:
            log.warning(
                "Redis is away (%s): this worker goes on at its share of the providers' limits",
                type(error).__name__,
            )
        else:
            log.warning("Redis is back: the workers share the providers' limits again")
