"""The socket a run page opens, against rows written as the run's owner writes them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from threading import Barrier
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from parweb.asgi import application
from runs.live import consumers, publish, tail
from runs.models import Branch, Join, Run
from tests.factories import make_user
from tests.unit.live.rows import Fold, Writer, a_run

pytestmark = pytest.mark.django_db(transaction=True)
HOST = "127.0.0.1:8000"


class Page:
    """A browser's side of the protocol."""

    def __init__(self, socket: WebsocketCommunicator) -> None:
        self.socket = socket
        self.fold = Fold()
        self.frames: list[dict[str, Any]] = []

    async def open(self) -> bool:
        is_open, _ = await self.socket.connect()
        return bool(is_open)

    async def say(self, **message: Any) -> None:
        if message["type"] == "hello":
            self.fold.seq = message["seq"]
        await self.socket.send_to(text_data=json.dumps(message))

    async def hear(self, acknowledge: bool = True) -> dict[str, Any]:
        message = json.loads(await self.socket.receive_from(timeout=5))
        self.frames.append(message)
        if message["type"] == "delta":
            self.fold.take(message)
        if acknowledge and "frame" in message:
            await self.say(type="ack", frame=message["frame"])
        return message

    async def hear_until(self, seq: int) -> Fold:
        while self.fold.seq < seq:
            await self.hear()
        return self.fold

    async def hear_nothing(self) -> bool:
        return await self.socket.receive_nothing(timeout=0.3)


Open = Callable[..., Page]


def cookie_of(user: User) -> bytes:
    client = Client()
    client.force_login(user)
    return client.cookies.output(header="", attrs=[]).strip().encode()


@pytest.fixture
def user() -> User:
    return make_user("ada")


@pytest.fixture
def run(user: User) -> Run:
    return a_run(user)


@pytest.fixture
def writer(run: Run) -> Writer:
    return Writer(run)


@pytest.fixture
def cookie(user: User) -> bytes:
    return cookie_of(user)


@pytest.fixture
async def page(run: Run, cookie: bytes) -> AsyncIterator[Open]:
    opened: list[Page] = []

    def make(path: str = "", origin: str = f"http://{HOST}", session: bytes | None = None) -> Page:
        headers = [(b"host", HOST.encode()), (b"origin", origin.encode())]
        headers.append((b"cookie", cookie if session is None else session))
        address = path or f"/ws/runs/{run.pk}/"
        opened.append(Page(WebsocketCommunicator(application, address, headers)))
        return opened[-1]

    yield make
    for one in opened:
        await one.socket.disconnect()
    close_readers()


def close_readers() -> None:
    """Their threads outlive the test and its database."""
    threads = len(tail._readers._threads)
    meet = Barrier(threads or 1)

    def close() -> None:
        meet.wait(5)
        connections.close_all()

    for done in [tail._readers.submit(close) for _ in range(threads)]:
        done.result()


async def commit(writer: Writer, *changes: Any) -> int:
    seq = await database_sync_to_async(writer.commit)(*changes)
    await publish.ring(writer.run_id, seq)
    return seq


async def test_hello_is_answered_with_everything_after_the_viewers_number(
    page: Open, writer: Writer
) -> None:
    first = await commit(writer, (Join, 0, {}), (Branch, 0, {}), (Branch, 1, {}))
    second = await commit(writer, (Branch, 1, {"status": "running"}))
    new, returning = page(), page()
    assert await new.open()
    assert await returning.open()
    await new.say(type="hello", seq=0)
    assert set((await new.hear_until(second)).branches) == {0, 1}
    await returning.say(type="hello", seq=first)
    frame = await returning.hear()
    assert (frame["frame"], frame["base"], frame["seq"]) == (1, first, second)
    assert frame["branches"]["number"] == [1]


async def test_a_doorbell_brings_the_change_at_once(page: Open, writer: Writer) -> None:
    viewer = page()
    await viewer.open()
    await viewer.say(type="hello", seq=0)
    await viewer.hear_until(await commit(writer, (Branch, 0, {})))
    seq = await commit(writer, (Branch, 0, {"status": "succeeded"}))
    fold = await viewer.hear_until(seq)
    assert fold.branches[0]["status"] == "succeeded"
    assert "late" not in viewer.frames[-1]


async def test_without_a_doorbell_the_change_is_found_by_looking_and_marked_late(
    page: Open, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "LOOK_S", 0.1)
    viewer = page()
    await viewer.open()
    await viewer.say(type="hello", seq=0)
    await viewer.hear_until(await commit(writer, (Branch, 0, {})))
    seq = await database_sync_to_async(writer.commit)((Branch, 0, {"status": "failed"}))
    assert (await viewer.hear_until(seq)).branches[0]["status"] == "failed"
    assert viewer.frames[-1]["late"] is True


async def test_a_broken_channel_layer_only_makes_the_viewer_late(
    page: Open, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*args: object) -> None:
        raise ConnectionError("the layer is down")

    monkeypatch.setattr(tail, "LOOK_S", 0.1)
    for name in ("group_add", "group_send", "receive"):
        monkeypatch.setattr(get_channel_layer(), name, fail)
    viewer, lost = page(), publish.lost_doorbells()
    await viewer.open()
    await viewer.say(type="hello", seq=0)
    await viewer.hear_until(await commit(writer, (Branch, 0, {})))
    await viewer.hear_until(await commit(writer, (Branch, 0, {"status": "succeeded"})))
    assert viewer.frames[-1]["late"] is True
    assert publish.lost_doorbells() == lost + 2


async def test_a_large_delta_comes_in_parts_and_ends_on_the_truth(
    page: Open, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "ROWS_A_FRAME", 4)
    viewer = page()
    await viewer.open()
    seq = await commit(writer, *((Branch, number, {}) for number in range(10)), (Join, 0, {}))
    await viewer.say(type="hello", seq=0)
    first = await viewer.hear()
    assert (first["part"], first["parts"], first["seq"]) == (1, 3, seq)
    last = await commit(writer, (Branch, 9, {"status": "running"}))
    fold = await viewer.hear_until(last)
    assert set(fold.branches) == set(range(10))
    assert fold.branches[9]["status"] == "running"


async def test_ten_viewers_cost_one_look(page: Open, run: Run, writer: Writer) -> None:
    viewers = [page() for _ in range(10)]
    seq = await commit(writer, (Branch, 0, {}))
    for viewer in viewers:
        await viewer.open()
        await viewer.say(type="hello", seq=0)
        await viewer.hear_until(seq)
    follower = tail._tails[asyncio.get_running_loop()][run.pk]
    before = follower.looks
    seq = await commit(writer, (Branch, 0, {"status": "succeeded"}))
    for viewer in viewers:
        await viewer.hear_until(seq)
    assert follower.looks == before + 1


async def test_frames_to_a_viewer_keep_their_distance(
    page: Open, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "GAP_S", 0.2)
    viewer = page()
    await viewer.open()
    await viewer.say(type="hello", seq=0)
    await viewer.hear()
    began = time.monotonic()
    for number in range(20):
        seq = await commit(writer, (Branch, number, {}))
    await viewer.hear_until(seq)
    gaps = (time.monotonic() - began) / 0.2
    assert len(viewer.frames) <= 2 + gaps, "one at once, then one a gap"


async def test_a_viewer_that_does_not_acknowledge_gets_a_window_and_then_one_fresh_delta(
    page: Open, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "GAP_S", 0.0)
    viewer, brisk = page(), page()
    for one in (viewer, brisk):
        await one.open()
        await one.say(type="hello", seq=0)
        await one.hear(acknowledge=False)
    for number in range(tail.WINDOW_FRAMES + 4):
        seq = await commit(writer, (Branch, number, {}))
        await brisk.hear_until(seq)
    while not await viewer.hear_nothing():
        await viewer.hear(acknowledge=False)
    assert len(viewer.frames) == tail.WINDOW_FRAMES
    assert viewer.fold.seq < seq
    await viewer.say(type="ack", frame=viewer.frames[-1]["frame"])
    await viewer.hear()
    assert viewer.fold.seq == seq
    assert set(viewer.fold.branches) == set(range(tail.WINDOW_FRAMES + 4))


async def test_a_watched_branch_is_sent_whole_and_then_as_it_changes(
    page: Open, writer: Writer
) -> None:
    attempt, answer = database_sync_to_async(writer.attempt), database_sync_to_async(writer.answer)
    await attempt(0, 1, status="throttled")
    seq = await attempt(0, 2, status="sent")
    viewer = page()
    await viewer.open()
    await viewer.say(type="hello", seq=0)
    await viewer.hear_until(seq)
    assert viewer.fold.attempts == {}
    await viewer.say(type="watch", branches=[0])
    while not viewer.fold.attempts:
        await viewer.hear()
    assert [row["status"] for row in viewer.fold.attempts.values()] == ["throttled", "sent"]
    await attempt(0, 2, status="ok")
    seq = await answer(0, "The purchase is refundable.")
    await publish.ring(writer.run_id, seq)
    await viewer.hear_until(seq)
    assert viewer.fold.attempts[0, 2]["status"] == "ok"
    assert viewer.frames[-1]["attempts"]["number"] == [2]
    assert viewer.fold.answers == {"0": "The purchase is refundable."}


async def test_a_branch_of_an_ended_run_can_still_be_watched(
    page: Open, run: Run, writer: Writer
) -> None:
    seq = await database_sync_to_async(writer.answer)(0, "kept")
    await database_sync_to_async(Run.objects.filter(pk=run.pk).update)(status="succeeded")
    viewer = page()
    await viewer.open()
    await viewer.say(type="hello", seq=seq)
    await viewer.say(type="watch", branches=[0])
    while not viewer.fold.answers:
        frame = await viewer.hear()
    assert (frame["base"], frame["seq"]) == (seq, seq)
    assert frame["answers"] == {"0": "kept"}
    assert await viewer.hear_nothing()


async def test_watching_is_written_down_for_the_runs_owner(
    page: Open, run: Run, writer: Writer
) -> None:
    await commit(writer, (Branch, 3, {}))
    viewer = page()
    await viewer.open()
    await viewer.say(type="hello", seq=0)
    await viewer.say(type="watch", branches=[3])
    while viewer.fold.seq < 2:
        await viewer.hear()
    stored = await database_sync_to_async(Run.objects.get)(pk=run.pk)
    assert list(stored.watched) == ["3"]
    assert stored.watched["3"] > 0


async def test_live_text_goes_only_to_those_who_watch_its_branch(
    page: Open, run: Run, writer: Writer
) -> None:
    seq = await commit(writer, (Branch, 0, {}), (Branch, 1, {}))
    watching, other = page(), page()
    for viewer in (watching, other):
        await viewer.open()
        await viewer.say(type="hello", seq=0)
        await viewer.hear_until(seq)
    await watching.say(type="watch", branches=[1])
    while "attempts" not in watching.frames[-1]:
        await watching.hear()
    while not await other.hear_nothing():
        await other.hear()
    await publish.text(run.pk, [(0, 1, 0, "not this"), (1, 1, 0, "The purch")])
    while watching.frames[-1]["type"] != "text":
        await watching.hear()
    assert watching.frames[-1]["chunks"] == [[1, 1, 0, "The purch"]]
    assert await other.hear_nothing()


async def test_signing_out_ends_the_socket(
    page: Open, cookie: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "CHECK_S", 0.05)
    viewer = page()
    await viewer.open()
    client = Client()
    name, _, key = cookie.decode().partition("=")
    client.cookies[name] = key
    await database_sync_to_async(client.logout)()
    assert await viewer.hear() == {"type": "bye", "reason": "signed_out"}
    assert (await viewer.socket.receive_output(timeout=2))["type"] == "websocket.close"


async def test_deleting_the_run_ends_the_socket(page: Open, run: Run, writer: Writer) -> None:
    viewer = page()
    await viewer.open()
    await viewer.say(type="hello", seq=0)
    await viewer.hear()
    await database_sync_to_async(Run.objects.filter(pk=run.pk).delete)()
    await publish.ring(run.pk, 99)
    assert await viewer.hear() == {"type": "bye", "reason": "deleted"}
    assert (await viewer.socket.receive_output(timeout=2))["type"] == "websocket.close"


async def test_only_the_runs_owner_may_follow_it(page: Open, run: Run) -> None:
    stranger = await database_sync_to_async(lambda: cookie_of(make_user("bob")))()
    assert not await page(session=stranger).open()
    assert not await page(session=b"").open()
    assert not await page(path=f"/ws/runs/{run.pk + 1}/").open()


async def test_a_page_of_another_origin_may_not_follow(page: Open) -> None:
    assert not await page(origin="http://127.0.0.1:8001").open()
    assert not await page(origin="https://evil.example").open()


@pytest.mark.parametrize(
    "message",
    [
        "not json",
        "[]",
        '{"type": "hello"}',
        '{"type": "hello", "seq": -1}',
        '{"type": "hello", "seq": true}',
        '{"type": "ack", "frame": "1"}',
        '{"type": "watch", "branches": [1.5]}',
        '{"type": "watch", "branches": [16777216]}',
        json.dumps({"type": "watch", "branches": list(range(1000))}),
    ],
)
async def test_a_malformed_message_closes_the_socket(page: Open, message: str) -> None:
    viewer = page()
    await viewer.open()
    await viewer.socket.send_to(text_data=message)
    closed = await viewer.socket.receive_output(timeout=2)
    assert (closed["type"], closed["code"]) == ("websocket.close", consumers.BAD_MESSAGE)


async def test_the_last_viewer_ends_the_tail(page: Open, run: Run) -> None:
    viewer = page()
    await viewer.open()
    await viewer.say(type="hello", seq=0)
    await viewer.hear_nothing()
    tails = tail._tails[asyncio.get_running_loop()]
    assert run.pk in tails
    await viewer.socket.disconnect()
    assert run.pk not in tails
