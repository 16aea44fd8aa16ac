"""The buckets behind a pace, on a clock of the test's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.execution import pace
from runs.execution.pace import BURST_S, MARGIN_SHARE, Bucket

RATE = 50.0


class Provider:
    """Counts as a provider does: a bucket that holds a second's worth."""

    def __init__(self) -> None:
        self.level, self.at, self.refused = RATE, 0.0, 0

    def take(self, now: float) -> float:
        """What it says is left."""
        self.level = min(self.level + (now - self.at) * RATE, RATE)
        self.at = now
        if self.level < 1:
            self.refused += 1
            return 0.0
        self.level -= 1
        return float(int(self.level))


def made(seconds: float, call_s: float) -> tuple[int, int]:
    """Calls made at the pace that replies teach, each taking `call_s`; and those refused."""
    provider, bucket = Provider(), pace.unlearned(0.0)
    bucket.learn(RATE, provider.take(0.0), 0.0, ago_s=0.0, since=0.0)
    open_calls: list[tuple[float, float, int]] = []
    now, sent = 0.0, 1
    while now < seconds:
        while open_calls and open_calls[0][0] + call_s <= now:
            at, left, number = open_calls.pop(0)
            bucket.learn(RATE, left, now, ago_s=now - at, since=sent - number)
        if bucket.wait_s(now) <= 0:
            bucket.take(1.0, now)
            sent += 1
            open_calls.append((now, provider.take(now), sent))
        else:
            now += 0.001
    return sent, provider.refused


@pytest.mark.parametrize("call_s", [0.1, 2.0, 90.0])
def test_a_learned_limit_is_used_whole_however_long_calls_take(call_s: float) -> None:
    sent, refused = made(200.0, call_s)
    assert sent >= 0.97 * RATE * 200
    assert refused <= 0.01 * sent


def test_an_old_reply_gives_back_nothing_that_was_taken_since() -> None:
    bucket = pace.unlearned(0.0)
    bucket.learn(RATE, 50.0, 0.0, ago_s=0.0, since=0.0)
    for _ in range(45):
        bucket.take(1.0, 10.0)
    bucket.learn(RATE, 49.0, 10.0, ago_s=10.0, since=45.0)  # it was full again long before
    assert bucket.level == pytest.approx(5.0)


def test_a_learned_limit_is_kept_with_a_small_margin() -> None:
    bucket = pace.unlearned(0.0)
    bucket.learn(RATE, 20.0, 0.0, ago_s=0.0, since=0.0)
    assert bucket.level == pytest.approx(20 * (1 - MARGIN_SHARE))


@given(
    rate=st.floats(0.1, 1_000),
    waits=st.lists(st.floats(0, 2), min_size=1, max_size=60),
)
def test_no_window_lets_through_more_than_rate_and_burst(rate: float, waits: list[float]) -> None:
    bucket = pace.declared(rate * 60, 0.0)
    assert isinstance(bucket, Bucket)
    now, sent = 0.0, []
    for wait in waits:
        now += wait / rate
        while bucket.wait_s(now) <= 0 and len(sent) < 2_000:
            bucket.take(1.0, now)
            sent.append(now)
    burst = max(rate * BURST_S, 1.0)
    for i, first in enumerate(sent):
        for j in range(i, len(sent)):
            assert j - i + 1 <= rate * (sent[j] - first) + burst + 1e-6
