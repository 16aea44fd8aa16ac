"""Settings that are allowed but do less than they seem to, told before the launch."""

from collections.abc import Iterator

from runs.domain.joins import Majority
from runs.domain.policies import OnFailure
from runs.planning import pieces, rendering
from runs.planning.shape import Configuration
from runs.planning.variations import voters
from runs.planning.waves import least_votes

_VARIED = {"temperature": "temperature", "template": "prompt", "model": "model", "none": ""}


def warnings(configuration: Configuration, children: int) -> tuple[str, ...]:
    """What a person should know of a run with that many branches."""
    return (
        *_same_question(configuration, children),
        *_unused(configuration),
        *_early_stop(configuration),
        *_weights(configuration),
        *_ties(configuration),
        *_all_needed(configuration, children),
    )


def _same_question(c: Configuration, children: int) -> Iterator[str]:
    """Branches that cannot differ: they would be paid for many times over."""
    texts = [prompt.text for prompt in c.prompts if prompt.role == "section"]
    reads_input = any(rendering.variables(text) for text in texts)
    is_split = c.pattern == "sectioning" and pieces.of(c) is not None
    if is_split and not reads_input and children > 1:
        yield (
            f"The prompt names none of its input, so all {children:,} branches ask the same. "
            "Put {{ input }} where the input belongs."
        )
    if c.each is not None and not reads_input:
        yield (
            "The prompt names none of its input, so every piece is asked the same. "
            "Put {{ input }} where the piece belongs."
        )
    if c.pattern == "voting" and c.votes.samples > 1 and _is_cold(c):
        yield (
            "At temperature 0 the votes will be nearly the same. Raise the temperature, or vary "
            "the prompt or the model."
        )


def _is_cold(c: Configuration) -> bool:
    if c.votes.vary == "temperature":
        return not any(c.votes.temperatures)
    return c.votes.vary == "none" and c.call.temperature == 0


def _unused(c: Configuration) -> Iterator[str]:
    if c.pattern != "voting":
        return
    votes = c.votes
    if votes.temperatures and votes.vary != "temperature":
        yield f"The listed temperatures are not used: votes.vary is {votes.vary}."
    if votes.models and votes.vary != "model":
        yield f"The listed models are not used: votes.vary is {votes.vary}."
    count = _variations(c)
    if count > votes.samples:
        yield (
            f"Of {count} variations only the first {votes.samples} are asked: there are only "
            f"{votes.samples} votes."
        )


def _variations(c: Configuration) -> int:
    return {
        "none": 1,
        "temperature": len(c.votes.temperatures),
        "template": len(c.prompts),
        "model": len(c.votes.models),
    }[c.votes.vary]


def _early_stop(c: Configuration) -> Iterator[str]:
    """Only what a rule of stopping takes for granted, or cannot use."""
    votes = c.votes
    if c.pattern != "voting":
        return
    if votes.stop == "all":
        if votes.wave_least > 1 or votes.wave_most is not None:
            yield "The bounds of a wave are not used: votes.stop is all, so all are asked at once."
        return
    if votes.stop in {"confident", "strict"} and _variations(c) > 1:
        yield (
            f"How sure the leader is supposes votes that are alike; here the {_VARIED[votes.vary]} "
            "varies, so take it as rough, or stop only when decided."
        )
    if least_votes(c) >= votes.samples:
        yield f"With {votes.samples:,} votes at most, stopping early can spare none."


def _weights(c: Configuration) -> Iterator[str]:
    """Weights that no voter has."""
    if c.pattern != "voting" or not isinstance(c.join, Majority) or not c.join.weights:
        return
    named = voters(c)
    numbers = {str(number) for number in range(1, c.votes.samples + 1)}
    for name in c.join.weights:
        if name not in named and name not in numbers:
            yield f"The weight of “{name}” is not used: the voters are {', '.join(named)}."


def _ties(c: Configuration) -> Iterator[str]:
    """Only where two answers are all there are is an even number the reason for a tie."""
    if c.pattern != "voting" or not isinstance(c.join, Majority):
        return
    if len(c.join.reader.choices) == 2 and c.votes.samples % 2 == 0 and c.join.ties == "declare":
        yield f"{c.votes.samples} votes over two choices can tie; an odd number cannot."


def _all_needed(c: Configuration, children: int) -> Iterator[str]:
    if c.on_failure.policy is OnFailure.AT_LEAST and c.on_failure.least == children > 1:
        yield f"All {children:,} branches are needed: one that fails is enough to fail the run."
