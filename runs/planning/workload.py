"""The calls of a plan in bulk: how many of a kind there are, on which model, with how many tokens.

Counts without rendering, so that a plan of a hundred thousand branches is weighed in a moment.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from runs.domain.plan import Plan
from runs.planning import rendering, tokens
from runs.planning.asking import Texts, loads_of, result_of
from runs.planning.callers import Key, asked
from runs.planning.loads import Load, expected_of
from runs.planning.shape import Configuration, Prompt
from runs.planning.variations import variations
from runs.planning.waves import least_votes


def loads(configuration: Configuration, plan: Plan) -> tuple[Load, ...]:
    """Every call of the plan, those that its joins will ask for included."""
    branches = tuple(_branches(configuration, plan))
    return (*branches, *_asked(configuration, plan, branches))


@dataclass(slots=True)
class _Sum:
    calls: int = 0
    calls_most: int = 0
    weight: int = 0
    weight_most: int = 0


def _branches(configuration: Configuration, plan: Plan) -> Iterator[Load]:
    sums: dict[Key, _Sum] = defaultdict(_Sum)
    for key, calls, calls_most, weight in _kinds(configuration, plan):
        one = sums[key]
        one.calls += calls
        one.calls_most += calls_most
        one.weight += calls * weight
        one.weight_most += calls_most * weight
    most = configuration.call.max_tokens
    for key, one in sums.items():
        yield Load(
            0,
            "branch",
            key,
            one.calls,
            one.calls_most,
            one.weight,
            expected_of(one.calls * most) if one.calls else 0,
            one.calls_most * most,
            one.weight_most,
        )


def _kinds(configuration: Configuration, plan: Plan) -> Iterator[tuple[Key, int, int, int]]:
    """(connection and model, calls to expect, calls at most, input tokens of one)"""
    own = (configuration.call.connection, configuration.call.model)
    if configuration.pattern == "voting":
        yield from _voters(configuration, plan, own)
    elif configuration.split.by == "prompts":
        for prompt in configuration.prompts:
            yield own, 1, 1, _weigher(prompt)(plan.items[0].fields)
    else:
        weight = _weigher(configuration.prompts[0])
        for item in plan.items:
            yield own, 1, 1, weight(item.fields)


def _voters(
    configuration: Configuration, plan: Plan, own: Key
) -> Iterator[tuple[Key, int, int, int]]:
    among = [
        ((varied.connection or own[0], varied.model or own[1]), _weigher(varied.prompt))
        for varied in variations(configuration)
    ]
    least = least_votes(configuration)
    for join in plan.joins:
        if not join.branches_are_children:
            continue
        fields = plan.items[join.item].fields
        for place, (key, weight) in enumerate(among):
            most = _turns(join.children, place, len(among))
            if most:
                yield key, _turns(least, place, len(among)), most, weight(fields)


def _turns(votes: int, place: int, among: int) -> int:
    """How often it is the turn of the variation at `place`."""
    return votes // among + (place < votes % among)


def _weigher(prompt: Prompt) -> Callable[[Mapping[str, str]], int]:
    """Gives the estimated input tokens of `prompt` filled with an item's fields."""
    names = rendering.VARIABLE.findall(prompt.text)
    fixed = len(rendering.VARIABLE.sub("", prompt.text)) + len(prompt.system)

    def weight(fields: Mapping[str, str]) -> int:
        return tokens.of_length(fixed + sum(len(fields[name]) for name in names))

    return weight


def _asked(configuration: Configuration, plan: Plan, branches: tuple[Load, ...]) -> Iterator[Load]:
    """What the joins over branches ask for, then what the join of their results does."""
    over_branches = [join for join in plan.joins if join.branches_are_children]
    calls = sum(load.calls_most for load in branches)
    texts = Texts(
        joins=len(over_branches),
        children=over_branches[0].children,
        expected=sum(load.output_expected for load in branches),
        most=sum(load.output_most for load in branches),
        asked=sum(load.input_most for load in branches) // max(calls, 1),
    )
    level = 1
    if caller := asked(configuration, configuration.join):
        for load in loads_of(configuration.join, caller.key, texts, level):
            level = load.level + 1
            yield load
    each = configuration.each if configuration.pattern == "voting" else None
    if each is not None and (caller := asked(configuration, each.join)):
        above = result_of(configuration.join, texts)
        yield from loads_of(each.join, caller.key, above, level)
