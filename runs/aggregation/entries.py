"""What every method needs of its children: entries, contributions of those without an answer,
and the figures of quality. Knows no method.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from runs.domain.plan import Role
from runs.domain.results import (
    Child,
    ChildState,
    Contribution,
    ContributionKind,
    Outcome,
    OutcomeKind,
)

CUT_NOTE = "its answer was cut by the output limit"


@dataclass(frozen=True, slots=True)
class Entry:
    """A child and what a method can use of it: `value`, None where nothing. `shown`: the value as
    the answer wrote it. `note`: why nothing can be used, or how the value was read. `weight`: what
    it weighs where values are counted. `data`: what the method read, where a text is too little."""

    child: Child
    value: str | None
    shown: str = ""
    note: str = ""
    weight: int | Fraction = 1
    data: Any = None

    @property
    def is_usable(self) -> bool:
        return self.value is not None

    @property
    def is_unreadable(self) -> bool:
        return self.child.state is ChildState.ANSWERED and self.value is None


def text_entry(child: Child) -> Entry:
    """The whole answer as it is: what concatenate, merge and a gate's main answer use."""
    if child.state is not ChildState.ANSWERED:
        return Entry(child, None, note=child.reason)
    if not child.text.strip():
        return Entry(child, None, note="the answer is empty")
    return Entry(child, child.text, note=noted(child))


def noted(child: Child, note: str = "") -> str:
    """`note` of how an answer was read, and whether it was cut."""
    if not child.is_cut:
        return note
    return f"{note}; {CUT_NOTE}" if note else CUT_NOTE


def name_of(child: Child) -> str:
    return child.label or f"branch {child.index + 1}"


def listing(entries: Sequence[Entry], most: int = 10) -> str:
    """Names of children, shortened where they are many."""
    names = ", ".join(name_of(entry.child) for entry in entries[:most])
    return names if len(entries) <= most else f"{names} and {len(entries) - most} more"


def sentence(text: str) -> str:
    """`text` with a capital and a full stop."""
    text = text.strip()
    if not text:
        return ""
    return f"{text[0].upper()}{text[1:]}{'' if text[-1] in '.!?…' else '.'}"


def unused(entry: Entry) -> Contribution:
    """The contribution of a child whose method could use nothing of it."""
    child, reason = entry.child, entry.child.reason
    if child.state is ChildState.FAILED:
        return Contribution(
            child.index, ContributionKind.FAILED, sentence(reason or "the call failed")
        )
    if child.state is ChildState.SPARED:
        return Contribution(
            child.index,
            ContributionKind.SPARED,
            sentence(reason or "not run: the answer was settled without it"),
        )
    if child.state is ChildState.CANCELLED:
        return Contribution(
            child.index, ContributionKind.MISSING, sentence(reason or "cancelled before it ended")
        )
    note = entry.note or "nothing could be read from the answer"
    return Contribution(child.index, ContributionKind.UNREADABLE, sentence(note))


def used(entry: Entry, reason: str, value: str | None = None) -> Contribution:
    noted = f"{reason}; {entry.note}" if entry.note else reason
    return Contribution(entry.child.index, ContributionKind.USED, sentence(noted), value)


def without_result(
    entries: Sequence[Entry],
    kind: OutcomeKind,
    detail: str,
    *,
    readings_of: frozenset[Role] = frozenset(),
    quality: Mapping[str, Any] | None = None,
) -> Outcome:
    """An outcome that gives nothing: whatever was answered is kept and named, but not joined.
    `readings_of`: roles whose values are readings, short enough to go into contributions."""
    contributions = tuple(
        Contribution(
            entry.child.index,
            ContributionKind.MISSING,
            f"Answered, but not joined. {sentence(detail)}",
            entry.value if entry.child.role in readings_of else None,
        )
        if entry.is_usable
        else unused(entry)
        for entry in entries
    )
    figures = {**coverage(entries, contributions), **(quality or {})}
    return Outcome(kind, None, contributions, figures, sentence(detail))


def coverage(entries: Sequence[Entry], contributions: Sequence[Contribution]) -> dict[str, Any]:
    """How many children are in the outcome. `coverage`: those heard ÷ those not spared, 0..1."""
    counts = Counter(contribution.kind for contribution in contributions)
    kinds = ContributionKind
    heard = counts[kinds.USED] + counts[kinds.OUTVOTED] + counts[kinds.DUPLICATE]
    needed = len(contributions) - counts[kinds.SPARED]
    return {
        "coverage": heard / needed if needed else 0.0,
        "expected": len(contributions),
        "answered": sum(entry.child.state is ChildState.ANSWERED for entry in entries),
        "used": counts[kinds.USED],
        "outvoted": counts[kinds.OUTVOTED],
        "duplicates": counts[kinds.DUPLICATE],
        "failed": counts[kinds.FAILED],
        "missing": counts[kinds.MISSING],
        "unreadable": counts[kinds.UNREADABLE],
        "spared": counts[kinds.SPARED],
    }
