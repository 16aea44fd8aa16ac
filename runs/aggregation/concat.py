"""Concatenate: the parts in child order, under their labels, every gap marked in its place."""

from collections.abc import Sequence

from runs.aggregation.entries import Entry, coverage, listing, name_of, sentence, unused, used
from runs.domain.joins import Concatenate
from runs.domain.results import CallsSoFar, ChildState, Outcome, OutcomeKind

CUT_MARK = "[The answer was cut here by the output limit.]"


def join(settings: Concatenate, entries: Sequence[Entry], calls: CallsSoFar) -> Outcome:
    """Asks for no calls. Spared children leave no gap."""
    contributions = tuple(
        used(entry, f"part {place + 1} of {len(entries)}") if entry.is_usable else unused(entry)
        for place, entry in enumerate(entries)
    )
    wanted = [entry for entry in entries if entry.child.state is not ChildState.SPARED]
    gaps = [entry for entry in wanted if not entry.is_usable]
    return Outcome(
        OutcomeKind.JOINED_WITH_GAPS if gaps else OutcomeKind.JOINED,
        settings.separator.join(_part(settings, entry) for entry in wanted),
        contributions,
        coverage(entries, contributions),
        _detail(wanted, gaps),
    )


def gap_mark(entry: Entry) -> str:
    """What stands in a text in the place of a part that is not there."""
    why = unused(entry)
    return f"[Missing: {name_of(entry.child)}. {sentence(why.reason)}]"


def _part(settings: Concatenate, entry: Entry) -> str:
    text = gap_mark(entry) if entry.value is None else entry.value.strip()
    if entry.value is not None and entry.child.is_cut:
        text = f"{text}\n\n{CUT_MARK}" if "\n" in settings.separator else f"{text} {CUT_MARK}"
    if not settings.heading:
        return text
    label = " ".join(name_of(entry.child).split())
    return f"## {label[0].upper()}{label[1:]}\n\n{text}"


def _detail(wanted: Sequence[Entry], gaps: Sequence[Entry]) -> str:
    said = [f"{len(wanted) - len(gaps)} of {len(wanted)} parts joined in order."]
    if gaps:
        said.append(f"Missing: {listing(gaps)}.")
    cut = [entry for entry in wanted if entry.is_usable and entry.child.is_cut]
    if cut:
        said.append(f"Cut by the output limit: {listing(cut)}.")
    return " ".join(said)
