"""The turnstile ahead of replies that come together."""

import asyncio

from runs.providers.turnstile import Turnstile


async def in_turns(turnstile: Turnstile, count: int) -> list[int]:
    """How many passed in each turn of the loop, of so many that come at once."""
    passed: list[int] = []

    async def come(number: int) -> None:
        await turnstile.passed()
        passed.append(number)

    tasks = [asyncio.create_task(come(number)) for number in range(count)]
    turns = []
    while not all(task.done() for task in tasks):
        before = len(passed)
        await asyncio.sleep(0)
        turns.append(len(passed) - before)
    assert passed == list(range(count))
    return [turn for turn in turns if turn]


async def test_a_few_pass_in_one_turn_in_their_order() -> None:
    assert max(await in_turns(Turnstile(3), 10)) == 3


async def test_it_is_as_good_as_new_once_all_have_passed() -> None:
    turnstile = Turnstile(3)
    assert sum(await in_turns(turnstile, 7)) == 7
    await asyncio.sleep(0)
    assert await in_turns(turnstile, 3) == [3]


async def test_who_is_cancelled_holds_nobody_up() -> None:
    turnstile = Turnstile(1)
    tasks = [asyncio.create_task(turnstile.passed()) for _ in range(4)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    tasks[2].cancel()
    done, _ = await asyncio.wait(tasks, timeout=5)
    assert len(done) == 4
    assert tasks[3].exception() is None
