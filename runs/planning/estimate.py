"""What a plan will cost and take, before a call is made. Estimates, and named as such.

Assumed where nothing was measured: answers half as long as allowed; a first token after a second,
then fifty a second. Of votes that may stop early only those are expected that are asked for when
all agree. Retries come on top.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

from runs.domain.errors import InvalidInput
from runs.domain.plan import Plan
from runs.domain.usage import Price
from runs.planning.callers import Key, callers
from runs.planning.loads import Load, LoadKind
from runs.planning.shape import Configuration
from runs.planning.workload import loads

FIRST_TOKEN_S = 1.0
TOKENS_A_SECOND = 50.0

Bound = Literal["calls_per_minute", "in_flight", "one_call"]
Prices = Mapping[Key, Price | None]
Connections = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Estimate:
    """`calls` are the branches at most, `merge_calls` and `judge_calls` (verdicts and checks) those
    the joins will ask for at most; `calls_least` and `judge_calls_least` what comes of them when
    votes agree. Money in US dollars, None where a price is unknown. `against_one_call`: times the
    cost of one branch, `against_one_call_most` with every call made. Expected figures and times are
    those of the least calls. `bound_by`: what decides the time. `is_time_measured`: from earlier
    calls, not from the assumption."""

    calls: int
    merge_calls: int
    input_tokens: int
    output_tokens_expected: int
    output_tokens_most: int
    cost_expected_usd: float | None
    cost_most_usd: float | None
    against_one_call: float
    seconds: float
    one_by_one_seconds: float
    warnings: tuple[str, ...]
    bound_by: Bound
    is_time_measured: bool
    calls_least: int
    judge_calls: int
    judge_calls_least: int
    against_one_call_most: float

    @property
    def total_calls(self) -> int:
        """All calls, at most."""
        return self.calls + self.merge_calls + self.judge_calls

    @property
    def total_least(self) -> int:
        return self.calls_least + self.merge_calls + self.judge_calls_least


def estimate(
    configuration: Configuration, plan: Plan, prices: Prices, connections: Connections
) -> Estimate:
    """`connections`: by name, `in_flight` and `calls_per_minute` (absent or None: no limit known),
    and `seconds_a_call` where earlier calls showed it."""
    work = loads(configuration, plan)
    paces = _paces(configuration, work, connections)
    slowest = max(paces, key=lambda pace: pace.seconds)
    calls = _count(work, "branch", is_most=True)
    expected = _cost(work, prices, is_most=False)
    most = _cost(work, prices, is_most=True)
    used = {load.key[0] for load in work}
    return Estimate(
        calls=calls,
        merge_calls=_count(work, "merge", is_most=True),
        input_tokens=sum(load.input_tokens for load in work),
        output_tokens_expected=sum(load.output_expected for load in work),
        output_tokens_most=sum(load.output_most for load in work),
        cost_expected_usd=expected,
        cost_most_usd=most,
        against_one_call=_against_one_call(work, prices, is_most=False),
        seconds=_in_levels(paces),
        one_by_one_seconds=sum(pace.calls * pace.call_s for pace in paces),
        warnings=(
            *_speed_warnings(configuration, slowest, calls),
            *_money_warnings(configuration, work, prices, expected, most),
        ),
        bound_by=slowest.bound_by,
        is_time_measured=all(connections.get(name, {}).get("seconds_a_call") for name in used),
        calls_least=_count(work, "branch", is_most=False),
        judge_calls=_count(work, "judge", is_most=True),
        judge_calls_least=_count(work, "judge", is_most=False),
        against_one_call_most=_against_one_call(work, prices, is_most=True),
    )


def _count(work: Sequence[Load], kind: LoadKind, *, is_most: bool) -> int:
    return sum(load.calls_most if is_most else load.calls for load in work if load.kind == kind)


def refuse_blind_cap(configuration: Configuration, prices: Prices) -> None:
    """Raises `InvalidInput`: a cap on money cannot hold where a price is unknown, unless the
    calls or tokens are capped too."""
    limits = configuration.limits
    if limits.cost_usd is None or limits.calls is not None or limits.tokens is not None:
        return
    for connection, model in dict.fromkeys(caller.key for caller in callers(configuration)):
        if prices.get((connection, model)) is None:
            raise InvalidInput(
                f"The price of {model} on {connection} is unknown, so a cap on money cannot be "
                "kept: cap the calls or tokens too (limits.calls, limits.tokens), or enter the "
                "price with the provider.",
                "limits.cost_usd",
            )


@dataclass(frozen=True, slots=True)
class _Pace:
    """The calls of one level on one connection, and how fast they can go."""

    level: int
    calls: int
    call_s: float
    slots: int
    slots_declared: int | None
    calls_per_minute: int | None

    @property
    def by_slots_s(self) -> float:
        return ceil(self.calls / self.slots) * self.call_s

    @property
    def by_rate_s(self) -> float:
        if not self.calls_per_minute:
            return 0.0
        return (self.calls - 1) * 60 / self.calls_per_minute + self.call_s

    @property
    def seconds(self) -> float:
        return max(self.by_slots_s, self.by_rate_s)

    @property
    def bound_by(self) -> Bound:
        if self.by_rate_s > self.by_slots_s and self.calls > 1:
            return "calls_per_minute"
        return "in_flight" if self.calls > self.slots else "one_call"

    @property
    def slots_worth_having(self) -> int:
        """More in flight than this only wait for the rate."""
        return max(1, min(self.calls, ceil((self.calls_per_minute or 0) / 60 * self.call_s)))


def _paces(
    configuration: Configuration, work: Sequence[Load], connections: Connections
) -> list[_Pace]:
    together: dict[tuple[int, str], list[Load]] = defaultdict(list)
    for load in work:
        if load.calls:
            together[load.level, load.key[0]].append(load)
    return [
        _pace(configuration, level, alike, connections.get(name, {}))
        for (level, name), alike in together.items()
    ]


def _pace(
    configuration: Configuration, level: int, alike: list[Load], connection: Mapping[str, Any]
) -> _Pace:
    calls = sum(load.calls for load in alike)
    output = sum(load.output_expected for load in alike) / calls
    call_s = connection.get("seconds_a_call") or FIRST_TOKEN_S + output / TOKENS_A_SECOND
    declared = connection.get("in_flight")
    allowed = [slots for slots in (declared, configuration.limits.in_flight) if slots]
    return _Pace(
        level=level,
        calls=calls,
        call_s=float(call_s),
        slots=min([calls, *allowed]),
        slots_declared=declared,
        calls_per_minute=connection.get("calls_per_minute"),
    )


def _in_levels(paces: Sequence[_Pace]) -> float:
    """Levels follow one another; connections work side by side."""
    longest: dict[int, float] = defaultdict(float)
    for pace in paces:
        longest[pace.level] = max(longest[pace.level], pace.seconds)
    return sum(longest.values())


def _cost(work: Sequence[Load], prices: Prices, *, is_most: bool) -> float | None:
    total = 0.0
    for load in work:
        price = prices.get(load.key)
        if price is None:
            return None
        total += (
            price.cost(load.input_most, load.output_most)
            if is_most
            else price.cost(load.input_tokens, load.output_expected)
        )
    return total


def _against_one_call(work: Sequence[Load], prices: Prices, *, is_most: bool) -> float:
    """By cost where it is known and not nothing, else by tokens."""
    branches = [load for load in work if load.kind == "branch"]
    total = _cost(work, prices, is_most=is_most)
    own = _cost(branches, prices, is_most=is_most)
    if not total or not own:
        total, own = _tokens(work, is_most=is_most), _tokens(branches, is_most=is_most)
    return total / own * _count(work, "branch", is_most=is_most)


def _tokens(work: Sequence[Load], *, is_most: bool) -> float:
    if is_most:
        return float(sum(load.input_most + load.output_most for load in work))
    return float(sum(load.input_tokens + load.output_expected for load in work))


def _speed_warnings(configuration: Configuration, pace: _Pace, calls: int) -> Iterator[str]:
    wanted, worth = configuration.limits.in_flight, pace.slots_worth_having
    if calls == 1:
        yield "There is only one branch: a single call would do."
        return
    if pace.bound_by == "calls_per_minute":
        gains = f": more in flight than {worth:,} gains nothing" if worth < pace.calls else ""
        yield (
            f"The provider's {pace.calls_per_minute:,} calls a minute is what bounds this "
            f"run{gains}."
        )
    elif wanted and pace.slots_declared and wanted > pace.slots_declared:
        yield (
            f"The provider takes {pace.slots_declared:,} calls at once: more in flight than "
            f"{pace.slots_declared:,} gains nothing."
        )
    elif wanted and wanted > calls:
        yield f"There are {calls:,} branches: more in flight than {calls:,} gains nothing."


def _money_warnings(
    configuration: Configuration,
    work: Sequence[Load],
    prices: Prices,
    expected: float | None,
    most: float | None,
) -> Iterator[str]:
    limits = configuration.limits
    yield from _calls_warnings(limits.calls, work)
    for connection, model in dict.fromkeys(load.key for load in work):
        if prices.get((connection, model)) is None:
            yield f"The price of {model} on {connection} is unknown: so is the cost of this run."
    if limits.cost_usd is None or expected is None or most is None:
        return
    if limits.cost_usd < expected:
        yield (
            f"The cap of ${limits.cost_usd:g} is below the expected cost of ${expected:.2g}: some "
            "branches will be cancelled."
        )
    elif limits.cost_usd < most:
        yield (
            f"Long answers could reach the cap of ${limits.cost_usd:g}: some branches would then "
            "be cancelled."
        )


def _calls_warnings(cap: int | None, work: Sequence[Load]) -> Iterator[str]:
    least, most = sum(load.calls for load in work), sum(load.calls_most for load in work)
    if cap is None:
        return
    if cap < least:
        yield (
            f"The cap of {cap:,} calls is below the {least:,} this run needs: the others "
            "will be cancelled."
        )
    elif cap < most:
        yield (
            f"The cap of {cap:,} calls could be reached: votes that disagree may need up to "
            f"{most:,}."
        )
