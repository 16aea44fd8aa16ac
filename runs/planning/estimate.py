"""What a plan will cost and take, before a call is made. Estimates with a range, and named as such.

How long answers are and how fast they come is learned from earlier runs (`planning.history`); what
is not known is assumed, and said to be. Of votes that may stop early only those are expected that
are asked for when all agree. The most counts every call with its longest answer, and tries that
fail (`planning.pace.retries`).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runs.domain.errors import InvalidInput
from runs.domain.plan import Plan
from runs.domain.usage import Price
from runs.planning import cautions, pace
from runs.planning.callers import Key, callers
from runs.planning.history import History, Source
from runs.planning.loads import Load, LoadKind
from runs.planning.pace import Bound, CallTime, Connections
from runs.planning.shape import Configuration
from runs.planning.workload import loads

Prices = Mapping[Key, Price | None]


@dataclass(frozen=True, slots=True)
class Part:
    """Calls alike: what is told of one of them, and from where it is known. `answers` and `speed`
    say so of the output tokens and of the seconds; `runs` and `past_calls` are those they are
    learned from, `borrowed_from` the model whose they are. `told_tokens`: input by length alone."""

    kind: LoadKind
    asks: str
    connection: str
    model: str
    calls: int
    told_tokens: float
    output_tokens: float
    seconds: float
    answers: Source
    speed: Source
    runs: int
    past_calls: int
    borrowed_from: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """`calls` are the branches at most, `merge_calls` and `judge_calls` (verdicts and checks) those
    the joins will ask for at most; `calls_least` and `judge_calls_least` what comes of them when
    votes agree. `retries_most`: tries beyond the first in ordinary times, and hedges. Money in US
    dollars, None where a price is unknown. `against_one_call`: times the cost of one branch,
    `against_one_call_most` with every call made. Figures without `least` or `most` are those to be
    expected, of the least calls. `bound_by`: what decides the time. `is_time_measured`: from
    earlier calls, not from the assumption."""

    calls: int
    calls_least: int
    merge_calls: int
    judge_calls: int
    judge_calls_least: int
    retries_most: int
    input_tokens_least: int
    input_tokens: int
    input_tokens_most: int
    output_tokens_least: int
    output_tokens_expected: int
    output_tokens_most: int
    cost_least_usd: float | None
    cost_expected_usd: float | None
    cost_most_usd: float | None
    against_one_call: float
    against_one_call_most: float
    seconds_least: float
    seconds: float
    seconds_most: float
    one_by_one_seconds: float
    bound_by: Bound
    is_time_measured: bool
    warnings: tuple[str, ...]
    parts: tuple[Part, ...]

    @property
    def total_calls(self) -> int:
        """All calls, at most."""
        return self.calls + self.merge_calls + self.judge_calls

    @property
    def total_least(self) -> int:
        return self.calls_least + self.merge_calls + self.judge_calls_least


def estimate(
    configuration: Configuration,
    plan: Plan,
    prices: Prices,
    connections: Connections,
    history: History | None = None,
) -> Estimate:
    """`connections`: by name, `in_flight`, `calls_per_minute` and `tokens_per_minute` (absent or
    None: no limit known); `is_shared` of a model whose slots share this machine's cores,
    `is_seedless` of one that knows no seed, and the `models` it lists (none: unknown)."""
    history = history or History()
    work = loads(configuration, plan, history)
    times = pace.call_times(configuration, work, connections, history)
    paces = pace.paces(configuration, work, connections, times)
    slowest = max(paces, key=lambda one: one.seconds)
    seconds = pace.in_levels(paces)
    again = _retried(configuration, work)
    costs = _costs(work, again, prices)
    tokens_most = _tokens_most(work, again)
    return Estimate(
        calls=_count(work, "branch", is_most=True),
        calls_least=_count(work, "branch", is_most=False),
        merge_calls=_count(work, "merge", is_most=True),
        judge_calls=_count(work, "judge", is_most=True),
        judge_calls_least=_count(work, "judge", is_most=False),
        retries_most=sum(again.values()),
        input_tokens_least=sum(load.input_least for load in work),
        input_tokens=sum(load.input_tokens for load in work),
        input_tokens_most=tokens_most[0],
        output_tokens_least=sum(load.output_least for load in work),
        output_tokens_expected=sum(load.output_expected for load in work),
        output_tokens_most=tokens_most[1],
        cost_least_usd=costs[0],
        cost_expected_usd=costs[1],
        cost_most_usd=costs[2],
        against_one_call=_against_one_call(work, prices, is_most=False),
        against_one_call_most=_against_one_call(work, prices, is_most=True),
        seconds_least=seconds.quick,
        seconds=seconds.expected,
        seconds_most=seconds.slow,
        one_by_one_seconds=sum(one.calls * one.alone_s for one in paces),
        bound_by=slowest.bound_by,
        is_time_measured=all(times[load].source != "assumed" for load in work if load.calls),
        warnings=cautions.warnings(
            configuration,
            work,
            prices,
            slowest,
            costs,
            sum(tokens_most),
            connections,
        ),
        parts=_parts(work, times, history),
    )


def _parts(
    work: Sequence[Load], times: Mapping[Load, CallTime], history: History
) -> tuple[Part, ...]:
    parts = []
    for load in work:
        answers = history.answers(load.asks, load.key)
        part = Part(
            kind=load.kind,
            asks=load.asks,
            connection=load.key[0],
            model=load.key[1],
            calls=load.calls,
            told_tokens=load.told_a_call,
            output_tokens=answers.expected(load.longest),
            seconds=times[load].seconds.expected,
            answers=answers.source,
            speed=times[load].source,
            runs=answers.runs,
            past_calls=answers.calls,
            borrowed_from=answers.model if answers.source == "borrowed" else "",
        )
        parts.append(part)
    return tuple(parts)


def _count(work: Sequence[Load], kind: LoadKind, *, is_most: bool) -> int:
    return sum(load.calls_most if is_most else load.calls for load in work if load.kind == kind)


def _retried(configuration: Configuration, work: Sequence[Load]) -> dict[Load, int]:
    """Tries beyond the first and hedges at most, taken for the dearest calls of each model: one
    bucket lets the tries through for all of them."""
    limits = configuration.limits
    by_key: dict[Key, list[Load]] = defaultdict(list)
    for load in work:
        if load.calls_most:
            by_key[load.key].append(load)
    found = {}
    for alike in by_key.values():
        dearest = max(alike, key=lambda load: (load.longest, load.input_most_a_call))
        calls = sum(load.calls_most for load in alike)
        found[dearest] = pace.retries(calls, limits.tries) + pace.hedges(calls, limits.hedge)
    return found


def _costs(
    work: Sequence[Load], again: Mapping[Load, int], prices: Prices
) -> tuple[float | None, float | None, float | None]:
    """Least, expected and most; all None where a price is unknown."""
    least = expected = most = 0.0
    for load in work:
        price = prices.get(load.key)
        if price is None:
            return None, None, None
        least += price.cost(load.input_least, load.output_least)
        expected += price.cost(load.input_tokens, load.output_expected)
        most += price.cost(load.input_most, load.output_most)
        most += again.get(load, 0) * price.cost(load.input_most_a_call, load.longest)
    return least, expected, most


def _tokens_most(work: Sequence[Load], again: Mapping[Load, int]) -> tuple[int, int]:
    """Read and written."""
    return (
        sum(load.input_most + again.get(load, 0) * load.input_most_a_call for load in work),
        sum(load.output_most + again.get(load, 0) * load.longest for load in work),
    )


def _against_one_call(work: Sequence[Load], prices: Prices, *, is_most: bool) -> float:
    """By cost where it is known and not nothing, else by tokens; without tries that fail."""
    branches = [load for load in work if load.kind == "branch"]
    which = 2 if is_most else 1
    total, own = _costs(work, {}, prices)[which], _costs(branches, {}, prices)[which]
    if not total or not own:
        total, own = _tokens(work, is_most=is_most), _tokens(branches, is_most=is_most)
    return total / own * _count(work, "branch", is_most=is_most)


def _tokens(work: Sequence[Load], *, is_most: bool) -> float:
    if is_most:
        return float(sum(load.input_most + load.output_most for load in work))
    return float(sum(load.input_tokens + load.output_expected for load in work))


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
