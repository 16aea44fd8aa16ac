"""What a plan will cost and take, before a call is made. Estimates, and named as such.

Assumed where nothing was measured: answers half as long as allowed; a first token after a second,
then fifty a second. Retries come on top.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

from runs.domain.errors import InvalidInput
from runs.domain.plan import Plan
from runs.domain.usage import Price
from runs.planning.shape import Configuration
from runs.planning.workload import Key, Load, loads

FIRST_TOKEN_S = 1.0
TOKENS_A_SECOND = 50.0

Bound = Literal["calls_per_minute", "in_flight", "one_call"]
Prices = Mapping[Key, Price | None]
Connections = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Estimate:
    """`calls` are the branches, `merge_calls` those the join will ask for. Money in US dollars,
    None where a price is unknown. `against_one_call`: times the cost of one branch. `bound_by`:
    what decides the time. `is_time_measured`: from earlier calls, not from the assumption."""

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

    @property
    def total_calls(self) -> int:
        return self.calls + self.merge_calls


def estimate(
    configuration: Configuration, plan: Plan, prices: Prices, connections: Connections
) -> Estimate:
    """`connections`: by name, `in_flight` and `calls_per_minute` (absent or None: no limit known),
    and `seconds_a_call` where earlier calls showed it."""
    work = loads(configuration, plan)
    paces = _paces(configuration, work, connections)
    slowest = max(paces, key=lambda pace: pace.seconds)
    calls = sum(load.calls for load in work if load.level == 0)
    expected = _cost(work, prices, is_most=False)
    most = _cost(work, prices, is_most=True)
    used = {load.key[0] for load in work}
    return Estimate(
        calls=calls,
        merge_calls=sum(load.calls for load in work) - calls,
        input_tokens=sum(load.input_tokens for load in work),
        output_tokens_expected=sum(load.output_expected for load in work),
        output_tokens_most=sum(load.output_most for load in work),
        cost_expected_usd=expected,
        cost_most_usd=most,
        against_one_call=_against_one_call(work, prices),
        seconds=_in_levels(paces),
        one_by_one_seconds=sum(pace.calls * pace.call_s for pace in paces),
        warnings=(
            *_speed_warnings(configuration, slowest, calls),
            *_money_warnings(configuration, work, prices, expected, most),
        ),
        bound_by=slowest.bound_by,
        is_time_measured=all(connections.get(name, {}).get("seconds_a_call") for name in used),
    )


def refuse_blind_cap(configuration: Configuration, prices: Prices) -> None:
    """Raises `InvalidInput`: a cap on money cannot hold where a price is unknown, unless the
    calls are capped too."""
    limits = configuration.limits
    if limits.cost_usd is None or limits.calls is not None:
        return
    for connection, model in _keys(configuration):
        if prices.get((connection, model)) is None:
            raise InvalidInput(
                f"The price of {model} on {connection} is unknown, so a cap on money cannot be "
                "kept: cap the calls too (limits.calls), or enter the price with the provider.",
                "limits.cost_usd",
            )


def _keys(configuration: Configuration) -> list[Key]:
    """Every (connection, model) that the configuration can call."""
    call, join = configuration.call, configuration.join
    keys = [(call.connection, call.model)]
    if configuration.pattern == "voting" and configuration.votes.vary == "model":
        keys = [(voter.connection, voter.model) for voter in configuration.votes.models]
    if join.method == "merge":
        keys.append((join.connection or call.connection, join.model or call.model))
    return list(dict.fromkeys(keys))


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


def _against_one_call(work: Sequence[Load], prices: Prices) -> float:
    """By cost where it is known and not nothing, else by tokens."""
    branches = [load for load in work if load.level == 0]
    calls = sum(load.calls for load in branches)
    total, own = _cost(work, prices, is_most=False), _cost(branches, prices, is_most=False)
    if not total or not own:
        total, own = _tokens(work), _tokens(branches)
    return total / own * calls


def _tokens(work: Sequence[Load]) -> float:
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
    limits, calls = configuration.limits, sum(load.calls for load in work)
    if limits.calls is not None and limits.calls < calls:
        yield (
            f"The cap of {limits.calls:,} calls is below the {calls:,} this run needs: the others "
            "will be cancelled."
        )
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
