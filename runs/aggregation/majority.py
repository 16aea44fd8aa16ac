"""Majority: the most frequent normalised answer. A tie is a tie unless a rule settles it."""

from collections.abc import Sequence
from fractions import Fraction

from runs.aggregation import readers, tally
from runs.aggregation.entries import CUT_NOTE, Entry, coverage, sentence, unused, used
from runs.aggregation.tally import Tally
from runs.domain.joins import Majority
from runs.domain.results import (
    CallsSoFar,
    Child,
    ChildState,
    Contribution,
    ContributionKind,
    Outcome,
    OutcomeKind,
)

LONGEST_QUOTE = 60


def enter(settings: Majority, child: Child) -> Entry:
    """An answer as a vote, or as an unreadable one."""
    if child.state is not ChildState.ANSWERED:
        return Entry(child, None, note=child.reason)
    reading = readers.read(settings.reader, child.text)
    notes = [note for note in (reading.note, CUT_NOTE if child.is_cut else "") if note]
    return Entry(child, reading.value, reading.shown, "; ".join(notes))


def join(settings: Majority, entries: Sequence[Entry], calls: CallsSoFar) -> Outcome:
    """Asks for no calls. The first seen is the one of the lowest branch index."""
    votes = tally.count(entries)
    kind, leader, detail = _verdict(settings, votes)
    winners = frozenset(votes.leaders if kind is OutcomeKind.TIE else (leader,))
    contributions = tuple(_contribution(entry, votes, winners) for entry in entries)
    return Outcome(
        kind,
        votes.shown[leader] if kind is OutcomeKind.DECIDED else None,
        contributions,
        {**coverage(entries, contributions), **tally.figures(entries)},
        detail,
    )


def _verdict(settings: Majority, votes: Tally) -> tuple[OutcomeKind, str, str]:
    """The outcome, the value that leads (first seen of several) and a sentence on it."""
    leader = votes.leaders[0]
    count, total = votes.votes[leader], votes.total
    named = quoted(votes.shown[leader])
    if len(votes.leaders) > 1 and settings.ties == "declare":
        tied = " and ".join(quoted(votes.shown[value]) for value in votes.leaders[:4])
        more = f" and {len(votes.leaders) - 4} more" if len(votes.leaders) > 4 else ""
        return OutcomeKind.TIE, leader, f"{tied}{more} have {_votes(count)} each of {total}."
    if count < _exact(settings.least_share) * total:
        detail = (
            f"{named} leads with {count} of {_votes(total)}, "
            f"but {settings.least_share:.0%} of them are needed."
        )
        return OutcomeKind.UNDECIDED, leader, detail
    detail = f"{named} has {count} of {_votes(total)}."
    if len(votes.leaders) > 1:
        detail = f"{detail[:-1]}, as many as another value; it was seen first."
    return OutcomeKind.DECIDED, leader, detail


def _contribution(entry: Entry, votes: Tally, winners: frozenset[str]) -> Contribution:
    if entry.value is None:
        return unused(entry)
    voted = f"voted {quoted(entry.shown)}"
    if entry.value in winners:
        tied = ", tied for the lead" if len(winners) > 1 else ""
        return used(entry, voted + tied, entry.value)
    has = f"{voted}, which has {votes.votes[entry.value]} of {_votes(votes.total)}"
    reason = f"{has}; {entry.note}" if entry.note else has
    return Contribution(entry.child.index, ContributionKind.OUTVOTED, sentence(reason), entry.value)


def quoted(value: str) -> str:
    line = " ".join(value.split())
    short = line if len(line) <= LONGEST_QUOTE else f"{line[: LONGEST_QUOTE - 1].rstrip()}…"
    return f"“{short}”"


def _votes(count: int) -> str:
    return f"{count} vote" if count == 1 else f"{count} votes"


def _exact(share: float) -> Fraction:
    """The share a person wrote: 0.55 of 20 votes is 11, whatever binary makes of it."""
    return Fraction(str(share))
