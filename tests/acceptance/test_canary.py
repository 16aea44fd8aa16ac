"""A canary for a key: whatever the product and the provider do with it, it is found nowhere but in
the one header of the requests to the address it was entered for."""

import asyncio
import base64
import json
import re
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.acceptance import oracle
from tests.processes import Parweb, ServeParweb

CANARY = "canary-4be1d7c09a52f68e3b1d-5c"
TRACES = (CANARY, CANARY[8:], base64.b64encode(CANARY.encode()).decode().rstrip("="))
MODELS = ("good", "telling", "denied", "refused", "broken", "inside", "moved", "odd", "cut")
HEADERS = {
    "openai_compatible": ("authorization", f"Bearer {CANARY}"),
    "anthropic": ("x-api-key", CANARY),
    "gemini": ("x-goog-api-key", CANARY),
}
CASES = [(kind, model) for kind in HEADERS for model in MODELS]
ANSWERED = {"good", "telling"}
ENDS = "SELECT connection, model, status = 'succeeded' FROM runs_branch"
EVERY_LOG = """
from parweb.settings import *

LOGGING["handlers"]["console"] = {
    "class": "logging.FileHandler", "filename": __file__ + ".log", "formatter": "line"
}
LOGGING["root"]["level"] = "DEBUG"
for logger in LOGGING["loggers"].values():
    logger["level"] = "DEBUG"
"""


@dataclass
class Echo:
    """A provider in every dialect that says the key back wherever it can. `heads`: by request, its
    line, its headers and its body."""

    url: str = ""
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def stray(self) -> list[str]:
        """Where the key was sent but in its header."""
        found = []
        for line, headers, body in self.asked:
            rest = [line, body.decode(), *(v for n, v in headers.items() if n not in KEY_HEADERS)]
            found += [part for part in rest if any(trace in part for trace in TRACES)]
        return found


KEY_HEADERS = {name for name, _ in HEADERS.values()}


def stream(kind: str, text: str) -> list[tuple[str, Any]]:
    if kind == "openai_compatible":
        return [
            ("", {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]}),
            ("", {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}),
            ("", "[DONE]"),
        ]
    if kind == "anthropic":
        block = {"type": "text", "text": text}
        usage = {"input_tokens": 3, "output_tokens": 2}
        stop = {"delta": {"stop_reason": "end_turn"}, "usage": usage}
        return [
            ("", {"type": "content_block_start", "content_block": block}),
            ("", {"type": "message_delta", **stop}),
            ("", {"type": "message_stop"}),
        ]
    content = {"parts": [{"text": text}]}
    return [("", {"candidates": [{"content": content, "finishReason": "STOP"}]})]


class Handler(BaseHTTPRequestHandler):
    echo: Echo

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        self._note(b"")
        if "nokey" in self.path:
            self._refuse(401)
            return
        names = {"data": [{"id": name} for name in MODELS]}
        google = {"models": [{"name": f"models/{name}"} for name in MODELS]}
        self._reply(200, "application/json", json.dumps(names | google).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._note(body)
        kind = next(kind for kind in HEADERS if f"/{kind}/" in self.path)
        asked = self.path + json.loads(body).get("model", "")
        model = next(name for name in MODELS if name in asked.replace(kind, ""))
        statuses = {"denied": 401, "refused": 400, "broken": 500, "moved": 307}
        if model in statuses:
            self._refuse(statuses[model])
            return
        error = {"error": {"message": f"You sent {self._key()}", "type": "api_error"}}
        said = {"good": "Fine.", "telling": f"Your key: {self._key()}."}.get(model, "Half")
        events = stream(kind, said)
        if model == "inside":
            events = [("error", {"type": "error", **error})]
        if model == "odd":
            events = [("", f'{{"{self._key()}')]
        if model == "cut":
            events = events[:-1] if kind != "gemini" else [("", {"candidates": []})]
        lines = "".join(
            (f"event: {name}\n" if name else "")
            + f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n"
            for name, data in events
        )
        self._reply(200, "text/event-stream", lines.encode())

    def _key(self) -> str:
        return next(self.headers[name] for name in KEY_HEADERS if name in self.headers)

    def _note(self, body: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.echo.asked.append((self.requestline, headers, body))

    def _refuse(self, status: int) -> None:
        said = {"error": {"message": f"Not with {self._key()}!", "code": self._key()}}
        self._reply(status, "application/json", json.dumps(said).encode())

    def _reply(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Echo", self._key())
        self.send_header("Set-Cookie", f"key={urllib.parse.quote(self._key())}")
        self.send_header("Location", f"/elsewhere?key={urllib.parse.quote(self._key())}")
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def echo() -> Iterator[Echo]:
    echo = Echo()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"echo": echo}))
    echo.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield echo
    server.shutdown()
    server.server_close()
    thread.join()


class Person:
    """Signed in; keeps every page and frame that was seen."""

    def __init__(self, parweb: Parweb) -> None:
        self._url = parweb.url
        self._cookies = urllib.request.HTTPCookieProcessor()
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), self._cookies)
        self.seen: list[str] = []
        self.get(parweb.link.removeprefix(parweb.url))

    def get(self, path: str) -> str:
        return self._opened(urllib.request.Request(self._url + path))[1]

    def post(self, path: str, **fields: str) -> tuple[str, str]:
        """The address in the end, and the page."""
        token = next(c.value for c in self._cookies.cookiejar if c.name.startswith("csrf"))
        data = urllib.parse.urlencode({"csrfmiddlewaretoken": token, **fields}).encode()
        headers = {"Origin": self._url}
        return self._opened(urllib.request.Request(self._url + path, data, headers))

    async def follow(self, run: int) -> None:
        """Take in a run's frames until it is known whole."""
        cookies = {c.name: str(c.value) for c in self._cookies.cookiejar}
        address = f"{self._url.replace('http', 'ws', 1)}/ws/runs/{run}/"
        async with (
            asyncio.timeout(30),
            aiohttp.ClientSession(cookies=cookies) as session,
            session.ws_connect(address, origin=self._url) as socket,
        ):
            await socket.send_json({"type": "hello", "seq": 0})
            async for message in socket:
                self.seen.append(str(message.data))
                frame = json.loads(message.data)
                if "frame" in frame:
                    await socket.send_json({"type": "ack", "frame": frame["frame"]})
                if frame["type"] == "delta":
                    return

    def _opened(self, request: urllib.request.Request) -> tuple[str, str]:
        try:
            with self._opener.open(request, timeout=30) as reply:
                page, url, headers = reply.read().decode(), reply.url, str(reply.headers)
        except urllib.error.HTTPError as error:
            page, url, headers = error.read().decode(), error.url, str(error.headers)
        self.seen += [page, url, headers]
        return url, page


def make_connection(person: Person, echo: Echo, kind: str, name: str, path: str = "v1") -> str:
    """The path of the connection's page."""
    if "csrf" not in person.get("/providers/new/"):
        raise AssertionError("not signed in")
    url, page = person.post(
        "/providers/new/",
        name=name,
        kind=kind,
        base_url=f"{echo.url}/{kind}/{path}",
        api_key=CANARY,
        in_flight="8",
    )
    found = re.search(r"/providers/\d+/$", url)
    assert found, page
    return found.group()


def run_file(path: Path) -> Path:
    """One vote a dialect and case."""
    spec = {
        "name": "Canaries",
        "pattern": "voting",
        "votes": {
            "samples": len(CASES),
            "vary": "model",
            "models": [{"connection": kind, "model": model} for kind, model in CASES],
        },
        "join": {"method": "majority", "reader": {"kind": "whole_text"}},
        "on_failure": {"policy": "at_least", "least": 1},
        "prompts": [{"text": "Repeat: {{ input }}"}],
        "call": {"connection": CASES[0][0], "model": CASES[0][1], "max_tokens": 20},
        "limits": {"tries": 1, "deadline_s": 10},
        "input": {"text": "one"},
    }
    path.write_text(yaml.safe_dump(spec), "utf-8")
    return path


def traces_in_files(directory: Path) -> list[str]:
    """Files that hold a trace of the key, whatever they are: database, its log, uploads."""
    marks = [trace.encode() for trace in TRACES] + [CANARY.encode("utf-16-le")]
    return [
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if path.is_file() and any(mark in path.read_bytes() for mark in marks)
    ]


@pytest.fixture
def loud_parweb(serve_parweb: ServeParweb, tmp_path: Path) -> Parweb:
    """Every library of the serving process logs all that it can."""
    (tmp_path / "loud_settings.py").write_text(EVERY_LOG)
    return serve_parweb(
        PARWEB_PRIVATE_HOSTS="127.0.0.1",
        PARWEB_LOG_LEVEL="DEBUG",
        DJANGO_SETTINGS_MODULE="loud_settings",
        PYTHONPATH=str(tmp_path),
        PYTHONASYNCIODEBUG="1",
    )


def test_a_key_is_found_nowhere_but_in_its_header(
    loud_parweb: Parweb, echo: Echo, tmp_path: Path
) -> None:
    person = Person(loud_parweb)
    try_connections(person, echo)
    file = run_file(tmp_path / "run.yaml")
    result = oracle.launch(loud_parweb.data, "--file", str(file)).result()
    see_all_of(person, result["run"])
    for path in ("/", "/runs/", "/providers/", "/configurations/", "/settings/", "/nowhere"):
        person.get(path)

    ends = oracle.query(loud_parweb.data, ENDS)
    assert sorted(ends) == sorted((*case, case[1] in ANSWERED) for case in CASES)
    assert all(CANARY in str(headers) for _, headers, _ in echo.asked)
    assert echo.stray() == []
    assert not any("elsewhere" in line for line, _, _ in echo.asked), "no redirect was followed"
    assert traces_in_files(loud_parweb.data) == []
    loud_parweb.stop()
    log = (tmp_path / "loud_settings.py.log").read_text("utf-8")
    assert "DEBUG" in log
    everything = [json.dumps(result), log, *loud_parweb.child.lines, *person.seen]
    assert any("Not with [key]" in text for text in everything), "what was said back was shown"
    assert any("Your key: [key]" in text for text in everything)
    assert [text[:3000] for text in everything if any(trace in text for trace in TRACES)] == []
    assert traces_in_files(loud_parweb.data) == []


def try_connections(person: Person, echo: Echo) -> None:
    """One of each dialect that answers and one that refuses the key, both tested."""
    for kind in HEADERS:
        for name, path in ((kind, "v1"), (f"Wrong {kind}", "nokey")):
            page = make_connection(person, echo, kind, name, path)
            person.post(f"{page}test")
            tested = person.get(page)
            assert ("offers 9 models" in tested) is (name == kind)
            assert "refused the key" in tested or name == kind


def see_all_of(person: Person, run: int) -> None:
    """Every way by which a run is read."""
    asyncio.run(person.follow(run))
    page = person.get(f"/runs/{run}/")
    exports = {*re.findall(rf"/runs/{run}/export\.(\w+)", page)}
    assert {"json", "csv"} <= exports
    paths = [f"export.{kind}" for kind in exports]
    paths += [f"branches/{number}/" for number in range(1, len(CASES) + 1)]
    for path in (*paths, "state?after=0", "panel", "passes"):
        person.get(f"/runs/{run}/{path}")
