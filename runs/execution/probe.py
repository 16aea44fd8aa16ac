"""Asks a connection whether it works, without a run."""

import asyncio

from runs.domain.errors import CallError
from runs.execution.load import client_mapping
from runs.models import Connection
from runs.planning.cautions import some_of
from runs.providers import local, registry, simulated

PROBE_S = 20.0


def test_connection(
    connection: Connection, private_hosts: tuple[str, ...] = ()
) -> tuple[bool, str, list[str]]:
    """Whether the provider answers, a sentence for people, and the models on offer."""
    try:
        models = asyncio.run(_models(connection, private_hosts))
    except CallError as error:
        return False, error.message, []
    except TimeoutError:
        return False, f"No answer within {PROBE_S:.0f} seconds.", []
    return True, _offer(models, connection.model_names), models


def default_models(kind: str) -> tuple[str, ...]:
    """The models of a connection that is built in; none where it is not installed."""
    if kind == Connection.Kind.LOCAL and local.is_available():
        return (local.LOCAL_MODEL,)
    return (simulated.SIMULATED_MODEL,) if kind == Connection.Kind.SIMULATED else ()


def _offer(models: list[str], listed: list[str]) -> str:
    """What is on offer, and how it differs from what is listed here."""
    if not models:
        return "It answers, but offers no model. Load one there, or enter the names yourself."
    told = f"It answers and offers {len(models)} model{'s' if len(models) > 1 else ''}"
    if listed and (new := len(set(models) - set(listed))):
        told += f", {new} of them not listed here"
    if gone := [name for name in listed if name not in models]:
        told += f". Listed here, but not on offer: {some_of(gone)}"
    return f"{told}."


async def _models(connection: Connection, private_hosts: tuple[str, ...]) -> list[str]:
    client = registry.client(client_mapping(connection), private_hosts=private_hosts)
    try:
        async with asyncio.timeout(PROBE_S):
            return await client.models()
    finally:
        await client.close()
        await registry.close()
