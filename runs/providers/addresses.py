"""Which network addresses a call may reach. Judged on the address a socket is about to be
connected to, never on a name. Knows no HTTP.

Reach:  PUBLIC    only addresses of the public internet
        PRIVATE   also this machine and private networks
        LOOPBACK  only this machine
Link-local, cloud metadata, multicast, reserved and unspecified addresses: never.
"""

import socket
from collections.abc import Callable, Collection
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any


class Reach(StrEnum):
    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"


class Place(StrEnum):
    """Where an address lies."""

    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"
    FORBIDDEN = "forbidden"


ALLOWED = {
    Reach.PUBLIC: frozenset({Place.PUBLIC}),
    Reach.PRIVATE: frozenset({Place.PUBLIC, Place.PRIVATE, Place.LOOPBACK}),
    Reach.LOOPBACK: frozenset({Place.LOOPBACK}),
}

MESSAGES = {
    Place.FORBIDDEN: "Link-local, metadata and multicast addresses are never called.",
    Place.PRIVATE: "The host is on a private network. List it in PARWEB_PRIVATE_HOSTS to allow it.",
    Place.LOOPBACK: "The host is this machine. List it in PARWEB_PRIVATE_HOSTS to allow it.",
    Place.PUBLIC: "Only addresses of this machine are allowed here.",
}

# Metadata services of clouds that do not lie in the link-local range.
METADATA = frozenset(
    ip_address(text)
    for text in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
)
# Reachable only inside some network, though `ipaddress` does not call each of them private.
PRIVATE_V4 = (IPv4Network("100.64.0.0/10"), IPv4Network("192.88.99.0/24"))
NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
SIX_TO_FOUR = IPv6Network("2002::/16")
TEREDO = IPv6Network("2001::/32")
V4_COMPATIBLE = IPv6Network("::/96")
SITE_LOCAL = IPv6Network("fec0::/10")


class ForbiddenAddress(OSError):
    """A connection was refused before it was made. An `OSError`, so that connectors pass it on."""


@lru_cache(maxsize=1024)
def place_of(address: str) -> Place:
    """Where the numeric address lies; raises `ValueError` if it is none."""
    ip = ip_address(address)
    if ip in METADATA or ip.is_multicast or ip.is_unspecified or ip.is_link_local:
        return Place.FORBIDDEN
    if isinstance(ip, IPv6Address):
        return _place_of_v6(ip)
    return _place_of_v4(ip)


def _place_of_v4(ip: IPv4Address) -> Place:
    if ip.is_loopback:
        return Place.LOOPBACK
    if ip.is_private or any(ip in network for network in PRIVATE_V4):
        # "This network" (0/8) and class E with the broadcast address lead nowhere good.
        return Place.FORBIDDEN if ip.is_reserved or ip.packed[0] == 0 else Place.PRIVATE
    return Place.PUBLIC if ip.is_global else Place.FORBIDDEN


def _place_of_v6(ip: IPv6Address) -> Place:
    if ip.ipv4_mapped is not None:
        return place_of(str(ip.ipv4_mapped))
    if ip.is_loopback:
        return Place.LOOPBACK
    carried = _carried_v4(ip)
    if carried is not None:  # a translator decides where it goes: at best private
        inner = place_of(str(carried))
        return Place.FORBIDDEN if inner is Place.FORBIDDEN else Place.PRIVATE
    if ip.is_private or ip in SITE_LOCAL:
        return Place.PRIVATE
    return Place.PUBLIC if ip.is_global else Place.FORBIDDEN


def _carried_v4(ip: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a transition scheme packs into this one."""
    if any(ip in network for network in NAT64) or ip in V4_COMPATIBLE:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    if ip in SIX_TO_FOUR:
        return ip.sixtofour
    if ip in TEREDO and ip.teredo is not None:
        return ip.teredo[1]
    return None


def check(address: str, reach: Reach) -> None:
    """Raises `ForbiddenAddress` unless a call with this reach may go to the numeric address."""
    place = place_of(address)
    if place not in ALLOWED[reach]:
        raise ForbiddenAddress(MESSAGES[place])


def guarded_socket(reach: Reach) -> Callable[[Any], socket.socket]:
    """A socket factory for aiohttp's connector: it is handed the very address to connect to."""

    def make(addr_info: Any) -> socket.socket:
        family, kind, proto, _, address = addr_info
        check(address[0], reach)
        return socket.socket(family, kind, proto)

    return make


def reach_of(host: str, private_hosts: Collection[str]) -> Reach:
    """`PRIVATE` if the host is listed by name or numeric address, otherwise `PUBLIC`."""
    listed = {name.strip().strip("[]").rstrip(".").lower() for name in private_hosts}
    return Reach.PRIVATE if host.strip("[]").rstrip(".").lower() in listed else Reach.PUBLIC
