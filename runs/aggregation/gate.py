"""Gate: the main answer, released or withheld by the guards that ran beside it.

When in doubt it withholds: a guard that failed, cannot be read or was cut before its end has not
let anything pass.
"""

from collections.abc import Sequence

from runs.aggregation import readers, tally
from runs.aggregation.entries import (
    CUT_NOTE,
    Entry,
    coverage,
    listing,
    sentence,
    text_entry,
    unused,
    used,
)
from runs.aggregation.normalize import normalized
from runs.domain.joins import Gate
from runs.domain.plan import Role
from runs.domain.results import (
    CallsSoFar,
    Child,
    ChildState,
    Contribution,
    ContributionKind,
    Outcome,
    OutcomeKind,
)


def enter(settings: Gate, child: Child) -> Entry:
    """The main answer as it is; a guard's answer as a reading."""
    if child.role is not Role.GUARD:
        return text_entry(child)
    if child.state is not ChildState.ANSWERED:
        return Entry(child, None, note=child.reason)
    if child.is_cut:
        return Entry(child, None, note=f"{CUT_NOTE}, which may have come before its verdict")
    reading = readers.read(settings.reader, child.text)
    return Entry(child, reading.value, reading.shown, reading.note)


def join(settings: Gate, entries: Sequence[Entry], calls: CallsSoFar) -> Outcome:
    """Asks for no calls. The main answer is the first child that is no guard; a withheld one
    stays with its branch, but is not the outcome's value."""
    guards = [entry for entry in entries if entry.child.role is Role.GUARD]
    main = next((entry for entry in entries if entry.child.role is not Role.GUARD), None)
    passed = [entry for entry in guards if _passes(settings, entry)]
    if main is None or main.value is None:
        kind, detail = OutcomeKind.FAILED, "There is no main answer to release."
    elif _is_open(settings, guards, passed):
        kind, detail = OutcomeKind.RELEASED, _why_open(guards, passed)
    else:
        kind, detail = OutcomeKind.WITHHELD, _why_withheld(settings, guards, passed)
    contributions = tuple(_contribution(settings, entry, main, kind) for entry in entries)
    quality = {**coverage(entries, contributions), **figures(entries)}
    return Outcome(
        kind,
        main.value if main and kind is OutcomeKind.RELEASED else None,
        contributions,
        {**quality, "passed": len(passed)},
        detail,
    )


def figures(entries: Sequence[Entry]) -> dict[str, object]:
    """The guards' readings as a tally."""
    guards = [entry for entry in entries if entry.child.role is Role.GUARD]
    return {**tally.figures(guards), "guards": len(guards)}


def _passes(settings: Gate, entry: Entry) -> bool:
    passes = {normalized(value) for value in settings.passes}
    return entry.value is not None and normalized(entry.value) in passes


def _is_open(settings: Gate, guards: Sequence[Entry], passed: Sequence[Entry]) -> bool:
    """Without a guard nothing is released."""
    needed = len(guards) if settings.require == "all" else 1
    return bool(passed) and len(passed) >= needed


def _why_open(guards: Sequence[Entry], passed: Sequence[Entry]) -> str:
    if len(passed) == len(guards):
        return "Every guard let the answer pass." if len(guards) > 1 else "The guard let it pass."
    silent = [entry for entry in guards if entry.value is None]
    unheard = f" Without a verdict: {listing(silent)}." if silent else ""
    return f"{len(passed)} of {len(guards)} guards let the answer pass; one is enough.{unheard}"


def _why_withheld(settings: Gate, guards: Sequence[Entry], passed: Sequence[Entry]) -> str:
    if not guards:
        return "Withheld: there is no guard to let the answer pass."
    blocked = [entry for entry in guards if entry.value is not None and entry not in passed]
    failed = [entry for entry in guards if entry.value is None and not entry.is_unreadable]
    unreadable = [entry for entry in guards if entry.is_unreadable]
    reasons = [
        f"{listing(found)} {what}"
        for found, what in (
            (blocked, "said no"),
            (failed, "gave no verdict because its call did not succeed"),
            (unreadable, "gave no verdict that can be read"),
        )
        if found
    ]
    rule = "every guard must" if settings.require == "all" else "one guard must"
    return f"Withheld: {'; '.join(reasons)}. For a release {rule} let the answer pass."


def _contribution(
    settings: Gate, entry: Entry, main: Entry | None, kind: OutcomeKind
) -> Contribution:
    if entry.value is None:
        return unused(entry)
    if entry.child.role is not Role.GUARD:
        return _main_contribution(entry, main, kind)
    said = f"read “{entry.shown}”"
    passes = _passes(settings, entry)
    if kind is OutcomeKind.FAILED:
        reason = sentence(f"answered ({said}), but there is no main answer to release")
        return Contribution(entry.child.index, ContributionKind.MISSING, reason, entry.value)
    if passes is (kind is OutcomeKind.RELEASED):
        return used(
            entry, f"{said}: {'lets the answer pass' if passes else 'withholds it'}", entry.value
        )
    settled = "released by another guard" if not passes else "withheld by another guard"
    return Contribution(
        entry.child.index,
        ContributionKind.OUTVOTED,
        sentence(f"{said}, but {settled}"),
        entry.value,
    )


def _main_contribution(entry: Entry, main: Entry | None, kind: OutcomeKind) -> Contribution:
    if entry is not main:
        reason = "Answered, but a gate has only one main answer: the first."
        return Contribution(entry.child.index, ContributionKind.MISSING, reason)
    if kind is OutcomeKind.RELEASED:
        return used(entry, "the main answer, released")
    return used(entry, "the main answer, withheld; it is kept with its branch")
