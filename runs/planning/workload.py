"""The calls of a plan in bulk: how many of a kind there are, on which model, with how many tokens.

Counts without rendering, so that a plan of a hundred thousand branches is weighed in a moment.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from runs.domain.joins import Merge
from runs.domain.plan import Plan
from runs.planning import rendering, tokens
from runs.planning.shape import Configuration, Prompt
from runs.planning.variations import variations

EXPECTED_SHARE = 0.5  # of the longest answer: an assumption, and shown as one

Key = tuple[str, str]  # connection, model


@dataclass(frozen=True, slots=True)
class Load:
    """Calls alike. `level` 0 are the branches, from 1 the merges; levels follow one another.
    Tokens are estimates and sums over all the calls."""

    level: int
    key: Key
    calls: int
    input_tokens: int
    output_expected: int
    output_most: int
    input_most: int  # when every answer read is as long as allowed

    @property
    def output_a_call(self) -> float:
        return self.output_expected / self.calls


def loads(configuration: Configuration, plan: Plan) -> tuple[Load, ...]:
    """Every call of the plan, those that its join will ask for included."""
    branches = tuple(_branches(configuration, plan))
    return (*branches, *_merges(configuration, branches))


def merge_levels(children: int, parts: int) -> tuple[int, ...]:
    """Merge calls of each level. A group of one goes up without a call."""
    levels = []
    while children > 1:
        levels.append(children // parts + (children % parts > 1))
        children = -(-children // parts)
    return tuple(levels)


def _branches(configuration: Configuration, plan: Plan) -> Iterator[Load]:
    calls: dict[Key, int] = defaultdict(int)
    weights: dict[Key, int] = defaultdict(int)
    for key, count, weight in _kinds(configuration, plan):
        calls[key] += count
        weights[key] += weight
    most = configuration.call.max_tokens
    for key, count in calls.items():
        expected = _expected(count * most)
        yield Load(0, key, count, weights[key], expected, count * most, weights[key])


def _kinds(configuration: Configuration, plan: Plan) -> Iterator[tuple[Key, int, int]]:
    """(connection and model, calls, input tokens of all of them)"""
    own = (configuration.call.connection, configuration.call.model)
    if configuration.pattern == "voting":
        yield from _voters(configuration, plan, own)
    elif configuration.split.by == "prompts":
        for prompt in configuration.prompts:
            yield own, 1, _weigher(prompt)(plan.items[0].fields)
    else:
        weight = _weigher(configuration.prompts[0])
        yield own, len(plan.items), sum(weight(item.fields) for item in plan.items)


def _voters(configuration: Configuration, plan: Plan, own: Key) -> Iterator[tuple[Key, int, int]]:
    among = variations(configuration)
    for join in plan.joins:
        if not join.branches_are_children:
            continue
        fields = plan.items[join.item].fields
        each, rest = divmod(join.children, len(among))
        for place, varied in enumerate(among):
            count = each + (place < rest)
            key = (varied.connection or own[0], varied.model or own[1])
            if count:
                yield key, count, count * _weigher(varied.prompt)(fields)


def _weigher(prompt: Prompt) -> Callable[[Mapping[str, str]], int]:
    """Gives the estimated input tokens of `prompt` filled with an item's fields."""
    names = rendering.VARIABLE.findall(prompt.text)
    fixed = len(rendering.VARIABLE.sub("", prompt.text)) + len(prompt.system)

    def weight(fields: Mapping[str, str]) -> int:
        return tokens.of_length(fixed + sum(len(fields[name]) for name in names))

    return weight


def _merges(configuration: Configuration, branches: tuple[Load, ...]) -> Iterator[Load]:
    join = configuration.join
    if not isinstance(join, Merge):
        return
    key = (
        join.connection or configuration.call.connection,
        join.model or configuration.call.model,
    )
    read_expected = sum(load.output_expected for load in branches)
    read_most = sum(load.output_most for load in branches)
    asking = tokens.estimate(join.prompt)
    children = sum(load.calls for load in branches)
    for level, calls in enumerate(merge_levels(children, join.parts), 1):
        most = calls * join.max_tokens
        expected = _expected(most)
        yield Load(
            level,
            key,
            calls,
            read_expected + calls * asking,
            expected,
            most,
            read_most + calls * asking,
        )
        read_expected, read_most = expected, most


def _expected(most: int) -> int:
    return max(1, round(most * EXPECTED_SHARE))
