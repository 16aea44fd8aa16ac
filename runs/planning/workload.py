"""The calls of a plan in bulk: how many of a kind there are, on which model, with how many tokens.

Counts without rendering, so that a plan of a hundred thousand branches is weighed in a moment.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from runs.domain.plan import Plan
from runs.planning import asks, rendering, tokens
from runs.planning.asking import Texts, loads_of, result_of
from runs.planning.callers import Key, asked
from runs.planning.history import History
from runs.planning.loads import FRAME_TOKENS, LEAST_SHARE, MOST_SHARE, Load
from runs.planning.shape import Configuration, Prompt
from runs.planning.variations import variations
from runs.planning.waves import least_votes


def loads(configuration: Configuration, plan: Plan, history: History) -> tuple[Load, ...]:
    """Every call of the plan, those that its joins will ask for included."""
    branches = tuple(_branches(configuration, plan, history))
    return (*branches, *_asked(configuration, plan, branches, history))


def prints(configuration: Configuration) -> frozenset[str]:
    """Of every kind of call that the configuration makes."""
    call, joins = configuration.call, [configuration.join]
    if configuration.pattern == "voting" and configuration.each is not None:
        joins.append(configuration.each.join)
    of_joins = (asks.of_join(join, kind) for join in joins for kind in ("merge", "judge"))
    of_prompts = (asks.of_prompt(call, prompt) for prompt in configuration.prompts)
    return frozenset(one for one in (*of_prompts, *of_joins) if one)


class _Weight(NamedTuple):
    """Input tokens of one call: as its characters tell, and as its bytes do."""

    told: int
    wide: int


@dataclass(slots=True)
class _Sum:
    calls: int = 0
    calls_most: int = 0
    told: int = 0
    told_most: int = 0
    wide_most: int = 0


_Kind = tuple[Key, str, int, int, _Weight]


def _branches(configuration: Configuration, plan: Plan, history: History) -> Iterator[Load]:
    sums: dict[tuple[Key, str], _Sum] = defaultdict(_Sum)
    for key, asking, calls, calls_most, weight in _kinds(configuration, plan):
        one = sums[key, asking]
        one.calls += calls
        one.calls_most += calls_most
        one.told += calls * weight.told
        one.told_most += calls_most * weight.told
        one.wide_most += calls_most * weight.wide
    rounds = _rounds(configuration)
    for (key, asking), one in sums.items():
        yield _branch_load(configuration.call.max_tokens, key, asking, one, rounds, history)


def _branch_load(
    longest: int, key: Key, asking: str, one: _Sum, rounds: int, history: History
) -> Load:
    answers = history.answers(asking, key)
    shares = history.shares(asking, key, one.told_most / one.calls_most)
    least, usual = (shares.least, shares.expected) if shares else (LEAST_SHARE, 1.0)
    most = one.wide_most * MOST_SHARE + one.calls_most * FRAME_TOKENS
    if shares:
        most = one.told_most * shares.most
    return Load(
        level=0,
        kind="branch",
        key=key,
        asks=asking,
        calls=one.calls,
        calls_most=one.calls_most,
        longest=longest,
        input_least=int(one.told * least),
        input_tokens=round(one.told * usual),
        input_most=round(most),
        output_least=int(one.calls * answers.least(longest)),
        output_expected=round(one.calls * answers.expected(longest)),
        output_most=one.calls_most * longest,
        rounds=rounds,
        told_tokens=one.told,
    )


def _rounds(configuration: Configuration) -> int:
    """Waves of votes at most: after the first, each may be of a single vote."""
    if configuration.pattern != "voting":
        return 1
    return configuration.votes.samples - least_votes(configuration) + 1


def _kinds(configuration: Configuration, plan: Plan) -> Iterator[_Kind]:
    """(connection and model, print, calls to expect, calls at most, input tokens of one)"""
    own, call = (configuration.call.connection, configuration.call.model), configuration.call
    if configuration.pattern == "voting":
        yield from _voters(configuration, plan, own)
    elif configuration.split.by == "prompts":
        for prompt in configuration.prompts:
            weight = _weigher(prompt)(plan.items[0].fields)
            yield own, asks.of_prompt(call, prompt), 1, 1, weight
    else:
        prompt = configuration.prompts[0]
        weigh, asking = _weigher(prompt), asks.of_prompt(call, prompt)
        for item in plan.items:
            yield own, asking, 1, 1, weigh(item.fields)


def _voters(configuration: Configuration, plan: Plan, own: Key) -> Iterator[_Kind]:
    among = [
        (
            (varied.connection or own[0], varied.model or own[1]),
            asks.of_prompt(configuration.call, varied.prompt),
            _weigher(varied.prompt),
        )
        for varied in variations(configuration)
    ]
    least = least_votes(configuration)
    for join in plan.joins:
        if not join.branches_are_children:
            continue
        fields = plan.items[join.item].fields
        for place, (key, asking, weigh) in enumerate(among):
            most = _turns(join.children, place, len(among))
            if most:
                yield key, asking, _turns(least, place, len(among)), most, weigh(fields)


def _turns(votes: int, place: int, among: int) -> int:
    """How often it is the turn of the variation at `place`."""
    return votes // among + (place < votes % among)


def _weigher(prompt: Prompt) -> Callable[[Mapping[str, str]], _Weight]:
    """Gives the estimated input tokens of `prompt` filled with an item's fields."""
    names = rendering.VARIABLE.findall(prompt.text)
    own = rendering.VARIABLE.sub("", prompt.text) + prompt.system
    fixed, fixed_bytes = len(own), len(own.encode(errors="replace"))

    def weight(fields: Mapping[str, str]) -> _Weight:
        texts = [fields[name] for name in names]
        told = tokens.of_length(fixed + sum(map(len, texts)))
        if fixed == fixed_bytes and all(map(str.isascii, texts)):
            return _Weight(told, told)
        wide = sum(len(text.encode(errors="replace")) for text in texts)
        return _Weight(told, tokens.of_length(fixed_bytes + wide))

    return weight


def _asked(
    configuration: Configuration, plan: Plan, branches: tuple[Load, ...], history: History
) -> Iterator[Load]:
    """What the joins over branches ask for, then what the join of their results does."""
    over_branches = [join for join in plan.joins if join.branches_are_children]
    calls = sum(load.calls_most for load in branches)
    texts = Texts(
        joins=len(over_branches),
        children=over_branches[0].children,
        least=sum(load.output_least for load in branches),
        expected=sum(load.output_expected for load in branches),
        most=sum(load.output_most for load in branches),
        asked=sum(load.input_most for load in branches) // max(calls, 1),
    )
    level = 1
    if caller := asked(configuration, configuration.join):
        for load in loads_of(configuration.join, caller.key, texts, level, history):
            level = load.level + 1
            yield load
    each = configuration.each if configuration.pattern == "voting" else None
    if each is not None and (caller := asked(configuration, each.join)):
        above = result_of(configuration.join, texts)
        yield from loads_of(each.join, caller.key, above, level, history)
