"""Fields: JSON objects voted on field by field. A field that ties is null unless a rule settles it.

The result may be an object that no single answer gave; the figures say how many gave it whole.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runs.aggregation import jsontext, schemas
from runs.aggregation.entries import Entry, coverage, listing, noted, sentence, unused, used
from runs.aggregation.jsontext import ABSENT
from runs.domain.joins import Fields
from runs.domain.results import (
    CallsSoFar,
    Child,
    ChildState,
    Contribution,
    ContributionKind,
    Outcome,
    OutcomeKind,
)

LONGEST_TEXT = 100_000  # characters looked at, from the end
LONGEST_OBJECT = 50_000  # characters
MOST_FIELDS = 200  # of one object
LONGEST_SHOWN = 120  # characters of an object in a table
MOST_LISTED = 100  # fields that the figures list
MOST_VALUES = 5  # of one field there
_MOST_TRIED = 8  # objects of one answer


@dataclass(frozen=True, slots=True)
class Ballot:
    """The votes on one field: values by their comparable spelling ("" for the field left out), the
    first seen first, each with the value as first written and the children that gave it."""

    values: Mapping[str, Any]
    voters: Mapping[str, Sequence[int]]

    @property
    def leaders(self) -> tuple[str, ...]:
        return tuple(key for key, given in self.voters.items() if len(given) == self.most)

    @property
    def most(self) -> int:
        return max(map(len, self.voters.values()))


def enter(settings: Fields, child: Child) -> Entry:
    """An answer as its object: `data`. One that does not fit the schema is unreadable."""
    if child.state is not ChildState.ANSWERED:
        return Entry(child, None, note=child.reason)
    found, note = _object(settings, child.text)
    notes = noted(child, note)
    if found is None:
        return Entry(child, None, note=notes)
    return Entry(child, _short(found), note=notes, data=found)


def reading(settings: Fields, text: str) -> str | None:
    found, _ = _object(settings, text)
    return None if found is None else _short(found)


def join(settings: Fields, entries: Sequence[Entry], calls: CallsSoFar) -> Outcome:
    """Asks for no calls. A field that an answer leaves out is a vote for leaving it out."""
    readable = [entry for entry in entries if entry.is_usable]
    ballots = {name: _ballot(name, readable) for name in _names(settings, readable)}
    ties = [name for name, ballot in ballots.items() if _is_tied(settings, ballot)]
    result = {
        name: None if name in ties else ballot.values[ballot.leaders[0]]
        for name, ballot in ballots.items()
        if name in ties or ballot.leaders[0]
    }
    is_empty_handed = bool(ties) and len(ties) == len(ballots)
    contributions = tuple(_contribution(entry, ballots, ties) for entry in entries)
    misfit = schemas.misfit(settings.schema, result)
    return Outcome(
        OutcomeKind.TIE if ties else OutcomeKind.DECIDED,
        None if is_empty_handed else json.dumps(result, ensure_ascii=False, indent=2),
        contributions,
        {
            **coverage(entries, contributions),
            **_figures(readable, ballots, ties, result),
            "fits_schema": not misfit,
        },
        _detail(readable, ballots, ties, misfit if not ties else "", entries),
    )


# Reading an object


def _object(settings: Fields, text: str) -> tuple[dict[str, Any] | None, str]:
    """The last object that fits and how it was read, strictly parsed before mended; or why none."""
    if not text.strip():
        return None, "the answer is empty"
    found = list(jsontext.objects(text[-LONGEST_TEXT:]))
    if not found:
        return None, "it holds no JSON object"
    if found[-1] is None:
        return None, "its JSON is cut before its end"
    why = ""
    for load, note in ((jsontext.strict, ""), (jsontext.mended, "read after mending its JSON")):
        for segment in reversed(found[-_MOST_TRIED:]):
            value = load(segment) if segment and len(segment) <= LONGEST_OBJECT else ABSENT
            if not isinstance(value, dict):
                continue
            misfit = _misfit(settings, value)
            if not misfit:
                return value, note
            why = why or misfit
    return None, why or "its JSON cannot be read"


def _misfit(settings: Fields, value: Mapping[str, Any]) -> str:
    if len(value) > MOST_FIELDS:
        return f"its object has more than {MOST_FIELDS} fields"
    misfit = schemas.misfit(settings.schema, value)
    return f"it does not fit the schema: {misfit}" if misfit else ""


def _short(value: Mapping[str, Any]) -> str:
    line = json.dumps(value, ensure_ascii=False)
    return line if len(line) <= LONGEST_SHOWN else f"{line[: LONGEST_SHOWN - 1]}…"


# Voting


def _names(settings: Fields, readable: Sequence[Entry]) -> list[str]:
    """Fields that any answer has: in the order of the schema, then of first seen."""
    seen = dict.fromkeys(name for entry in readable for name in entry.data)
    properties = settings.schema.get("properties")
    known = properties if isinstance(properties, Mapping) else {}
    return [
        *(name for name in known if name in seen),
        *(name for name in seen if name not in known),
    ]


def _ballot(name: str, readable: Sequence[Entry]) -> Ballot:
    values: dict[str, Any] = {}
    voters: dict[str, list[int]] = {}
    for entry in readable:
        value = entry.data.get(name, ABSENT)
        key = "" if value is ABSENT else jsontext.comparable(value)
        values.setdefault(key, value)
        voters.setdefault(key, []).append(entry.child.index)
    return Ballot(values, voters)


def _is_tied(settings: Fields, ballot: Ballot) -> bool:
    return settings.ties == "declare" and len(ballot.leaders) > 1


def _contribution(entry: Entry, ballots: Mapping[str, Ballot], ties: Sequence[str]) -> Contribution:
    if entry.value is None:
        return unused(entry)
    index = entry.child.index
    settled = [name for name in ballots if name not in ties]
    agrees = [name for name in settled if index in ballots[name].voters[ballots[name].leaders[0]]]
    tied = [
        name
        for name in ties
        if any(index in ballots[name].voters[v] for v in ballots[name].leaders)
    ]
    said = [f"agrees in {len(agrees)} of {len(settled)} settled fields"] if settled else []
    if len(settled) - len(agrees) in range(1, 4):
        against = "”, “".join(name[:40] for name in settled if name not in agrees)
        said.append(f"not in “{against}”")
    if tied:
        said.append(f"among the leaders of {len(tied)} tied")
    reason = "; ".join(said) or "its object has no field"
    if agrees or tied or not ballots:
        return used(entry, reason, entry.value)
    noted = f"{reason}; {entry.note}" if entry.note else reason
    return Contribution(index, ContributionKind.OUTVOTED, sentence(noted), entry.value)


# Figures


def _figures(
    readable: Sequence[Entry],
    ballots: Mapping[str, Ballot],
    ties: Sequence[str],
    result: Mapping[str, Any],
) -> dict[str, Any]:
    """`agreement`: the mean over the fields of the share that gives the leading value, absent
    where no answer was readable; `whole`: answers that give the very result."""
    spelled = jsontext.comparable(result)
    shares = [ballot.most / len(readable) for ballot in ballots.values()]
    found: dict[str, Any] = {
        "read": len(readable),
        "whole": sum(jsontext.comparable(entry.data) == spelled for entry in readable),
        "field_ties": list(ties)[:MOST_LISTED],
        "fields": {
            name: _of_field(ballot, len(readable), name in ties)
            for name, ballot in list(ballots.items())[:MOST_LISTED]
        },
        "fields_others": max(len(ballots) - MOST_LISTED, 0),
    }
    if readable:
        found["agreement"] = sum(shares) / len(shares) if shares else 1.0
        found["least_agreement"] = min(shares, default=1.0)
    return found


def _of_field(ballot: Ballot, read: int, is_tied: bool) -> dict[str, Any]:
    ranked = sorted(ballot.voters, key=lambda key: -len(ballot.voters[key]))[:MOST_VALUES]
    return {
        "votes": ballot.most,
        "agreement": ballot.most / read,
        "is_tied": is_tied,
        "values": [[_shown(ballot.values[key]), len(ballot.voters[key])] for key in ranked],
        "different": len(ballot.voters),
    }


def _shown(value: Any) -> str | None:
    """None for a field that is left out."""
    if value is ABSENT:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def _detail(
    readable: Sequence[Entry],
    ballots: Mapping[str, Ballot],
    ties: Sequence[str],
    misfit: str,
    entries: Sequence[Entry],
) -> str:
    of = f"{len(ballots)} field{'' if len(ballots) == 1 else 's'}"
    answers = f"{len(readable):,} answer{'' if len(readable) == 1 else 's'}"
    settled = len(ballots) - len(ties)
    said = [
        f"{of} voted on by {answers}." if not ties else f"{settled} of {of} settled by {answers}."
    ]
    if ties:
        named = ", ".join(f"“{name[:40]}”" for name in ties[:5])
        more = f" and {len(ties) - 5} more" if len(ties) > 5 else ""
        said.append(f"Tied: {named}{more}.")
    if misfit:
        said.append(f"Together they do not fit the schema: {sentence(misfit)}")
    lost = [entry for entry in entries if entry.is_unreadable]
    if lost:
        said.append(f"Unreadable: {listing(lost)}.")
    return " ".join(said)
