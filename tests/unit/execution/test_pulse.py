"""Work that is done whenever it is due."""

import asyncio

from runs.execution.pulse import Pulse
from tests.sharing import now, run

NOW = float("-inf")


class Work:
    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.began: list[float] = []
        self.open = self.most_open = 0

    async def __call__(self) -> None:
        self.began.append(round(now(), 3))
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        await asyncio.sleep(self.seconds)
        self.open -= 1


def test_the_earliest_wish_counts() -> None:
    async def work() -> None:
        beats = Work()
        pulse = Pulse(beats, now, 0.01)
        for moment in (5.0, 2.0, 3.0):
            pulse.by(moment)
        await asyncio.sleep(10)
        assert beats.began == [2.0]

    run(work())


def test_there_is_a_gap_between_one_beat_and_the_next() -> None:
    async def work() -> None:
        beats = Work()
        pulse = Pulse(beats, now, 0.5)
        for _ in range(4):
            pulse.by(NOW)
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        assert beats.began == [0.0, 0.5]

    run(work())


def test_what_is_wished_during_a_beat_follows_it() -> None:
    async def work() -> None:
        beats = Work(1.0)
        pulse = Pulse(beats, now, 0.01)
        pulse.by(NOW)
        await asyncio.sleep(0.5)
        pulse.by(NOW)
        pulse.by(NOW)
        await asyncio.sleep(5)
        assert beats.began == [0.0, 1.0]
        assert beats.most_open == 1

    run(work())


def test_nothing_begins_after_the_close_and_what_was_open_has_ended() -> None:
    async def work() -> None:
        beats = Work(1.0)
        pulse = Pulse(beats, now, 0.01)
        pulse.by(NOW)
        await asyncio.sleep(0.5)
        pulse.by(2.0)
        await pulse.close()
        assert beats.open == 0
        pulse.by(NOW)
        await asyncio.sleep(5)
        assert beats.began == [0.0]

    run(work())
