"""What calls and joins give: completions, children, contributions, outcomes. Values only."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from runs.domain.limits import RateHints
from runs.domain.plan import Role
from runs.domain.states import RunStatus
from runs.domain.usage import Usage


@dataclass(frozen=True, slots=True)
class Completion:
    """A complete answer, ended by the provider's own end mark (`finish` is `stop` or `length`)."""

    text: str
    finish: str
    usage: Usage
    model: str = ""
    hints: RateHints | None = None


class ChildState(StrEnum):
    """How a child of a join ended."""

    ANSWERED = "answered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SPARED = "spared"


@dataclass(frozen=True, slots=True)
class Child:
    """A join's child as its aggregator sees it: a branch's answer or a child join's value.

    `index` is the position among the children, from 0. `reason` says why there is no text.
    `voter` names what answered: the variation of a vote, else the model.
    """

    index: int
    label: str
    state: ChildState
    text: str = ""
    reason: str = ""
    is_cut: bool = False
    role: Role = Role.SECTION
    voter: str = ""


class ContributionKind(StrEnum):
    USED = "used"
    OUTVOTED = "outvoted"
    DUPLICATE = "duplicate"
    FAILED = "failed"
    UNREADABLE = "unreadable"
    SPARED = "spared"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Contribution:
    """How one child entered its join. `value` is what was read from it, if anything."""

    child: int
    kind: ContributionKind
    reason: str = ""
    value: str | None = None


class OutcomeKind(StrEnum):
    DECIDED = "decided"
    JOINED = "joined"
    JOINED_WITH_GAPS = "joined_with_gaps"
    RELEASED = "released"
    WITHHELD = "withheld"
    TIE = "tie"
    DISAGREEMENT = "disagreement"
    UNDECIDED = "undecided"
    NO_QUORUM = "no_quorum"
    JUDGE_FAILED = "judge_failed"
    MERGE_FAILED = "merge_failed"
    FAILED = "failed"


FAILED_OUTCOMES = frozenset(
    {
        OutcomeKind.NO_QUORUM,
        OutcomeKind.JUDGE_FAILED,
        OutcomeKind.MERGE_FAILED,
        OutcomeKind.FAILED,
    }
)


LOST_CHILD = frozenset({ContributionKind.FAILED, ContributionKind.MISSING})


def ended_status(root: OutcomeKind, contributions: Iterable[ContributionKind]) -> RunStatus:
    """Whether a run's work was done, from the root's outcome and how the children of all its joins
    entered them; what it gave is the outcome's to say."""
    if root in FAILED_OUTCOMES:
        return RunStatus.FAILED
    is_lost = any(kind in LOST_CHILD for kind in contributions)
    return RunStatus.PARTIAL if is_lost else RunStatus.SUCCEEDED


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a join gave: one contribution for every child, in child order.

    `quality` holds figures by name, e.g. coverage (0..1), agreement (0..1), margin (votes).
    `detail` is one sentence for people.
    """

    kind: OutcomeKind
    value: str | None
    contributions: tuple[Contribution, ...]
    quality: Mapping[str, Any] = field(default_factory=dict)
    detail: str = ""


@dataclass(frozen=True, slots=True, order=True)
class CallKey:
    """Names a call that a join asks for; unique in (join, pass) together with the input's hash."""

    role: Role
    level: int
    index: int


@dataclass(frozen=True, slots=True)
class JoinCall:
    """A call that a join needs: made by the engine as an ordinary branch of that join. `schema`:
    the JSON schema that its answer is to fit, where the provider can see to it."""

    key: CallKey
    prompt: str
    label: str = ""
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """An aggregator's wish for calls. Those already answered are never asked for again."""

    calls: tuple[JoinCall, ...]


CallsSoFar = Mapping[CallKey, Child]
