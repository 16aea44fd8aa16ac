"""What earlier runs showed of calls: how long their answers are, and how long they take.

Looked for are calls that ask the same of the same model; their lengths are borrowed from another
model where there are none. How fast a model answers is also known from other prompts.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from runs.planning.callers import Key

EXPECTED_SHARE = 0.5  # of the longest answer: an assumption, and shown as one
RUNS_LOOKED_AT = 10  # the newest; providers and machines change
LIKE_SIZES = (0.5, 2.0)  # of a prompt, within which its measured tokens say something of another's
SHARE_MARGIN = 1.1
Source = Literal["known", "borrowed", "assumed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The calls of one ended run that were alike. `connection` is the name it goes by today, ""
    where it is none of today's. Tokens and seconds are those of one successful call: of the input
    means, of the output the least, the median and the most, of the seconds the tenth percentile,
    the mean and the ninetieth. `input_told`: what the estimate of that run said. `first_token_s`,
    `token_s`: to the first token, and for each further one. `at_once`: calls of this connection in
    flight on average meanwhile."""

    run: int
    asks: str
    connection: str
    model: str
    calls: int
    input_tokens: float
    input_told: float | None
    output_least: float
    output_tokens: float
    output_most: float
    seconds_quick: float
    seconds: float
    seconds_slow: float
    first_token_s: float | None
    token_s: float | None
    at_once: float
    is_invented: bool = False


@dataclass(frozen=True, slots=True)
class Answers:
    """Output tokens of one call, and from where they are known. `model`: whose they are."""

    source: Source = "assumed"
    runs: int = 0
    calls: int = 0
    model: str = ""
    _least: float = 1.0
    _expected: float = 0.0

    def least(self, longest: int) -> float:
        return min(self._least, longest)

    def expected(self, longest: int) -> float:
        if self.source == "assumed":
            return expected_of(longest)
        return min(max(self._expected, 1.0), longest)


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds of one call under such a load: `known` of the same prompt, `borrowed` from others on
    the same model, where only the time to the first token and that of each further one count."""

    source: Source
    runs: int
    quick: float
    expected: float
    slow: float
    token_s: float
    at_once: float


@dataclass(frozen=True, slots=True)
class Shares:
    """Input tokens as billed ÷ as told by length: the least, the usual, the most."""

    least: float
    expected: float
    most: float


@dataclass(frozen=True, slots=True)
class History:
    """`past`: newest run first."""

    past: Sequence[Past] = ()
    _by_print: dict[str, list[Past]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for one in self.past:
            self._by_print.setdefault(one.asks, []).append(one)

    def answers(self, asks: str, key: Key) -> Answers:
        alike = self._by_print.get(asks, ())
        own = _newest(one for one in alike if one.model == key[1])
        if own:
            return _answers("known", own)
        others = _newest(one for one in alike if not one.is_invented)
        if others:
            return _answers("borrowed", [one for one in others if one.model == others[0].model])
        return Answers()

    def shares(self, asks: str, key: Key, told: float) -> Shares | None:
        """None where nothing is known of prompts of about that size on this model."""
        found = [
            (one.input_tokens / one.input_told, one.calls)
            for one in _newest(self._by_print.get(asks, ()))
            if one.model == key[1]
            and one.input_told
            and LIKE_SIZES[0] <= told / one.input_told <= LIKE_SIZES[1]
        ]
        if not found:
            return None
        shares = [share for share, _ in found]
        return Shares(
            min(shares) / SHARE_MARGIN, _weighted_median(found), max(shares) * SHARE_MARGIN
        )

    def speed(self, asks: str, key: Key) -> Speed | None:
        here = [one for one in self.past if (one.connection, one.model) == key]
        own = _newest(one for one in here if one.asks == asks)
        if own:
            return _own_speed(own)
        timed = _newest(
            one for one in here if one.first_token_s is not None and one.token_s is not None
        )
        return _borrowed_speed(timed) if timed else None


def expected_of(most: int) -> int:
    """The output tokens to expect where at most so many may come, and nothing is known."""
    return max(1, round(most * EXPECTED_SHARE))


def _newest(found: Iterable[Past]) -> list[Past]:
    """Those of the newest runs among them."""
    kept: list[Past] = []
    runs: set[int] = set()
    for one in found:
        runs.add(one.run)
        if len(runs) > RUNS_LOOKED_AT:
            break
        kept.append(one)
    return kept


def _answers(source: Source, found: Sequence[Past]) -> Answers:
    return Answers(
        source=source,
        runs=len({one.run for one in found}),
        calls=sum(one.calls for one in found),
        model=found[0].model,
        _least=min(one.output_least for one in found),
        _expected=_middle(found, lambda one: one.output_tokens),
    )


def _own_speed(found: Sequence[Past]) -> Speed:
    return Speed(
        source="known",
        runs=len({one.run for one in found}),
        quick=min(one.seconds_quick for one in found),
        expected=_middle(found, lambda one: one.seconds),
        slow=max(one.seconds_slow for one in found),
        token_s=_middle(found, lambda one: one.token_s or 0.0),
        at_once=_middle(found, lambda one: one.at_once),
    )


def _borrowed_speed(found: Sequence[Past]) -> Speed:
    first = [one.first_token_s or 0.0 for one in found]
    return Speed(
        source="borrowed",
        runs=len({one.run for one in found}),
        quick=min(first),
        expected=_middle(found, lambda one: one.first_token_s or 0.0),
        slow=max(first),
        token_s=_middle(found, lambda one: one.token_s or 0.0),
        at_once=_middle(found, lambda one: one.at_once),
    )


def _middle(found: Sequence[Past], value: Callable[[Past], float]) -> float:
    return _weighted_median([(value(one), one.calls) for one in found])


def _weighted_median(pairs: Sequence[tuple[float, int]]) -> float:
    """The value below and above which half of the calls lie."""
    ordered = sorted(pairs)
    half, seen = sum(weight for _, weight in ordered) / 2, 0
    for value, weight in ordered:
        seen += weight
        if seen >= half:
            return value
    return ordered[-1][0]
