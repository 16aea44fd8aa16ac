"""Trying a join on pasted answers: what it would give, or what it would have to ask a model.

Asks nobody and writes nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User

from runs.aggregation import registry
from runs.domain.errors import InvalidInput
from runs.domain.joins import Gate, JoinSettings, Judge, Merge
from runs.domain.plan import Role
from runs.domain.policies import FailurePolicy
from runs.domain.results import Ask, Child, ChildState, JoinCall, Outcome
from runs.domain.usage import Price
from runs.models import Connection
from runs.planning import asking, callers, tokens
from runs.planning.history import expected_of
from runs.services.resolving import price_of

MOST_ANSWERS = 40
LONGEST_ANSWER = 20_000  # characters
LEFT_EMPTY = "left empty, as a branch that failed"
FIELD = "answers"
_BETWEEN = re.compile(r"^[ \t]*-{3,}[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried. `connection` and `model` are the branches' own; `voters` their names, in
    turn."""

    join: JoinSettings
    policy: FailurePolicy
    connection: str = ""
    model: str = ""
    voters: tuple[str, ...] = ()
    role: Role = Role.VOTE


@dataclass(frozen=True, slots=True)
class Wish:
    """What the join would ask, of whom, and at what price (None: unknown)."""

    calls: tuple[JoinCall, ...]
    calls_least: int
    calls_most: int
    connection: str
    model: str
    input_tokens: int
    output_tokens_most: int
    cost_expected_usd: float | None
    cost_most_usd: float | None


@dataclass(frozen=True, slots=True)
class Tried:
    """What the children give: an outcome, or the wish for a model's answers."""

    children: tuple[Child, ...]
    result: Outcome | Wish


def answers_of(text: str) -> tuple[str, ...]:
    """The answers in a pasted text, parted by lines of dashes. Raises `InvalidInput` for too many
    or too long ones; nothing pasted gives none."""
    if not text.strip():
        return ()
    found = tuple(part.strip() for part in _BETWEEN.split(text.replace("\r\n", "\n")))
    if len(found) > MOST_ANSWERS:
        raise InvalidInput(
            f"These are {len(found):,} answers; {MOST_ANSWERS} at most are tried here.", FIELD
        )
    longest = max(len(answer) for answer in found)
    if longest > LONGEST_ANSWER:
        raise InvalidInput(
            f"One answer has {longest:,} characters; {LONGEST_ANSWER:,} at most are tried here.",
            FIELD,
        )
    return found


def try_join(*, owner: User, trial: Trial, answers: Sequence[str]) -> Tried:
    """The outcome of the pasted answers in their order, or the calls that it would take."""
    children = tuple(_child(trial, place, text) for place, text in enumerate(answers))
    result = registry.aggregate(trial.join, trial.policy, children, {})
    if isinstance(result, Ask):
        return Tried(children, wish_of(owner, trial, children, result))
    return Tried(children, result)


def _child(trial: Trial, place: int, text: str) -> Child:
    is_guard = isinstance(trial.join, Gate) and place > 0
    role = Role.GUARD if is_guard else Role.SECTION if isinstance(trial.join, Gate) else trial.role
    voters = trial.voters or (trial.model,)
    return Child(
        place,
        f"Check {place}" if is_guard else f"Answer {place + 1}",
        ChildState.ANSWERED if text else ChildState.FAILED,
        text=text,
        reason="" if text else LEFT_EMPTY,
        role=role,
        voter=voters[place % len(voters)],
    )


def wish_of(owner: User, trial: Trial, children: Sequence[Child], ask: Ask) -> Wish:
    """The calls of the first wave are known; those that may follow are taken to be like them."""
    connection, model, longest = _asked(trial)
    read = sum(tokens.estimate(call.prompt) for call in ask.calls)
    least, most = _counts(trial, children, len(ask.calls))
    input_least, input_most = (round(read * calls / len(ask.calls)) for calls in (least, most))
    output_most = most * longest
    price = _price(owner, connection, model)
    return Wish(
        ask.calls,
        least,
        most,
        connection,
        model,
        input_most,
        output_most,
        price.cost(input_least, expected_of(least * longest)) if price else None,
        price.cost(input_most, output_most) if price else None,
    )


def _counts(trial: Trial, children: Sequence[Child], first: int) -> tuple[int, int]:
    """Calls at least and at most, when the first wave has `first` of them."""
    usable = sum(child.state is ChildState.ANSWERED for child in children)
    if isinstance(trial.join, Merge):
        levels = asking.merge_levels(usable, trial.join.parts)
        calls = max(sum(levels), first) + trial.join.check
        return calls, calls
    if first <= 2 or (isinstance(trial.join, Judge) and trial.join.mode == "score"):
        return first, first
    counts = [asking.verdict_calls(usable, is_most=is_most) for is_most in (False, True)]
    return max(counts[0], first), max(counts[1], first)


def _asked(trial: Trial) -> tuple[str, str, int]:
    """Whom the join asks, its own choice or the branches' model, and the tokens it allows."""
    asked = trial.join if isinstance(trial.join, Merge) else callers.judge_of(trial.join)
    if asked is None:
        return trial.connection, trial.model, 0
    connection, model = asked.connection or trial.connection, asked.model or trial.model
    return connection, model, asked.max_tokens


def _price(owner: User, connection: str, model: str) -> Price | None:
    row = Connection.objects.filter(owner=owner, name=connection).first()
    return price_of(row, model) if row else None
