"""What a run's successful calls show of others like them: how long answers are and take. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import NamedTuple

QUICK, SLOW = 0.1, 0.9


class Call(NamedTuple):
    """A successful call. `stage`: calls of one stage on one connection run beside each other.
    Tokens None where the provider did not say; times in ms since the run's launch."""

    asks: str
    stage: str
    connection: str
    model: str
    input_tokens: int | None
    output_tokens: int | None
    sent_ms: int
    first_token_ms: int | None
    ended_ms: int

    @property
    def seconds(self) -> float:
        return max(self.ended_ms - self.sent_ms, 0) / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Experience:
    """Calls that asked the same of the same model; see `models.Learned` for the fields."""

    asks: str
    connection: str
    model: str
    calls: int
    input_tokens: float
    output_least: float
    output_tokens: float
    output_most: float
    seconds_quick: float
    seconds: float
    seconds_slow: float
    first_token_s: float | None
    token_s: float | None
    at_once: float


def experiences(calls: Iterable[Call]) -> list[Experience]:
    """One for each kind of call; calls of which the tokens are not known say nothing."""
    kinds: dict[tuple[str, str, str], list[Call]] = defaultdict(list)
    stages: dict[tuple[str, str], list[Call]] = defaultdict(list)
    for call in calls:
        stages[call.connection, call.stage].append(call)
        if call.input_tokens is not None and call.output_tokens is not None:
            kinds[call.asks, call.connection, call.model].append(call)
    at_once = {key: _at_once(alike) for key, alike in stages.items()}
    return [
        _experience(alike, at_once[alike[0].connection, alike[0].stage]) for alike in kinds.values()
    ]


def _experience(alike: Sequence[Call], at_once: float) -> Experience:
    output = sorted(call.output_tokens or 0 for call in alike)
    seconds = sorted(call.seconds for call in alike)
    streamed = [
        (call, call.first_token_ms)
        for call in alike
        if call.first_token_ms is not None and call.first_token_ms < call.ended_ms
    ]
    first = [(at - call.sent_ms) / 1000 for call, at in streamed]
    each = [(call.ended_ms - at) / 1000 / max(call.output_tokens or 1, 1) for call, at in streamed]
    return Experience(
        asks=alike[0].asks,
        connection=alike[0].connection,
        model=alike[0].model,
        calls=len(alike),
        input_tokens=sum(call.input_tokens or 0 for call in alike) / len(alike),
        output_least=output[0],
        output_tokens=median(output),
        output_most=output[-1],
        seconds_quick=_at(seconds, QUICK),
        seconds=fmean(seconds),
        seconds_slow=_at(seconds, SLOW),
        first_token_s=median(first) if first else None,
        token_s=median(each) if each else None,
        at_once=at_once,
    )


def _at_once(calls: Sequence[Call]) -> float:
    """Calls in flight on average, from the first sent to the last ended."""
    span = max(call.ended_ms for call in calls) - min(call.sent_ms for call in calls)
    return sum(call.seconds for call in calls) * 1000 / span if span > 0 else 1.0


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[round(share * (len(ordered) - 1))]
