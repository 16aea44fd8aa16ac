"""Judge: a model picks the best answer, or scores each by a rubric. It sees no names.

Equal answers are judged as one. A judge that failed, or whose verdict is off the menu, settles
nothing: all answers are kept, and no other rule steps in for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from runs.aggregation import verdicts
from runs.aggregation.entries import (
    Entry,
    coverage,
    listing,
    name_of,
    sentence,
    unused,
    used,
    without_result,
)
from runs.aggregation.verdicts import Candidate
from runs.domain.joins import SCORE_PROMPT, Judge
from runs.domain.plan import Role
from runs.domain.results import (
    Ask,
    CallKey,
    CallsSoFar,
    ChildState,
    Contribution,
    ContributionKind,
    JoinCall,
    Outcome,
    OutcomeKind,
)


@dataclass(frozen=True, slots=True)
class _Ruling:
    """Who won, by place among the children: `says` of each judged answer, `several`: the outcome
    where there is more than one winner, `values`: what was read for an answer."""

    winners: Sequence[int]
    says: Mapping[int, str]
    detail: str
    figures: Mapping[str, Any]
    several: OutcomeKind = OutcomeKind.DISAGREEMENT
    values: Mapping[int, str] = field(default_factory=dict)


def join(settings: Judge, entries: Sequence[Entry], calls: CallsSoFar) -> Outcome | Ask:
    """Asks for all verdicts of a wave at once and concludes only when they are in."""
    first_of = _firsts(entries)
    judged = [entry for entry in entries if first_of.get(_place(entry)) == _place(entry)]
    if len(judged) == 1:
        return _outcome(entries, first_of, _unjudged(judged[0], len(first_of)))
    rule = _picked if settings.mode == "pick" else _scored
    ruling = rule(settings, entries, judged, calls)
    return _outcome(entries, first_of, ruling) if isinstance(ruling, _Ruling) else ruling


def _place(entry: Entry) -> int:
    return entry.child.index


def _firsts(entries: Sequence[Entry]) -> dict[int, int]:
    """For every usable child the first one that gave the very same text."""
    first_by_text: dict[str, int] = {}
    return {
        _place(entry): first_by_text.setdefault(entry.value.strip(), _place(entry))
        for entry in entries
        if entry.value is not None
    }


def _unjudged(only: Entry, usable: int) -> _Ruling:
    if usable > 1:
        detail = f"All {usable} usable answers are the same; no judge was needed."
    else:
        detail = f"{name_of(only.child)} gave the only usable answer; no judge was needed."
    says = {_place(only): "the only answer; taken without a judge"}
    return _Ruling((_place(only),), says, detail, {"judge_calls": 0})


def _picked(
    settings: Judge, entries: Sequence[Entry], judged: Sequence[Entry], calls: CallsSoFar
) -> _Ruling | Outcome | Ask:
    shown = [Candidate(_place(entry), entry.value or "") for entry in judged]
    result = verdicts.pick(settings.judge, shown, len(_gaps(entries)), calls)
    if isinstance(result, Ask):
        return result
    figures: dict[str, Any] = {"judge_calls": result.calls, "levels": result.levels}
    if result.failure:
        return _failed(entries, f"The judge gave {result.failure}", figures)
    winners = [entry for entry in judged if _place(entry) in result.winners]
    names = " and ".join(name_of(entry.child) for entry in winners)
    says = dict.fromkeys(map(_place, judged), "not picked by the judge")
    if len(winners) == 1:
        says[_place(winners[0])] = "picked by the judge in both orders"
        detail = f"The judge picked {names} of {len(judged)} answers, in both orders."
    else:
        says |= dict.fromkeys(result.winners, "picked by the judge in one order, not in the other")
        detail = f"The judge's two verdicts differ: {names}, each in one order."
    figures["judge_disagreed"] = len(winners) > 1
    detail += _shortened([candidate.text for candidate in shown])
    return _Ruling(result.winners, says, detail, figures)


def _scored(
    settings: Judge, entries: Sequence[Entry], judged: Sequence[Entry], calls: CallsSoFar
) -> _Ruling | Outcome | Ask:
    """One score an answer. Without one of them nobody knows which is highest."""
    wanted = [_score_call(settings, entry) for entry in judged if _key(entry) not in calls]
    if wanted:
        return Ask(tuple(wanted))
    heard = {_place(entry): verdicts.score_verdict(calls[_key(entry)]) for entry in judged}
    scores = {place: verdict.value for place, verdict in heard.items() if verdict.value is not None}
    figures = {
        "judge_calls": len(calls),
        "scores": {str(place): _number(score) for place, score in scores.items()},
    }
    unscored = next((entry for entry in judged if _place(entry) not in scores), None)
    if unscored is not None:
        why = heard[_place(unscored)].note
        detail = f"The judge gave no score for {name_of(unscored.child)}: {why}"
        return _failed(entries, detail, figures)
    ruling = _ranked(judged, scores, figures)
    longest = max((entry.value or "" for entry in judged), key=len)
    return replace(ruling, detail=ruling.detail + _shortened([longest]))


def _ranked(
    judged: Sequence[Entry], scores: Mapping[int, str], figures: Mapping[str, Any]
) -> _Ruling:
    ranked = sorted({Fraction(score) for score in scores.values()}, reverse=True)
    winners = [place for place, score in scores.items() if Fraction(score) == ranked[0]]
    best = f"{scores[winners[0]]} of {verdicts.HIGHEST_SCORE}"
    says = {
        place: f"scored {score}, the best has {scores[winners[0]]}"
        for place, score in scores.items()
    }
    shared = ", as much as another answer" if len(winners) > 1 else ", the best"
    says |= dict.fromkeys(winners, f"scored {best}{shared}")
    names = listing([entry for entry in judged if _place(entry) in winners])
    if len(winners) == 1:
        second = f", the next best {float(ranked[1]):g}" if len(ranked) > 1 else ""
        detail = f"{names} scored {best}{second}."
    else:
        detail = f"The highest score, {best}, is shared: {names}."
    return _Ruling(winners, says, detail, figures, OutcomeKind.TIE, scores)


def _key(entry: Entry) -> CallKey:
    return CallKey(Role.JUDGE, 0, _place(entry))


def _score_call(settings: Judge, entry: Entry) -> JoinCall:
    text = verdicts.prompt(settings.judge, SCORE_PROMPT, [({}, entry.value or "")])
    menu = verdicts.schema(settings.judge, list(range(verdicts.HIGHEST_SCORE + 1)))
    return JoinCall(_key(entry), text, f"Score of {name_of(entry.child)}", menu)


def _number(score: str) -> int | float:
    return int(score) if score.isdecimal() else float(score)


def _gaps(entries: Sequence[Entry]) -> list[Entry]:
    spared = ChildState.SPARED
    return [entry for entry in entries if not entry.is_usable and entry.child.state is not spared]


def _shortened(texts: Sequence[str]) -> str:
    return " It read long answers shortened." if verdicts.is_shortened(texts) else ""


def _failed(entries: Sequence[Entry], detail: str, figures: Mapping[str, Any]) -> Outcome:
    return without_result(entries, OutcomeKind.JUDGE_FAILED, detail, quality=figures)


def _outcome(entries: Sequence[Entry], first_of: Mapping[int, int], ruling: _Ruling) -> Outcome:
    contributions = tuple(_contribution(entry, entries, first_of, ruling) for entry in entries)
    is_decided = len(ruling.winners) == 1
    value = next(entry.value for entry in entries if _place(entry) == ruling.winners[0])
    gaps = _gaps(entries)
    missing = f" Missing: {listing(gaps)}." if gaps else ""
    return Outcome(
        OutcomeKind.DECIDED if is_decided else ruling.several,
        (value or "").strip() if is_decided else None,
        contributions,
        {**coverage(entries, contributions), **ruling.figures},
        ruling.detail + missing,
    )


def _contribution(
    entry: Entry, entries: Sequence[Entry], first_of: Mapping[int, int], ruling: _Ruling
) -> Contribution:
    place = _place(entry)
    first = first_of.get(place)
    if first is None:
        return unused(entry)
    value = ruling.values.get(first)
    if first == place and place in ruling.winners:
        return used(entry, ruling.says[place], value)
    kind, reason = ContributionKind.OUTVOTED, ruling.says[first]
    if first != place:
        kind = ContributionKind.DUPLICATE
        named = next(name_of(other.child) for other in entries if _place(other) == first)
        reason = f"the same answer as {named}: {reason}"
    noted = f"{reason}; {entry.note}" if entry.note else reason
    return Contribution(place, kind, sentence(noted), value)


def reading(settings: Judge, text: str) -> str | None:
    """What one answer of the judge says, for display: a letter of its own menu, or a score."""
    if settings.mode == "pick":
        return verdicts.read_letter(text, verdicts.LETTERS).value
    return verdicts.read_score(text).value
