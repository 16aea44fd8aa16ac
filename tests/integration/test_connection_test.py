"""“Test connection” says what is wrong, and what to do about it, for every dialect."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from runs.execution import probe
from runs.models import REMOTE_KINDS, Connection
from tests.processes import free_port

HOST = "127.0.0.1"
KINDS = pytest.mark.parametrize("kind", sorted(REMOTE_KINDS))
Serve = Callable[[int, object], str]
CASES: list[tuple[int, object, str]] = [
    (200, {"data": [], "models": []}, "It answers, but offers no model"),
    (
        200,
        {"data": [{"id": "m"}], "models": [{"name": "models/m"}]},
        "It answers and offers 1 model.",
    ),
    (200, "<html>Welcome</html>", "At this address is no"),
    (404, "not found", "At this address is no"),
    (401, {"error": {"message": "no such key"}}, "The provider refused the key. Enter it again"),
    (403, {"error": {"message": "not for you"}}, "not for you"),
    (402, {"error": {"message": "pay first"}}, "no quota left"),
    (429, {"error": {"message": "slow"}}, "asked for less"),
    (500, {"error": {"message": "boom"}}, "error (500). It says: boom"),
    (301, "", "redirect refused: enter the address"),
]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server that answers everything alike; gives its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(status: int, said: object) -> str:
        body = (said if isinstance(said, str) else json.dumps(said)).encode()

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None: ...

            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        server = ThreadingHTTPServer((HOST, 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://{HOST}:{server.server_port}/v1"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def asked(kind: str, base_url: str, key: str = "sk-1", *, may: bool = True) -> tuple[bool, str]:
    row = Connection(name="Mine", kind=kind, base_url=base_url, api_key=key)
    is_ok, told, _ = probe.test_connection(row, private_hosts=(HOST,) if may else ())
    return is_ok, told


@KINDS
@pytest.mark.parametrize(("status", "said", "expected"), CASES)
def test_it_says_what_the_provider_answered(
    kind: str, status: int, said: object, expected: str, serve: Serve
) -> None:
    is_ok, told = asked(kind, serve(status, said))
    assert expected in told
    assert is_ok is told.startswith("It answers")


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ([], "It answers and offers 2 models."),
        (["a", "b"], "It answers and offers 2 models."),
        (["a"], "It answers and offers 2 models, 1 of them not listed here."),
        (["a", "b", "c"], "It answers and offers 2 models. Listed here, but not on offer: c."),
    ],
)
def test_it_says_how_the_offer_differs_from_the_list(
    listed: list[str], told: str, serve: Serve
) -> None:
    base_url = serve(200, {"data": [{"id": "a"}, {"id": "b"}]})
    row = Connection(name="Mine", kind="openai_compatible", base_url=base_url, model_names=listed)
    assert probe.test_connection(row, private_hosts=(HOST,)) == (True, told, ["a", "b"])


@KINDS
def test_it_says_where_nothing_can_answer(kind: str, serve: Serve) -> None:
    closed = f"http://{HOST}:{free_port()}/v1"
    assert asked(kind, closed) == (
        False,
        "The provider refused the connection. Check its address and that it is running.",
    )
    assert "PARWEB_PRIVATE_HOSTS" in asked(kind, serve(200, {}), may=False)[1]
    assert "never called" in asked(kind, "http://169.254.169.254/v1")[1]
    assert "must begin with http" in asked(kind, "ftp://127.0.0.1/v1")[1]


@KINDS
def test_it_asks_for_a_key_where_none_is_stored(kind: str, serve: Serve) -> None:
    told = asked(kind, serve(401, {"error": {"message": "missing key"}}), key="")[1]
    assert told == "The provider asks for a key. Enter one under Providers."
