"""Whose text is shown while two attempts of a branch are open."""

import asyncio

import pytest

from runs.engine.livetext import LiveText
from tests.unit.engine.doubles import HandClock, Silent

pytestmark = pytest.mark.asyncio


class Pieces(Silent):
    def __init__(self) -> None:
        self.shown: list[tuple[int, str]] = []  # attempt, text

    def text(self, run_id: int, chunks: list[tuple[int, int, int, str]]) -> None:
        self.shown += [(attempt, text) for _, attempt, _, text in chunks]


def watched() -> tuple[LiveText, Pieces]:
    pieces = Pieces()
    texts = LiveText(1, pieces, HandClock())
    texts.watch({7: 60_000})
    return texts, pieces


async def test_only_the_first_attempt_is_shown() -> None:
    texts, pieces = watched()
    first, hedge = texts.begin(7, 1), texts.begin(7, 2, is_shown=False)
    first("slowly")
    hedge("quickly")
    texts.end(7, 2, is_answered=True)
    texts.end(7, 1, is_answered=False)
    await asyncio.sleep(0.15)
    assert (2, "quickly") not in pieces.shown  # the answer itself comes with its row


async def test_the_hedges_text_takes_the_place_of_a_failed_ones() -> None:
    texts, pieces = watched()
    first, hedge = texts.begin(7, 1), texts.begin(7, 2, is_shown=False)
    first("slow")
    hedge("quick")
    texts.end(7, 1, is_answered=False)
    await asyncio.sleep(0.15)
    hedge("ly")
    texts.end(7, 2, is_answered=True)
    assert pieces.shown == [(1, "slow"), (2, "quick"), (2, "ly")]


async def test_the_first_goes_on_where_the_hedge_failed() -> None:
    texts, pieces = watched()
    first, hedge = texts.begin(7, 1), texts.begin(7, 2, is_shown=False)
    hedge("quick")
    texts.end(7, 2, is_answered=False)
    first("slow")
    texts.end(7, 1, is_answered=True)
    assert pieces.shown == [(1, "slow")]


async def test_a_loser_is_never_shown() -> None:
    texts, pieces = watched()
    first, hedge = texts.begin(7, 1), texts.begin(7, 2, is_shown=False)
    hedge("quick")
    first("slow")
    texts.end(7, 1, is_answered=True)
    hedge("er")
    texts.end(7, 2, is_answered=False)
    await asyncio.sleep(0.15)
    assert pieces.shown == [(1, "slow")]
