"""Every method by its settings, and the two things callers want: `aggregate` and `read`.

To add a method: one file here, one line in `METHODS`; see docs/adding-an-aggregator.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runs.aggregation import (
    concat,
    fields,
    gate,
    judge,
    majority,
    merge,
    numeric,
    readers,
    tally,
    union,
)
from runs.aggregation.entries import Entry, text_entry, without_result
from runs.aggregation.policy import refusal
from runs.domain.joins import (
    Concatenate,
    Fields,
    Gate,
    JoinSettings,
    Judge,
    Majority,
    Merge,
    Numeric,
    Union,
)
from runs.domain.plan import Role
from runs.domain.policies import FailurePolicy
from runs.domain.results import Ask, CallsSoFar, Child, Outcome


def _text_entry(settings: Any, child: Child) -> Entry:
    return text_entry(child)


def _no_figures(entries: Sequence[Entry]) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Method:
    """A way to join. `join` gets one entry for every child, in child order, at least one of them
    usable. `enter` makes a child an entry. `reads`: roles whose answers are read as values, by
    `reading`, which gives None for an unreadable one. `figures` are shown even where the policy
    refuses to join."""

    join: Callable[[Any, Sequence[Entry], CallsSoFar], Outcome | Ask]
    enter: Callable[[Any, Child], Entry] = _text_entry
    reads: frozenset[Role] = frozenset()
    reading: Callable[[Any, str], str | None] = readers.value
    figures: Callable[[Sequence[Entry]], dict[str, Any]] = _no_figures


_ANY_CHILD = frozenset({Role.SECTION, Role.VOTE})

METHODS: Mapping[type, Method] = {
    Concatenate: Method(concat.join),
    Majority: Method(majority.join, majority.enter, _ANY_CHILD, figures=tally.figures),
    Union: Method(union.join, union.enter, _ANY_CHILD, union.reading),
    Numeric: Method(numeric.join, numeric.enter, _ANY_CHILD, numeric.reading),
    Fields: Method(fields.join, fields.enter, _ANY_CHILD, fields.reading),
    Merge: Method(merge.join),
    Judge: Method(judge.join, reads=frozenset({Role.JUDGE}), reading=judge.reading),
    Gate: Method(gate.join, gate.enter, frozenset({Role.GUARD}), figures=gate.figures),
}


def aggregate(
    settings: JoinSettings,
    policy: FailurePolicy,
    children: Sequence[Child],
    calls: CallsSoFar,
) -> Outcome | Ask:
    """The failure policy, then the method. Every outcome has one contribution for each child, in
    child order; the order in which `children` stand, or their answers came, changes nothing.

    An `Ask` may repeat calls that are in flight; it never names one that `calls` answers.
    """
    method = METHODS[type(settings)]
    in_order = sorted(children, key=lambda child: child.index)
    entries = tuple(method.enter(settings, child) for child in in_order)
    refused = refusal(policy, entries)
    if refused is None:
        return method.join(settings, entries, calls)
    kind, detail = refused
    return without_result(
        entries, kind, detail, readings_of=method.reads, quality=method.figures(entries)
    )


def reads(settings: JoinSettings, role: Role | None = None) -> bool:
    """Whether the method reads values from answers (of that role)."""
    read_roles = METHODS[type(settings)].reads
    return bool(read_roles) if role is None else role in read_roles


def read(settings: JoinSettings, text: str, role: Role | None = None) -> str | None:
    """What an answer (of that role) gives, short: a normalised value of at most 120 characters, a
    choice as configured, or how many items. None: unreadable, or not a role that is read."""
    return METHODS[type(settings)].reading(settings, text) if reads(settings, role) else None
