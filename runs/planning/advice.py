"""Settings that are allowed but do less than they seem to, told before the launch."""

from collections.abc import Iterator

from runs.domain.joins import Majority
from runs.domain.policies import OnFailure
from runs.planning import rendering
from runs.planning.shape import Configuration


def warnings(configuration: Configuration, children: int) -> tuple[str, ...]:
    """What a person should know of a run with that many branches."""
    return (
        *_same_question(configuration, children),
        *_unused(configuration),
        *_ties(configuration),
        *_all_needed(configuration, children),
    )


def _same_question(c: Configuration, children: int) -> Iterator[str]:
    """Branches that cannot differ: they would be paid for many times over."""
    texts = [prompt.text for prompt in c.prompts if prompt.role == "section"]
    reads_input = any(rendering.variables(text) for text in texts)
    if c.pattern == "sectioning" and c.split.by != "prompts" and not reads_input and children > 1:
        yield (
            f"The prompt names none of its input, so all {children:,} branches ask the same. "
            "Put {{ input }} where the input belongs."
        )
    if c.pattern == "voting" and children > 1 and _is_cold(c):
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
    count = {
        "none": 1,
        "temperature": len(votes.temperatures),
        "template": len(c.prompts),
        "model": len(votes.models),
    }[votes.vary]
    if count > votes.samples:
        yield (
            f"Of {count} variations only the first {votes.samples} are asked: there are only "
            f"{votes.samples} votes."
        )


def _ties(c: Configuration) -> Iterator[str]:
    """Only where two answers are all there are is an even number the reason for a tie."""
    if c.pattern != "voting" or not isinstance(c.join, Majority):
        return
    if len(c.join.reader.choices) == 2 and c.votes.samples % 2 == 0 and c.join.ties == "declare":
        yield f"{c.votes.samples} votes over two choices can tie; an odd number cannot."


def _all_needed(c: Configuration, children: int) -> Iterator[str]:
    if c.on_failure.policy is OnFailure.AT_LEAST and c.on_failure.least == children > 1:
        yield f"All {children:,} branches are needed: one that fails is enough to fail the run."
