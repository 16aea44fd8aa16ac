"""Which client serves which kind of connection, and the end of all of them."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import httpx

from runs.engine.protocols import ModelClient
from runs.providers import http, local, replay, simulated
from runs.providers.addresses import Reach, reach_of
from runs.providers.anthropic import Anthropic
from runs.providers.gemini import Gemini
from runs.providers.openai_compatible import OpenAICompatible
from runs.providers.streamed import StreamedClient

Maker = Callable[[Mapping[str, Any], Collection[str]], ModelClient]


def client(connection: Mapping[str, Any], *, private_hosts: Collection[str] = ()) -> ModelClient:
    """The client of a connection (`kind`, `base_url`, `api_key`, `sends_end_mark`); cheap to make,
    for one loop.

    `private_hosts`: host names or numeric addresses that may lie on this machine or a private
    network. Raises `LookupError` for an unknown kind; a bad address shows at the first call.
    """
    kind = str(connection["kind"])
    if kind not in _MAKERS:
        raise LookupError(f"no provider of the kind {kind!r}")
    return _MAKERS[kind](connection, private_hosts)


def kinds() -> tuple[str, ...]:
    return tuple(_MAKERS)


def prepare() -> None:
    """Do now, on any thread, what the first call would wait for."""
    http.prepare()


async def close() -> None:
    """Close the running loop's connections. Child processes go on: `shutdown` ends them."""
    await http.close_shared()


def shutdown() -> None:
    """End every child process of this one."""
    local.shutdown()
    simulated.shutdown()


def _remote(dialect: type[StreamedClient]) -> Maker:
    def make(connection: Mapping[str, Any], private_hosts: Collection[str]) -> ModelClient:
        base_url = _text(connection, "base_url")
        reach = reach_of(_host(base_url), private_hosts)
        return dialect(base_url, _text(connection, "api_key"), reach)

    return make


def _openai_compatible(
    connection: Mapping[str, Any], private_hosts: Collection[str]
) -> ModelClient:
    base_url = _text(connection, "base_url")
    return OpenAICompatible(
        base_url,
        _text(connection, "api_key"),
        reach_of(_host(base_url), private_hosts),
        sends_end_mark=_sends_end_mark(connection),
    )


def _local(connection: Mapping[str, Any], private_hosts: Collection[str]) -> ModelClient:
    return local.LocalModel()


def _simulated(connection: Mapping[str, Any], private_hosts: Collection[str]) -> ModelClient:
    base_url = _text(connection, "base_url")
    if not base_url:
        return simulated.SimulatedModel()
    is_listed = reach_of(_host(base_url), private_hosts) is Reach.PRIVATE
    reach = Reach.PRIVATE if is_listed else Reach.LOOPBACK
    return OpenAICompatible(
        base_url,
        _text(connection, "api_key"),
        reach,
        reuse=True,
        sends_end_mark=_sends_end_mark(connection),
    )


def _replay(connection: Mapping[str, Any], private_hosts: Collection[str]) -> ModelClient:
    return replay.ReplayClient(replay.replay_of(connection))


_MAKERS: Mapping[str, Maker] = {
    "openai_compatible": _openai_compatible,
    "anthropic": _remote(Anthropic),
    "gemini": _remote(Gemini),
    "local": _local,
    "simulated": _simulated,
    "replay": _replay,
}


def _text(connection: Mapping[str, Any], name: str) -> str:
    return str(connection.get(name) or "").strip()


def _sends_end_mark(connection: Mapping[str, Any]) -> bool:
    return connection.get("sends_end_mark", True) is not False


def _host(base_url: str) -> str:
    try:
        return httpx.URL(base_url).host
    except httpx.InvalidURL:
        return ""
