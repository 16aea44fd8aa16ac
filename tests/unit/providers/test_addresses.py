"""Where calls may go: judged on the address a socket is about to be connected to."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from runs.domain.errors import BadRequest, CallError, ProviderUnavailable
from runs.providers import http
from runs.providers.addresses import (
    ForbiddenAddress,
    Place,
    Reach,
    check,
    place_of,
    reach_of,
)
from runs.providers.openai_compatible import OpenAICompatible
from tests.unit.providers.servers import ignore, request, simulating

PLACES = {
    Place.PUBLIC: ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"],
    Place.PRIVATE: [
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "100.127.255.254",
        "198.18.0.1",
        "fd12:3456::1",
        "fec0::1",
        "::ffff:10.0.0.1",
        "64:ff9b::8.8.8.8",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::7f00:1",
        "2002:0808:0808::1",
        "2002:0a00:0001::1",
        "2002:7f00:0001::1",
    ],
    Place.LOOPBACK: ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"],
    Place.FORBIDDEN: [
        "169.254.169.254",
        "169.254.0.1",
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "255.255.255.255",
        "240.0.0.1",
        "224.0.0.1",
        "ff02::1",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::1",
    ],
}


@pytest.mark.parametrize(
    ("address", "place"), [(address, place) for place in PLACES for address in PLACES[place]]
)
def test_knows_where_an_address_lies(address: str, place: Place) -> None:
    assert place_of(address) is place


@pytest.mark.parametrize(
    ("reach", "allowed"),
    [
        (Reach.PUBLIC, {Place.PUBLIC}),
        (Reach.PRIVATE, {Place.PUBLIC, Place.PRIVATE, Place.LOOPBACK}),
        (Reach.LOOPBACK, {Place.LOOPBACK}),
    ],
)
def test_a_reach_allows_its_places_and_no_other(reach: Reach, allowed: set[Place]) -> None:
    for place, addresses in PLACES.items():
        for address in addresses:
            if place in allowed:
                check(address, reach)
            else:
                with pytest.raises(ForbiddenAddress):
                    check(address, reach)


@pytest.mark.parametrize("listed", ["vllm.lan", "VLLM.lan.", " vllm.lan "])
def test_only_listed_hosts_may_be_private(listed: str) -> None:
    assert reach_of("vllm.lan", [listed]) is Reach.PRIVATE
    assert reach_of("other.lan", [listed]) is Reach.PUBLIC
    assert reach_of("sub.vllm.lan", [listed]) is Reach.PUBLIC


@pytest.mark.parametrize("listed", ["::1", "[::1]"])
def test_hosts_are_listed_with_or_without_brackets(listed: str) -> None:
    assert reach_of("::1", [listed]) is Reach.PRIVATE


def port_of(url: str) -> str:
    return url.rpartition(":")[2].partition("/")[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_this_machine_is_refused_where_it_is_not_listed(host: str, tmp_path: Path) -> None:
    async with simulating(tmp_path) as provider:
        client = OpenAICompatible(f"http://{host}:{port_of(provider.url)}/v1", "", Reach.PUBLIC)
        with pytest.raises(BadRequest, match="PARWEB_PRIVATE_HOSTS") as caught:
            await client.complete(request(), ignore)
        assert not caught.value.was_sent
        assert provider.events("start") == []


class FakeNames:
    """Answers every name with these addresses, in turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.connected: list[str] = []
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "getaddrinfo", self._resolve)
        monkeypatch.setattr(loop, "sock_connect", self._connect)

    async def _resolve(self, host: str, port: int, **_: Any) -> list[Any]:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answer]

    async def _connect(self, sock: socket.socket, address: tuple[str, int]) -> None:
        self.connected.append(address[0])
        raise ConnectionRefusedError(111, "refused")


@pytest.mark.parametrize("reach", Reach)
async def test_a_name_that_leads_to_a_metadata_address_is_never_connected(
    reach: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = FakeNames(monkeypatch, ["169.254.169.254"])
    client = OpenAICompatible("http://metadata.example/v1", "", reach)
    with pytest.raises(BadRequest, match="never called"):
        await client.complete(request(), ignore)
    assert names.connected == []


async def test_a_name_that_leads_elsewhere_the_next_time_is_refused_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = FakeNames(monkeypatch, ["8.8.8.8"], ["127.0.0.1"], ["169.254.169.254"])
    client = OpenAICompatible("http://rebinding.example/v1", "", Reach.PUBLIC)
    for refusal in (ProviderUnavailable, BadRequest, BadRequest):
        await http.close_shared()  # and with it the names that it remembers for some seconds
        with pytest.raises(refusal):
            await client.complete(request(), ignore)
    assert set(names.connected) == {"8.8.8.8"}


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "017700000001", "127.1", "localhost."])
async def test_odd_ways_to_write_this_machine_are_refused(host: str, tmp_path: Path) -> None:
    async with simulating(tmp_path) as provider:
        client = OpenAICompatible(f"http://{host}:{port_of(provider.url)}/v1", "", Reach.PUBLIC)
        with pytest.raises(CallError) as caught:
            await client.complete(request(), ignore)
        assert not caught.value.was_sent
        assert provider.connections == 0


async def test_only_the_allowed_addresses_of_a_name_are_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = FakeNames(monkeypatch, ["10.0.0.1", "127.0.0.1", "8.8.8.8", "169.254.169.254"])
    client = OpenAICompatible("http://mixed.example/v1", "", Reach.PUBLIC)
    with pytest.raises(CallError):
        await client.complete(request(), ignore)
    assert set(names.connected) == {"8.8.8.8"}
