"""How long the calls of a plan take: a least, an expected and a most time, and what bounds it.

Measured are seconds a call under load, from earlier runs. Where nothing was, a call is assumed to
take a second and then fifty tokens a second; on a model of this machine, whose slots share its
cores, what reading and writing the tokens takes, whatever the number of slots.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any, Literal, NamedTuple

from runs.domain.policies import HEDGES_AFTER, RetryPolicy
from runs.planning.history import History, Source
from runs.planning.loads import Load
from runs.planning.shape import Configuration

FIRST_TOKEN_S, FIRST_TOKEN_SLOW_S = 1.0, 5.0
TOKENS_A_SECOND, TOKENS_A_SECOND_SLOW, TOKENS_A_SECOND_QUICK = 50.0, 20.0, 1000.0
# Of a model on this machine: tokens a second over all its slots. Slow, expected, quick.
READ_A_SECOND = (60.0, 300.0, 3000.0)
WRITTEN_A_SECOND = (8.0, 40.0, 400.0)
LOADING_S = 20.0
MARGIN = 0.5  # around what one run showed: it shrinks with more of them
# Cores that have other work too are two or three times slower or quicker from run to run.
SHARED_MARGIN_QUICK, SHARED_MARGIN_SLOW = 3.0, 2.0
BORROWED_MARGIN = 2.0
LIKE_LOADS = (0.67, 1.5)  # calls at once within which a measured second is one
RATE_MARGIN = 1.1
OWN_S, OWN_A_CALL_S = 2.0, 0.005  # parweb's own work at most
RETRY_SHARE, RETRY_BURST = 0.1, 5  # the most that the engine's retry bucket lets through

Bound = Literal["calls_per_minute", "tokens_per_minute", "in_flight", "one_call"]
Connection = Mapping[str, Any]
Connections = Mapping[str, Connection]


class Seconds(NamedTuple):
    quick: float
    expected: float
    slow: float

    def times(self, quick: float, expected: float, slow: float) -> "Seconds":
        return Seconds(self.quick * quick, self.expected * expected, self.slow * slow)


@dataclass(frozen=True, slots=True)
class CallTime:
    """Of one call under load; `alone_s`: with none beside it. `even_s` is what nearly all take,
    `tail_s` what the slowest of ten does; both are as expected where that is not known."""

    seconds: Seconds
    alone_s: float
    source: Source
    even_s: float
    tail_s: float


@dataclass(frozen=True, slots=True)
class Pace:
    """The calls of one level on one connection, and how fast they can go. `call_s` on average;
    `longest_call_s` that of the slowest kind."""

    level: int
    connection: str
    calls: int
    calls_most: int
    rounds: int
    tokens: tuple[int, int, int]
    call_s: Seconds
    longest_call_s: Seconds
    even_s: float
    tail_s: float
    alone_s: float
    slots: int
    slots_declared: int | None
    calls_per_minute: int | None
    tokens_per_minute: int | None
    tries: int

    @property
    def by_slots_s(self) -> float:
        """Slots are never idle until the last calls, of which the slowest is waited for; calls that
        all take the same go in waves."""
        last, mean = min(self.calls, self.slots), self.longest_call_s.expected
        waited = mean + max(self.tail_s - mean, 0.0) * (1 - 1 / last)
        before = (self.calls - last) / self.slots * self.call_s.expected
        return max(ceil(self.calls / self.slots) * self.even_s, before + waited)

    @property
    def by_calls_s(self) -> float:
        return self._by_rate(self.calls - 1, self.calls_per_minute)

    @property
    def by_tokens_s(self) -> float:
        before_last = self.tokens[1] * (self.calls - 1) / self.calls
        return self._by_rate(before_last, self.tokens_per_minute)

    def _by_rate(self, before_last: float, a_minute: int | None) -> float:
        return before_last * 60 / a_minute + self.call_s.expected if a_minute else 0.0

    @property
    def seconds(self) -> float:
        """0 where none of the calls is to be expected."""
        return max(self.by_slots_s, self.by_calls_s, self.by_tokens_s) if self.calls else 0.0

    @property
    def least_s(self) -> float:
        """No call waits longer than it must, and each is as quick as any was."""
        if not self.calls:
            return 0.0
        rates = (
            (self.calls - 1, self.calls_per_minute),
            (self.tokens[0] * (self.calls - 1) / self.calls, self.tokens_per_minute),
        )
        by_rate = max(amount * 60 / limit if limit else 0.0 for amount, limit in rates)
        by_slots = self.calls / self.slots * self.call_s.quick
        return max(by_slots, by_rate / RATE_MARGIN, self.longest_call_s.quick)

    @property
    def most_s(self) -> float:
        """All votes, a tenth of them tried again, slowly; and the last one as slow as any was."""
        again = 1 + RETRY_SHARE if self.tries > 1 else 1.0
        calls, tokens = self.calls_most * again, self.tokens[2] * again
        waves = max(calls / self.slots, self.rounds)
        a_call = (self.call_s.expected + self.call_s.slow) / 2
        rates = ((calls, self.calls_per_minute), (tokens, self.tokens_per_minute))
        by_rate = max(amount * 60 / limit if limit else 0.0 for amount, limit in rates)
        backoff = RetryPolicy().base_s * 2 ** (self.tries - 1) if self.tries > 1 else 0.0
        last = self.longest_call_s.slow + backoff
        return max(waves * a_call, by_rate * RATE_MARGIN) + last

    @property
    def bound_by(self) -> Bound:
        longest = self.seconds
        if self.calls > 1 and longest > self.by_slots_s:
            return "calls_per_minute" if longest == self.by_calls_s else "tokens_per_minute"
        return "in_flight" if self.calls > self.slots else "one_call"

    @property
    def slots_worth_having(self) -> int:
        """More in flight than this only wait for the rate."""
        a_minute = self.calls_per_minute or 0
        if self.bound_by == "tokens_per_minute":
            a_minute = (self.tokens_per_minute or 0) * self.calls // max(self.tokens[1], 1)
        return max(1, min(self.calls, ceil(a_minute / 60 * self.call_s.expected)))


def retries(calls: int, tries: int) -> int:
    """How often calls are tried again at most, over so many: see the engine's retry bucket."""
    return min((tries - 1) * calls, ceil(calls * RETRY_SHARE) + RETRY_BURST)


def hedges(calls: int, share: float | None) -> int:
    """How many second calls are sent at most beside slow ones, of so many."""
    return int(calls * share) + 1 if share and calls > HEDGES_AFTER else 0


def paces(
    configuration: Configuration,
    work: Sequence[Load],
    connections: Connections,
    times: Mapping[Load, CallTime],
) -> list[Pace]:
    together: dict[tuple[int, str], list[Load]] = defaultdict(list)
    for load in work:
        if load.calls_most:
            together[load.level, load.key[0]].append(load)
    return [
        _pace(configuration, level, name, alike, connections.get(name, {}), times)
        for (level, name), alike in together.items()
    ]


def _pace(
    configuration: Configuration,
    level: int,
    name: str,
    alike: list[Load],
    connection: Connection,
    times: Mapping[Load, CallTime],
) -> Pace:
    calls = sum(load.calls for load in alike)
    calls_most = sum(load.calls_most for load in alike)
    found = [
        (times[load], load.calls / calls if calls else load.calls_most / calls_most)
        for load in alike
    ]
    return Pace(
        level=level,
        connection=name,
        calls=calls,
        calls_most=calls_most,
        rounds=max(load.rounds for load in alike),
        tokens=(
            sum(load.input_least + load.output_least for load in alike),
            sum(load.input_tokens + load.output_expected for load in alike),
            sum(load.input_most + load.output_most for load in alike),
        ),
        call_s=Seconds(*(sum(t.seconds[n] * share for t, share in found) for n in range(3))),
        longest_call_s=Seconds(*(max(t.seconds[n] for t, _ in found) for n in range(3))),
        even_s=sum(time.even_s * share for time, share in found),
        tail_s=max(time.tail_s for time, _ in found),
        alone_s=sum(time.alone_s * share for time, share in found),
        slots=slots_of(configuration, calls or calls_most, connection),
        slots_declared=connection.get("in_flight"),
        calls_per_minute=connection.get("calls_per_minute"),
        tokens_per_minute=connection.get("tokens_per_minute"),
        tries=configuration.limits.tries,
    )


def slots_of(configuration: Configuration, calls: int, connection: Connection) -> int:
    """Calls in flight at once, as far as it is declared."""
    declared = (connection.get("in_flight"), configuration.limits.in_flight)
    return max(1, min([calls, *(slots for slots in declared if slots)]))


def call_times(
    configuration: Configuration, work: Sequence[Load], connections: Connections, history: History
) -> dict[Load, CallTime]:
    beside: dict[tuple[int, str], int] = defaultdict(int)
    for load in work:
        beside[load.level, load.key[0]] += load.calls or load.calls_most
    found = {}
    for load in work:
        connection = connections.get(load.key[0], {})
        slots = slots_of(configuration, beside[load.level, load.key[0]], connection)
        time = _call_time(load, slots, bool(connection.get("is_shared")), history)
        longest = configuration.limits.deadline_s
        capped = Seconds(*(min(seconds, longest) for seconds in time.seconds))
        found[load] = CallTime(
            capped,
            min(time.alone_s, longest),
            time.source,
            min(time.even_s, longest),
            min(time.tail_s, longest),
        )
    return found


def _call_time(load: Load, slots: int, is_shared: bool, history: History) -> CallTime:
    speed = history.speed(load.asks, load.key)
    if speed is None:
        return _assumed_on_this_machine(load, slots) if is_shared else _assumed(load)
    seconds = Seconds(speed.quick, speed.expected, speed.slow)
    even, tail = speed.quick, speed.slow
    quicker = slower = 1 + MARGIN / sqrt(speed.runs)
    if is_shared:
        quicker, slower = SHARED_MARGIN_QUICK, SHARED_MARGIN_SLOW
    if speed.source == "borrowed":
        written = (load.output_least_a_call, load.output_a_call, load.longest)
        seconds = Seconds(*(seconds[n] + written[n] * speed.token_s for n in range(3)))
        even = tail = seconds.expected
        quicker, slower = quicker * BORROWED_MARGIN, slower * BORROWED_MARGIN
    factor = slots / speed.at_once if speed.at_once else 1.0
    if not LIKE_LOADS[0] <= factor <= LIKE_LOADS[1]:  # timed with many fewer or more beside it
        scale = factor if is_shared else 1.0
        seconds = seconds.times(min(scale, 1.0), scale, max(factor, 1.0))
        even, tail = even * scale, tail * scale
    ranged = seconds.times(1 / quicker, 1, slower)
    return CallTime(ranged, seconds.expected, speed.source, even, tail)


def _assumed(load: Load) -> CallTime:
    expected = FIRST_TOKEN_S + load.output_a_call / TOKENS_A_SECOND
    quick = load.output_least_a_call / TOKENS_A_SECOND_QUICK
    slow = FIRST_TOKEN_SLOW_S + load.longest / TOKENS_A_SECOND_SLOW
    return CallTime(Seconds(quick, expected, slow), expected, "assumed", expected, expected)


def _assumed_on_this_machine(load: Load, slots: int) -> CallTime:
    """Each call takes its share of the cores: side by side they take as long as one by one."""
    read = (load.input_most_a_call, load.input_a_call, load.input_least_a_call)
    written = (load.longest, load.output_a_call, load.output_least_a_call)
    slow, alone, quick = (
        read[n] / READ_A_SECOND[n] + written[n] / WRITTEN_A_SECOND[n] for n in range(3)
    )
    loading = LOADING_S if load.level == 0 else 0.0
    seconds = Seconds(quick * slots, alone * slots, slow * slots + loading)
    return CallTime(seconds, alone, "assumed", alone * slots, alone * slots)


def in_levels(paces_found: Sequence[Pace]) -> Seconds:
    """Levels follow one another; connections work side by side."""
    longest: dict[int, Seconds] = defaultdict(lambda: Seconds(0.0, 0.0, 0.0))
    for pace in paces_found:
        so_far = longest[pace.level]
        own = (pace.least_s, pace.seconds, pace.most_s)
        longest[pace.level] = Seconds(*map(max, so_far, own))
    calls = sum(pace.calls_most for pace in paces_found)
    total = Seconds(*(sum(level[n] for level in longest.values()) for n in range(3)))
    return total._replace(slow=total.slow + OWN_S + OWN_A_CALL_S * calls)
