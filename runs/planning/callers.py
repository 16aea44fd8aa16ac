"""Which models a configuration's calls go to: its branches, and what its joins ask."""

from collections.abc import Iterator
from dataclasses import dataclass

from runs.domain.joins import JoinSettings, Judge, JudgeCall, Majority, Merge
from runs.planning.shape import Configuration

Key = tuple[str, str]  # connection, model


@dataclass(frozen=True, slots=True)
class Caller:
    """A connection and model that calls will use, and the field that says so."""

    field: str
    connection: str
    model: str

    @property
    def key(self) -> Key:
        return self.connection, self.model


def callers(configuration: Configuration) -> Iterator[Caller]:
    """Every (connection, model) that the configuration's calls may use."""
    call, votes = configuration.call, configuration.votes
    if configuration.pattern == "voting" and votes.vary == "model":
        for number, choice in enumerate(votes.models):
            yield Caller(f"votes.models.{number}", choice.connection, choice.model)
    else:
        yield Caller("call", call.connection, call.model)
    yield from asked_by(configuration)


def asked_by(configuration: Configuration) -> Iterator[Caller]:
    """Whom the configuration's joins may ask."""
    joins = {"join": configuration.join}
    if configuration.pattern == "voting" and configuration.each is not None:
        joins["each.join"] = configuration.each.join
    for field, join in joins.items():
        if found := asked(configuration, join, field):
            yield found


def asked(configuration: Configuration, join: JoinSettings, field: str = "join") -> Caller | None:
    """Whom a join asks; None for one that asks nobody. What it leaves open is as in `call`."""
    call = configuration.call
    if isinstance(join, Merge):
        return Caller(field, join.connection or call.connection, join.model or call.model)
    judge = judge_of(join)
    if judge is None:
        return None
    return Caller(f"{field}.judge", judge.connection or call.connection, judge.model or call.model)


def judge_of(join: JoinSettings) -> JudgeCall | None:
    """The judge that a join may turn to."""
    if isinstance(join, Judge) or (isinstance(join, Majority) and join.ties == "judge"):
        return join.judge
    return None
