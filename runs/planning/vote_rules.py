"""Rules of votes: when they may stop early, in which waves, and of votes on each piece."""

from collections.abc import Iterator

from runs.domain.errors import InvalidInput
from runs.domain.joins import Majority, Union
from runs.planning.shape import Configuration

EQUAL_VOTES = {"confident", "strict"}  # rules that take every vote as worth the same


def errors(c: Configuration) -> Iterator[InvalidInput]:
    """All that does not fit together."""
    if c.pattern != "voting":
        if c.each is not None:
            yield InvalidInput("is for pattern voting; sections are split by split.by", "each")
        return
    yield from _stop(c)
    yield from _waves(c)
    yield from _support(c)
    if c.each is not None and c.each.join.method == "gate":
        yield InvalidInput(
            "must be another method: a gate has guards, and the results of votes have none",
            "each.join.method",
        )


def _stop(c: Configuration) -> Iterator[InvalidInput]:
    stop = c.votes.stop
    if stop == "all":
        return
    if not isinstance(c.join, Majority):
        yield InvalidInput(
            f"must be all with join method {c.join.method}: only a majority can be settled early",
            "votes.stop",
        )
    elif c.join.weights and stop in EQUAL_VOTES:
        yield InvalidInput(
            f"must be all or decided with weights: {stop} takes every vote as worth the same",
            "votes.stop",
        )


def _waves(c: Configuration) -> Iterator[InvalidInput]:
    votes = c.votes
    if votes.wave_least > votes.samples:
        yield InvalidInput(
            f"must be at most the {votes.samples:,} votes there are", "votes.wave_least"
        )
    if votes.wave_most is None:
        return
    if votes.wave_most < votes.wave_least:
        yield InvalidInput(
            f"must be at least votes.wave_least, which is {votes.wave_least:,}", "votes.wave_most"
        )
    if votes.wave_most > votes.samples:
        yield InvalidInput(
            f"must be at most the {votes.samples:,} votes there are", "votes.wave_most"
        )


def _support(c: Configuration) -> Iterator[InvalidInput]:
    least = c.join.least_support if isinstance(c.join, Union) else 1
    if isinstance(least, int) and least > c.votes.samples:
        yield InvalidInput(
            f"must be at most {c.votes.samples:,}, the answers there are, or majority or all",
            "join.least_support",
        )
