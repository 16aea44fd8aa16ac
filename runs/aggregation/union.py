"""Union: one list of all items, duplicates folded, each with its support and its sources.

From the union (support of one answer) over k of n to the intersection (support of all).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runs.aggregation import items, likeness
from runs.aggregation.entries import (
    Entry,
    coverage,
    listing,
    noted,
    sentence,
    unused,
    used,
    without_result,
)
from runs.aggregation.items import Item
from runs.domain.joins import ItemsKind, Union
from runs.domain.results import (
    CallsSoFar,
    Child,
    ChildState,
    Contribution,
    ContributionKind,
    Outcome,
    OutcomeKind,
)

MOST_LISTED = 200  # items that the figures list with their sources, the best supported first
MOST_SOURCES = 100  # of one item
LONGEST_LISTED = 200  # characters of one item there


@dataclass(frozen=True, slots=True)
class Named:
    """An item as its first source has it, and the children that name it, by index."""

    item: Item
    sources: list[int] = field(default_factory=list)

    @property
    def support(self) -> int:
        return len(self.sources)


def enter(settings: Union, child: Child) -> Entry:
    """An answer as its items; an empty list is an answer too."""
    if child.state is not ChildState.ANSWERED:
        return Entry(child, None, note=child.reason)
    found = items.read(settings.items, child.text)
    return Entry(child, found.short, note=noted(child, found.note), data=found.items)


def reading(settings: Union, text: str) -> str | None:
    return items.read(settings.items, text).short


def join(settings: Union, entries: Sequence[Entry], calls: CallsSoFar) -> Outcome:
    """Asks for no calls. An item's canonical form is the one first seen: at the lowest branch
    index, and there at the first place. An answer supports an item once, however often it names it.
    """
    readable = [entry for entry in entries if entry.is_usable]
    needed = _needed(settings, len(readable))
    if needed > len(readable):
        answers = "answer" if len(readable) == 1 else "answers"
        why = (
            f"An item needs {needed} answers that name it; {len(readable)} {answers} could be read"
        )
        return without_result(entries, OutcomeKind.NO_QUORUM, why)
    folded = likeness.fold(
        (item.key for entry in readable for item in entry.data), settings.likeness
    )
    named = _named(readable, folded)
    kept = {key: found for key, found in named.items() if found.support >= needed}
    contributions = tuple(_contribution(entry, folded, named, needed) for entry in entries)
    gaps = [e for e in entries if not e.is_usable and e.child.state is not ChildState.SPARED]
    return Outcome(
        OutcomeKind.JOINED_WITH_GAPS if gaps else OutcomeKind.JOINED,
        items.written(
            [found.item for found in kept.values()], as_json=settings.items.kind is ItemsKind.JSON
        ),
        contributions,
        {**coverage(entries, contributions), **_figures(readable, folded, named, needed)},
        _detail(settings, readable, named, kept, needed, gaps),
    )


def _needed(settings: Union, read: int) -> int:
    """Answers that must name an item. More than half, and all, are of the answers read."""
    if settings.least_support == "majority":
        return read // 2 + 1
    return read if settings.least_support == "all" else settings.least_support


def _named(readable: Sequence[Entry], folded: Mapping[str, str]) -> dict[str, Named]:
    """In the order of first seen."""
    named: dict[str, Named] = {}
    for entry in readable:
        for item in entry.data:
            found = named.setdefault(folded[item.key], Named(item))
            if not found.sources or found.sources[-1] != entry.child.index:
                found.sources.append(entry.child.index)
    return named


def _contribution(
    entry: Entry, folded: Mapping[str, str], named: Mapping[str, Named], needed: int
) -> Contribution:
    if entry.value is None:
        return unused(entry)
    index = entry.child.index
    own = {folded[item.key] for item in entry.data}
    if not own:
        return used(entry, "it lists nothing", entry.value)
    kept = sum(named[key].support >= needed for key in own)
    known = sum(named[key].sources[0] != index for key in own)
    if not kept:
        kind, said = ContributionKind.OUTVOTED, _none_kept(len(own), needed)
    elif needed == 1 and known == len(own):
        kind, said = ContributionKind.DUPLICATE, _all_known(len(own))
    else:
        kind, said = ContributionKind.USED, _share(kept, len(own), known, needed)
    repeats = len(entry.data) - len(own)
    notes = [said, f"{repeats} named again within the answer" if repeats else "", entry.note]
    return Contribution(index, kind, sentence("; ".join(filter(None, notes))), entry.value)


def _share(kept: int, own: int, known: int, needed: int) -> str:
    said = [f"{kept} of its {_items(own)} {'is' if kept == 1 else 'are'} in the list"]
    if known:
        said.append(f"{known} had been named by earlier answers")
    if kept < own:
        said.append(f"{own - kept} named by fewer than {needed} answers")
    return "; ".join(said)


def _none_kept(own: int, needed: int) -> str:
    if own == 1:
        return f"its item is named by fewer than {needed} answers"
    return f"each of its {own:,} items is named by fewer than {needed} answers"


def _all_known(own: int) -> str:
    if own == 1:
        return "its item had been named by an earlier answer"
    return f"all its {own:,} items had been named by earlier answers"


def _items(count: int) -> str:
    return f"{count:,} item{'' if count == 1 else 's'}"


def _figures(
    readable: Sequence[Entry], folded: Mapping[str, str], named: Mapping[str, Named], needed: int
) -> dict[str, Any]:
    """`named`: different items; `items`: those in the list; `mentions`: as answers named them;
    `folded`: mentions that were duplicates; `alike`: spellings folded by likeness; `support`:
    items by the answers that name them; `agreement`: the mean share of answers behind an item,
    absent where none is named."""
    mentions = sum(len(entry.data) for entry in readable)
    supports = [found.support for found in named.values()]
    by_support = sorted(Counter(supports).items())
    best = sorted(named.values(), key=lambda found: -found.support)[:MOST_LISTED]
    found = {
        "read": len(readable),
        "needed": needed,
        "items": sum(support >= needed for support in supports),
        "named": len(named),
        "below_support": sum(support < needed for support in supports),
        "mentions": mentions,
        "folded": mentions - len(named),
        "alike": sum(key != canonical for key, canonical in folded.items()),
        "support": {str(support): count for support, count in by_support},
        "sources": [_listed(found, needed) for found in best],
        "sources_others": len(named) - len(best),
    }
    if supports:
        found["agreement"] = sum(supports) / len(supports) / len(readable)
    return found


def _listed(found: Named, needed: int) -> dict[str, Any]:
    text = found.item.text
    return {
        "item": text if len(text) <= LONGEST_LISTED else f"{text[: LONGEST_LISTED - 1]}…",
        "support": found.support,
        "sources": found.sources[:MOST_SOURCES],
        "is_in": found.support >= needed,
    }


def _detail(
    settings: Union,
    readable: Sequence[Entry],
    named: Mapping[str, Named],
    kept: Mapping[str, Named],
    needed: int,
    gaps: Sequence[Entry],
) -> str:
    answers = "1 answer" if len(readable) == 1 else f"{len(readable):,} answers"
    said = [f"{_items(len(kept))} from {answers}."]
    if len(kept) < len(named):
        left_out = _items(len(named) - len(kept))
        said.append(f"{left_out} left out: named by fewer than {needed} answers.")
    if settings.likeness < 100 and len(named) > likeness.MOST_COMPARED:
        said.append(f"Only the first {likeness.MOST_COMPARED:,} were compared for likeness.")
    if gaps:
        said.append(f"Missing: {listing(gaps)}.")
    cut = [entry for entry in readable if entry.child.is_cut]
    if cut:
        said.append(f"Cut by the output limit: {listing(cut)}.")
    return " ".join(said)
