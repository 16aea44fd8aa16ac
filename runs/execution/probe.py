"""Asks a connection whether it works, without a run."""

import asyncio

from runs.domain.errors import CallError
from runs.execution.load import client_mapping
from runs.models import Connection
from runs.providers import registry

PROBE_S = 20.0


def test_connection(  # noqa: PT028  no test: it tests a connection
    connection: Connection, private_hosts: tuple[str, ...] = ()
) -> tuple[bool, str, list[str]]:
    """Whether the provider answers, a sentence for people, and the models on offer."""
    try:
        models = asyncio.run(_models(connection, private_hosts))
    except CallError as error:
        return False, error.message, []
    except TimeoutError:
        return False, f"No answer within {PROBE_S:.0f} seconds.", []
    return True, f"It answers and offers {len(models)} models.", models


async def _models(connection: Connection, private_hosts: tuple[str, ...]) -> list[str]:
    client = registry.client(client_mapping(connection), private_hosts=private_hosts)
    try:
        async with asyncio.timeout(PROBE_S):
            return await client.models()
    finally:
        await client.close()
        await registry.close()
