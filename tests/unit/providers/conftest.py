"""Clients of the OpenAI-compatible dialect that may reach this machine."""

from collections.abc import AsyncIterator

import pytest

from runs.providers import http
from runs.providers.addresses import Reach
from runs.providers.openai_compatible import OpenAICompatible
from tests.unit.providers.servers import KEY


@pytest.fixture(autouse=True)
async def connections() -> AsyncIterator[None]:
    """Close the loop's shared clients after each test."""
    yield
    await http.close_shared()


class Clients:
    """Makes clients that may reach this machine."""

    def __call__(self, url: str, *, key: str = KEY, reuse: bool = True) -> OpenAICompatible:
        return OpenAICompatible(url, key, Reach.LOOPBACK, reuse=reuse)


@pytest.fixture
def client_for() -> Clients:
    return Clients()
