"""Majority: the most frequent normalised answer. A tie is a tie unless a rule settles it."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from runs.aggregation import readers, tally, verdicts
from runs.aggregation.entries import Entry, coverage, noted, sentence, unused, used
from runs.aggregation.tally import Tally
from runs.aggregation.verdicts import Candidate, Picked
from runs.domain.joins import Majority
from runs.domain.results import (
    Ask,
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
    weight = weight_of(settings, child.index, child.voter)
    return Entry(child, reading.value, reading.shown, noted(child, reading.note), weight)


def weight_of(settings: Majority, index: int, voter: str) -> int | Fraction:
    """What the vote of that child weighs: its own number's weight, else its voter's, else 1."""
    if not settings.weights:
        return 1
    weight = settings.weights.get(str(index + 1), settings.weights.get(voter))
    return 1 if weight is None else _exact(weight)


def tallied(settings: Majority, children: Iterable[Child]) -> Tally:
    """The votes so far, as the outcome would count them."""
    return tally.count(enter(settings, child) for child in children)


def join(settings: Majority, entries: Sequence[Entry], calls: CallsSoFar) -> Outcome | Ask:
    """Asks for calls only where a judge is to settle a tie that could decide. The first seen is the
    one of the lowest branch index."""
    votes = tally.count(entries)
    leader = votes.leaders[0]
    if len(votes.leaders) > 1 and settings.ties == "judge" and _is_enough(settings, votes):
        return _judged(settings, entries, votes, calls)
    if len(votes.leaders) > 1 and settings.ties == "declare":
        return _outcome(entries, votes, OutcomeKind.TIE, votes.leaders, _tied(votes))
    if not _is_enough(settings, votes):
        them = "the weight is" if votes.is_weighted else "them are"
        needed = f"but {settings.least_share:.0%} of {them} needed"
        detail = f"{quoted(votes.shown[leader])} leads with {_has(votes, leader)}, {needed}."
        return _outcome(entries, votes, OutcomeKind.UNDECIDED, (leader,), detail)
    detail = f"{quoted(votes.shown[leader])} has {_has(votes, leader)}."
    if len(votes.leaders) > 1:
        detail = f"{detail[:-1]}, as many as another value; it was seen first."
    return _outcome(entries, votes, OutcomeKind.DECIDED, (leader,), detail)


def _judged(
    settings: Majority, entries: Sequence[Entry], votes: Tally, calls: CallsSoFar
) -> Outcome | Ask:
    """A tie before the judge. Without two verdicts that agree it stays what it is."""
    candidates = _candidates(entries, votes)
    result = verdicts.pick(settings.judge, candidates, 0, calls)
    if isinstance(result, Ask):
        return result
    figures = {"judge_calls": result.calls, "judge_disagreed": len(result.winners) > 1}
    kind, winners, detail, ruled = _ruling(result, candidates, votes)
    return _outcome(entries, votes, kind, winners, f"{_tied(votes)} {detail}", figures, ruled)


def _ruling(
    result: Picked, candidates: Sequence[Candidate], votes: Tally
) -> tuple[OutcomeKind, Sequence[str], str, str]:
    """Outcome, winning values, a sentence on the judge, and what is said to each tied vote."""
    by_place = dict(zip((c.place for c in candidates), votes.leaders, strict=True))
    if result.failure:
        said = "the judge settled nothing"
        detail = sentence(f"the judge gave {result.failure}")
        return OutcomeKind.JUDGE_FAILED, votes.leaders, detail, said
    chosen = [by_place[place] for place in result.winners]
    names = " and ".join(quoted(votes.shown[value]) for value in chosen)
    if len(chosen) > 1:
        detail = f"The judge gave different answers in the two orders: {names}. The tie stays."
        return OutcomeKind.TIE, votes.leaders, detail, "the judge's two verdicts differ"
    detail = f"A judge settled the tie, in both orders: {names}."
    return OutcomeKind.DECIDED, chosen, detail, f"the judge chose {names}"


def _candidates(entries: Sequence[Entry], votes: Tally) -> list[Candidate]:
    """Each tied value as its first voter answered it, with what was read from that."""
    firsts: dict[str, Entry] = {}
    for entry in entries:
        if entry.value is not None:
            firsts.setdefault(entry.value, entry)
    return [Candidate(firsts[v].child.index, _shown(firsts[v])) for v in votes.leaders]


def _shown(entry: Entry) -> str:
    text = entry.child.text.strip()
    return text if text == entry.shown else f"{text}\n\nRead as: {entry.shown}"


def _is_enough(settings: Majority, votes: Tally) -> bool:
    """Whether the leader has the least share of the weight."""
    return votes.weights[votes.leaders[0]] >= _exact(settings.least_share) * votes.weight


def _outcome(
    entries: Sequence[Entry],
    votes: Tally,
    kind: OutcomeKind,
    winners: Sequence[str],
    detail: str,
    figures: Mapping[str, Any] | None = None,
    ruled: str = "",
) -> Outcome:
    """`ruled`: what a judge said, for those whose value was tied for the lead."""
    kept = frozenset(winners)
    said = dict.fromkeys(votes.leaders, ruled) if ruled else {}
    contributions = tuple(_contribution(entry, votes, kept, said) for entry in entries)
    return Outcome(
        kind,
        votes.shown[winners[0]] if kind is OutcomeKind.DECIDED else None,
        contributions,
        {**coverage(entries, contributions), **tally.figures_of(votes), **(figures or {})},
        detail,
    )


def _contribution(
    entry: Entry, votes: Tally, winners: frozenset[str], said: Mapping[str, str]
) -> Contribution:
    if entry.value is None:
        return unused(entry)
    voted = f"voted {quoted(entry.shown)}"
    ruled = f"; {said[entry.value]}" if said.get(entry.value) else ""
    if entry.value in winners:
        tied = ", tied for the lead" if len(winners) > 1 or ruled else ""
        return used(entry, f"{voted}{tied}{ruled}", entry.value)
    has = f"{voted}, which has {_has(votes, entry.value)}{ruled}"
    reason = f"{has}; {entry.note}" if entry.note else has
    return Contribution(entry.child.index, ContributionKind.OUTVOTED, sentence(reason), entry.value)


def _tied(votes: Tally) -> str:
    tied = " and ".join(quoted(votes.shown[value]) for value in votes.leaders[:4])
    more = f" and {len(votes.leaders) - 4} more" if len(votes.leaders) > 4 else ""
    if votes.is_weighted:
        weight = f"{_written(votes.weights[votes.leaders[0]])} each of {_written(votes.weight)}"
        return f"{tied}{more} have a weight of {weight}, in {_votes(votes.total)}."
    return f"{tied}{more} have {_votes(votes.votes[votes.leaders[0]])} each of {votes.total}."


def _has(votes: Tally, value: str) -> str:
    has = f"{votes.votes[value]} of {_votes(votes.total)}"
    if not votes.is_weighted:
        return has
    return f"{has}, with a weight of {_written(votes.weights[value])} of {_written(votes.weight)}"


def quoted(value: str) -> str:
    line = " ".join(value.split())
    short = line if len(line) <= LONGEST_QUOTE else f"{line[: LONGEST_QUOTE - 1].rstrip()}…"
    return f"“{short}”"


def _votes(count: int) -> str:
    return f"{count} vote" if count == 1 else f"{count} votes"


def _written(weight: int | Fraction) -> str:
    return f"{tally.number(weight):g}"


@lru_cache(maxsize=1024)
def _exact(share: float) -> Fraction:
    """The share a person wrote: 0.55 of 20 votes is 11, whatever binary makes of it."""
    return Fraction(str(share))
