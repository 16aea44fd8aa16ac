"""What a person should know of the money and the time of a plan before launching it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from runs.domain.policies import HEDGES_AFTER
from runs.domain.usage import Price
from runs.planning.callers import Key
from runs.planning.loads import Load
from runs.planning.pace import Connections, Pace
from runs.planning.shape import Configuration

MODELS_NAMED = 3
Costs = tuple[float | None, float | None, float | None]  # least, expected, most


def warnings(
    configuration: Configuration,
    work: Sequence[Load],
    prices: Mapping[Key, Price | None],
    slowest: Pace,
    costs: Costs,
    tokens_most: int,
    connections: Connections,
) -> tuple[str, ...]:
    """`connections` as `estimate` takes them."""
    branches = sum(load.calls_most for load in work if load.kind == "branch")
    return (
        *_of_speed(configuration, slowest, branches),
        *_of_calls(configuration.limits.calls, work),
        *_of_tokens(configuration.limits.tokens, work, tokens_most),
        *_of_prices(work, prices),
        *_of_money(configuration.limits.cost_usd, costs),
        *_of_hedges(configuration.limits.hedge, work),
        *_of_seeds(configuration.call.seed, work, connections),
        *_of_models(work, connections),
    )


def _of_speed(configuration: Configuration, pace: Pace, branches: int) -> Iterator[str]:
    wanted, worth = configuration.limits.in_flight, pace.slots_worth_having
    if branches == 1:
        yield "There is only one branch: a single call would do."
        return
    limits = {
        "calls_per_minute": (pace.calls_per_minute, "calls"),
        "tokens_per_minute": (pace.tokens_per_minute, "tokens"),
    }
    if pace.bound_by in limits:
        limit, of_what = limits[pace.bound_by]
        gains = f": more in flight than {worth:,} gains nothing" if worth < pace.calls else ""
        yield f"The provider's {limit:,} {of_what} a minute is what bounds this run{gains}."
    elif wanted and pace.slots_declared and wanted > pace.slots_declared:
        yield (
            f"The provider takes {pace.slots_declared:,} calls at once: more in flight than "
            f"{pace.slots_declared:,} gains nothing."
        )
    elif wanted and wanted > branches:
        yield f"There are {branches:,} branches: more in flight than {branches:,} gains nothing."


def _of_calls(cap: int | None, work: Sequence[Load]) -> Iterator[str]:
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


def _of_tokens(cap: int | None, work: Sequence[Load], most: int) -> Iterator[str]:
    expected = sum(load.input_tokens + load.output_expected for load in work)
    if cap is None:
        return
    if cap < expected:
        yield (
            f"The cap of {cap:,} tokens is below the {expected:,} to be expected: some branches "
            "will be cancelled."
        )
    elif cap < most:
        yield (
            f"Long answers or failed tries could reach the cap of {cap:,} tokens: some branches "
            "would then be cancelled."
        )


def _of_prices(work: Sequence[Load], prices: Mapping[Key, Price | None]) -> Iterator[str]:
    for connection, model in dict.fromkeys(load.key for load in work):
        if prices.get((connection, model)) is None:
            yield f"The price of {model} on {connection} is unknown: so is the cost of this run."


def _of_money(cap: float | None, costs: Costs) -> Iterator[str]:
    _, expected, most = costs
    if cap is None or expected is None or most is None:
        return
    if cap < expected:
        yield (
            f"The cap of ${cap:g} is below the expected cost of ${expected:.2g}: some "
            "branches will be cancelled."
        )
    elif cap < most:
        yield (
            f"Long answers or failed tries could reach the cap of ${cap:g}: some branches would "
            "then be cancelled."
        )


def _of_hedges(share: float | None, work: Sequence[Load]) -> Iterator[str]:
    """Merges and judgements on one connection and model are timed apart from its branches."""
    alike: Counter[object] = Counter()
    for load in work:
        alike[load.key, load.kind] += load.calls_most
    most = max(alike.values(), default=0)
    if share and most <= HEDGES_AFTER:
        yield (
            f"No second attempt will be made: which calls are slow is known once {HEDGES_AFTER} of "
            f"a kind have been answered, and this run makes {most:,} at most."
        )


def _of_seeds(seed: int | None, work: Sequence[Load], connections: Connections) -> Iterator[str]:
    if seed is None:
        return
    for name in dict.fromkeys(load.key[0] for load in work):
        if connections.get(name, {}).get("is_seedless"):
            yield (
                f"The seed is not sent to {name}: Anthropic's models know none, so the same run "
                "may give other answers."
            )


def _of_models(work: Sequence[Load], connections: Connections) -> Iterator[str]:
    """Never a refusal: providers know aliases and new models that no list names."""
    for name, model in dict.fromkeys(load.key for load in work):
        listed = connections.get(name, {}).get("models", ())
        if listed and model not in listed:
            yield (
                f"{model} is not among the models listed for {name}: its calls may be refused. "
                f"Listed: {some_of(listed)}."
            )


def some_of(models: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    named, others = ", ".join(models[:MODELS_NAMED]), len(models) - MODELS_NAMED
    return f"{named} and {others:,} more" if others > 0 else named
