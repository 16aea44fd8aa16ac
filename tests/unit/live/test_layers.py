"""The embedded process's channel layer: any thread rings, the reader's loop hears it."""

import asyncio
import threading

import pytest
from asgiref.sync import async_to_sync
from channels.exceptions import ChannelFull

from runs.live.layers import InProcessChannelLayer

PATIENCE_S = 5.0
RING = {"type": "run.changed", "seq": 1}


async def joined(layer: InProcessChannelLayer, group: str = "run.1") -> str:
    channel = await layer.new_channel()
    await layer.group_add(group, channel)
    return channel


async def heard(layer: InProcessChannelLayer, channel: str) -> dict[str, object]:
    return await asyncio.wait_for(layer.receive(channel), PATIENCE_S)


async def test_a_group_message_reaches_every_member() -> None:
    layer = InProcessChannelLayer()
    channels = [await joined(layer), await joined(layer)]
    await layer.group_send("run.1", RING)
    assert [await heard(layer, channel) for channel in channels] == [RING, RING]


async def test_a_message_from_another_thread_wakes_a_waiting_reader() -> None:
    layer = InProcessChannelLayer()
    channel = await joined(layer)
    reader = asyncio.create_task(heard(layer, channel))
    await asyncio.sleep(0)  # the reader waits now
    sender = threading.Thread(target=lambda: async_to_sync(layer.group_send)("run.1", RING))
    sender.start()
    assert await reader == RING
    sender.join()


async def test_many_threads_lose_nothing_within_the_capacity() -> None:
    layer = InProcessChannelLayer(capacity=500)
    channel = await joined(layer)

    def ring_often(start: int) -> None:
        for seq in range(start, start + 100):
            async_to_sync(layer.group_send)("run.1", {"type": "run.changed", "seq": seq})

    threads = [threading.Thread(target=ring_often, args=[n * 100]) for n in range(4)]
    for thread in threads:
        thread.start()
    got = [(await heard(layer, channel))["seq"] for _ in range(400)]
    for thread in threads:
        thread.join()
    assert sorted(got) == list(range(400))


async def test_a_full_mailbox_drops_the_newest_and_keeps_its_member() -> None:
    layer = InProcessChannelLayer(capacity=2)
    channel = await joined(layer)
    for seq in (1, 2, 3):
        await layer.group_send("run.1", {"seq": seq})
    assert [(await heard(layer, channel))["seq"] for _ in range(2)] == [1, 2]
    await layer.group_send("run.1", {"seq": 4})
    assert await heard(layer, channel) == {"seq": 4}


async def test_who_has_left_hears_nothing_and_leaves_nothing_behind() -> None:
    layer = InProcessChannelLayer()
    channel = await joined(layer)
    await layer.group_send("run.1", RING)
    await layer.group_discard("run.1", channel)
    await asyncio.sleep(0)  # the ring under way finds nobody
    assert layer._groups == {}
    assert layer._mailboxes == {}


async def test_messages_to_one_channel_are_refused_when_its_reader_lags() -> None:
    layer = InProcessChannelLayer(capacity=1)
    channel = await layer.new_channel()
    await layer.send(channel, RING)
    with pytest.raises(ChannelFull):
        await layer.send(channel, RING)


def test_members_of_a_closed_loop_are_forgotten() -> None:
    layer = InProcessChannelLayer()
    asyncio.run(joined(layer))
    asyncio.run(layer.group_send("run.1", RING))
    assert layer._groups == {"run.1": {}}


async def test_a_message_is_each_readers_own() -> None:
    layer = InProcessChannelLayer()
    first, second = await joined(layer), await joined(layer)
    await layer.group_send("run.1", RING)
    (await heard(layer, first))["seq"] = 99
    assert await heard(layer, second) == RING
