"""One viewer of a run: the product's web server in this process, a browser's side in another.

    python bench/viewer.py WS_URL COOKIE FOLLOWS_TEXT

The browser's side says hello, takes in every frame, acknowledges it, and, where it follows text,
opens one branch after the other just before it is called, as a person could at most.
"""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import aiohttp

AHEAD = 100  # branches between the last that has begun and the one that is opened
PATIENCE_S = 30.0
ENDED = {"succeeded", "partial", "failed", "cancelled"}


@cache
def served() -> int:
    """The port of the product's pages and sockets; Twisted's reactor can run once a process."""
    from daphne.server import Server  # isort: skip  first: it installs Twisted's asyncio reactor

    from parweb.asgi import application

    is_listening = threading.Event()
    server = Server(
        application=application,
        endpoints=["tcp:port=0:interface=127.0.0.1"],
        signal_handlers=False,
        ready_callable=is_listening.set,
        websocket_timeout=-1,
    )
    threading.Thread(target=server.run, name="daphne", daemon=True).start()
    if not is_listening.wait(PATIENCE_S):
        raise RuntimeError("the web server did not start")
    return int(server.listening_addresses[0][1])


class Viewer:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def seen(self) -> dict[str, float]:
        """Wait until it has seen the run's end; frames and pieces of text that it was sent."""
        assert self._process.stdout is not None
        told: dict[str, float] = json.loads(self._process.stdout.readline())
        return told


@contextmanager
def watching(run: Any, *, follows_text: bool) -> Iterator[Viewer]:
    """A viewer that has the run's first frame."""
    from django.test import Client

    client = Client()
    client.force_login(run.owner)
    cookie = client.cookies.output(header="", attrs=[]).strip()
    url = f"ws://127.0.0.1:{served()}/ws/runs/{run.pk}/"
    process = subprocess.Popen(
        [sys.executable, __file__, url, cookie, str(int(follows_text))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline().strip() != "watching":
            raise RuntimeError("the viewer did not get a first frame")
        yield Viewer(process)
    finally:
        process.kill()
        process.wait()


class Reader:
    """Which branch is open on the page, and which is opened next."""

    def __init__(self) -> None:
        self.branch = 0
        self._begun = 0

    def has_seen(self, told: dict[str, Any]) -> bool:
        """Whether the branch that is open has ended, or its text has come."""
        if told["type"] == "text":
            return any(chunk[0] == self.branch for chunk in told["chunks"])
        rows = dict(zip(told["branches"]["number"], told["branches"]["status"], strict=True))
        begun = (number for number, status in rows.items() if status != "pending")
        self._begun = max(begun, default=self._begun)
        return rows.get(self.branch, "pending") in ENDED or self._begun > self.branch + AHEAD

    def turn(self) -> dict[str, Any]:
        """To a branch that will be called in a moment."""
        self.branch = self._begun + AHEAD
        return {"type": "watch", "branches": [self.branch]}


async def follow(url: str, cookie: str, *, follows_text: bool) -> dict[str, int]:
    headers = {"Cookie": cookie, "Origin": url.partition("/ws/")[0].replace("ws:", "http:")}
    seen = {"frames": 0, "texts": 0}
    reader = Reader()
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, headers=headers, max_msg_size=0) as socket,
    ):
        await socket.send_json({"type": "hello", "seq": 0})
        async for message in socket:
            told = json.loads(message.data)
            if "frame" in told:
                await socket.send_json({"type": "ack", "frame": told["frame"]})
                seen["frames"] += 1
            if seen["frames"] == 1:
                print("watching", flush=True)
            seen["texts"] += told["type"] == "text"
            is_last = told["type"] == "delta" and told["part"] == told["parts"]
            if is_last and told["run"]["status"] in ENDED:
                return seen
            if follows_text and (seen["frames"] == 1 or reader.has_seen(told)):
                await socket.send_json(reader.turn())
    raise RuntimeError("the socket closed before the run's end")


if __name__ == "__main__":
    print(json.dumps(asyncio.run(follow(*sys.argv[1:3], follows_text=sys.argv[3] == "1"))))
