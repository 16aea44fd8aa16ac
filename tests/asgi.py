"""Fixture of a web server inside the test process, for tests that share its database.

Twisted's reactor can run once in a process, so it starts with the first test that asks and ends
with the process.
"""

import threading
from dataclasses import dataclass

import pytest

PATIENCE_S = 20.0


@dataclass(frozen=True)
class AsgiServer:
    """`url` of the pages without a closing slash."""

    url: str

    @property
    def websocket_url(self) -> str:
        return "ws" + self.url.removeprefix("http")


class _Reactor:
    """Daphne on a thread of its own."""

    url = ""

    def start(self) -> str:
        if self.url:
            return self.url
        from daphne.server import Server  # noqa: PLC0415  installs a reactor for the process

        from parweb.asgi import application  # noqa: PLC0415

        is_listening = threading.Event()
        server = Server(
            application=application,
            endpoints=["tcp:port=0:interface=127.0.0.1"],
            signal_handlers=False,
            ready_callable=is_listening.set,
        )
        threading.Thread(target=server.run, name="daphne", daemon=True).start()
        assert is_listening.wait(PATIENCE_S), "The web server did not start."
        host, port = server.listening_addresses[0]
        self.url = f"http://{host}:{port}"
        return self.url


_reactor = _Reactor()


@pytest.fixture
def asgi_server(transactional_db: None) -> AsgiServer:
    """Pages and WebSockets over the test's own database (without a worker)."""
    return AsgiServer(_reactor.start())
