"""What a run's join gave, or gives so far: votes, a text from sections, or a gate."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from runs.domain.results import OutcomeKind
from runs.models import Outcome, Run
from runs.presenters import figures, run_stop
from runs.presenters.run_rows import bare_label
from runs.presenters.run_state import Pill, branch_pill, outcome_pill
from runs.queries import runs as queries
from runs.queries.runs import BranchRow

MOST_CELLS = 60
MOST_PARTS = 200
TITLES = {
    "concatenate": "Joined text",
    "merge": "Merged text",
    "union": "One list",
    "numeric": "Number",
    "fields": "JSON object",
    "judge": "The judge’s choice",
}
TONES = {"done": "done", "gaps": "gaps", "tie": "tie", "failed": "failed"}


@dataclass(frozen=True, slots=True)
class Vote:
    """`cells` is the track, true where filled; empty for many votes, drawn as one bar then."""

    value: str
    votes: int
    of: int
    tone: str
    cells: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    tone: str
    label: str
    value: str
    text: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the joined text: `gap` says why there is none."""

    number: int | None
    display: int
    label: str
    text: str
    gap: str = ""


@dataclass(frozen=True, slots=True)
class Guard:
    number: int
    label: str
    icon: str
    word: str
    reading: str


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One panel; `kind` (votes, text, gate, none) says which fields are filled.

    `is_told`: the verdict says why the run ended as it did.
    """

    kind: str
    title: str
    hint: str = ""
    pill: Pill | None = None
    votes: tuple[Vote, ...] = ()
    more_votes: int = 0
    verdict: Verdict | None = None
    told: tuple[str, ...] = ()
    pieces: tuple[Piece, ...] = ()
    more_pieces: int = 0
    text: str = ""
    guards: tuple[Guard, ...] = ()
    withheld: str = ""
    progress: tuple[tuple[str, int, int], ...] = field(default=())
    is_told: bool = False


def aggregate(run: Run, outcome: Outcome | None, children: Sequence[BranchRow]) -> Aggregate:
    method = run.spec["join"]["method"]
    if method == "majority":
        return _votes(run, outcome, children)
    if method == "gate":
        return _gate(run, outcome, children)
    return _text(run, outcome, children, method)


# Votes


def _votes(run: Run, outcome: Outcome | None, children: Sequence[BranchRow]) -> Aggregate:
    tally = (outcome.quality.get("tally") if outcome else None) or queries.tally(run, 0)
    ranked = sorted(tally.items(), key=lambda pair: (-pair[1], pair[0]))
    answered = sum(child["status"] == "succeeded" for child in children)
    unreadable = sum(child["status"] == "succeeded" and not child["reading"] for child in children)
    hint = f"{answered - unreadable:,} counted"
    if unreadable:
        hint += f" · {unreadable:,} unreadable"
    return Aggregate(
        kind="votes",
        title="Votes",
        hint=hint,
        pill=outcome_pill(outcome.kind) if outcome else None,
        votes=tuple(_vote(run, ranked, place) for place in range(min(len(ranked), 12))),
        more_votes=max(len(ranked) - 12, 0),
        verdict=_decision(outcome, ranked, children)
        if outcome
        else _undecided(run, answered) or _leading(run, ranked, children),
        told=run_stop.told(run, outcome, ranked, children),
        is_told=outcome is not None and _says_all(run, outcome),
    )


def _says_all(run: Run, outcome: Outcome) -> bool:
    """Whether the verdict has the run's reason; a cap that was reached is told beside it."""
    return run.reason in {"", outcome.detail[:300]}


def _vote(run: Run, ranked: Sequence[tuple[str, int]], place: int) -> Vote:
    value, votes = ranked[place]
    leaders = sum(count == ranked[0][1] for _, count in ranked)
    tone = "level" if votes == ranked[0][1] and leaders > 1 else "" if place == 0 else "lose"
    of = max(run.branches_planned, 1)
    cells = tuple(n < votes for n in range(of)) if of <= MOST_CELLS else ()
    return Vote(value, votes, of, tone, cells)


def _undecided(run: Run, answered: int) -> Verdict | None:
    """Of a run that ended before its join, else None."""
    if run.ended_at is None:
        return None
    came = f"{figures.plural(answered, 'answer')} came in; they were not joined."
    return Verdict("off", "The run ended before its join", "", came)


def _leading(run: Run, ranked: Sequence[tuple[str, int]], children: Sequence[BranchRow]) -> Verdict:
    ended = sum(child["status"] not in ("pending", "running") for child in children)
    still_open = run.branches_planned - ended
    if not ranked:
        return Verdict(
            "off", "No vote yet", "", f"{figures.plural(still_open, 'vote')} still open."
        )
    value, first = ranked[0]
    second = ranked[1][1] if len(ranked) > 1 else 0
    lead = first - second
    votes_open = (
        f"{figures.plural(still_open, 'vote')} {'is' if still_open == 1 else 'are'} still open"
    )
    if lead == 0:
        return Verdict("tie", "Level", f"{first} to {second}", f"{votes_open}.")
    if lead > still_open:
        return Verdict("done", "Leading", value, f"Nothing can change it any more: {votes_open}.")
    rival = f"“{ranked[1][0]}”" if second else "Another answer"
    return Verdict(
        "done", "Leading", value, f"{votes_open}. {rival} would need {lead} more to draw level."
    )


def _decision(
    outcome: Outcome, ranked: Sequence[tuple[str, int]], children: Sequence[BranchRow]
) -> Verdict:
    pill = outcome_pill(outcome.kind)
    value = outcome.value or ""
    if not value and outcome.kind == "tie" and ranked:
        level = [name for name, votes in ranked if votes == ranked[0][1]]
        value = " and ".join(level) if len(level) < 4 else f"{len(level)} answers are level"
    return Verdict(TONES.get(pill.tone, "off"), pill.text, value, _why(outcome, children))


def _why(outcome: Outcome, children: Sequence[BranchRow]) -> str:
    """The join's own words; where a failure ended the run, what failed apart from what ended
    for it."""
    failed = [child for child in children if child["status"] == "failed"]
    cancelled = sum(child["status"] == "cancelled" for child in children)
    if outcome.kind != OutcomeKind.FAILED or not failed or not cancelled:
        return outcome.detail
    others = f" and {len(failed) - 1:,} more" if len(failed) > 1 else ""
    ended = f"{figures.plural(cancelled, 'branch', 'branches')} {_was(cancelled)} cancelled for it"
    return f"Branch {failed[0]['number'] + 1}{others} failed; {ended}."


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


# A text from sections


def _text(
    run: Run, outcome: Outcome | None, children: Sequence[BranchRow], method: str
) -> Aggregate:
    """Only a concatenation is shown part by part; all others give a whole of their own."""
    title, is_whole = TITLES.get(method, "Outcome"), method != "concatenate"
    if outcome is None:
        answered = sum(child["status"] == "succeeded" for child in children)
        verdict, progress = _undecided(run, answered), _progress(run, children, method == "merge")
        return Aggregate("text", title, verdict=verdict, progress=() if verdict else progress)
    text, pill = outcome.value or "", outcome_pill(outcome.kind)
    gaps = _gaps(outcome, children)
    pieces = gaps if is_whole or not text else _pieces(run, outcome, children)
    words = f"{figures.plural(len(text.split()), 'word')}" if text else ""
    hint = " · ".join(
        part for part in (words, figures.plural(len(gaps), "gap") if gaps and text else "") if part
    )
    tone, why = TONES.get(pill.tone, "off"), _why(outcome, children)
    verdict = None if text else Verdict(tone, pill.text, "", why)
    return Aggregate(
        "text",
        title,
        hint,
        pill,
        verdict=verdict,
        pieces=pieces,
        text=text,
        more_pieces=max(len(children) - MOST_PARTS, 0) if not is_whole else 0,
        is_told=not text and _says_all(run, outcome),
    )


def _progress(
    run: Run, children: Sequence[BranchRow], is_merge: bool
) -> tuple[tuple[str, int, int], ...]:
    ended = sum(child["status"] not in ("pending", "running") for child in children)
    lines = [("Sections ended", ended, max(run.branches_planned, 1))]
    if is_merge:
        calls = queries.asked_calls(run)
        done = sum(call["status"] == "succeeded" for call in calls)
        expected = max(run.estimate.get("merge_calls") or 0, len(calls))
        if expected:
            lines.append(("Merges written", done, expected))
    return tuple(lines)


def _gaps(outcome: Outcome, children: Sequence[BranchRow]) -> tuple[Piece, ...]:
    known = {child["index"]: child for child in children}
    return tuple(
        _gap(known.get(child), child, kind, reason)
        for child, kind, reason, _ in outcome.contributions
        if kind in ("failed", "missing", "unreadable")
    )


def _gap(branch: BranchRow | None, child: int, kind: str, reason: str) -> Piece:
    label = bare_label(branch) if branch else ""
    number = branch["number"] if branch else None
    return Piece(number, child + 1, label or f"part {child + 1}", "", reason or kind)


def _pieces(run: Run, outcome: Outcome, children: Sequence[BranchRow]) -> tuple[Piece, ...]:
    shown = children[:MOST_PARTS]
    texts = queries.answers(run, (child["number"] for child in shown))
    gaps = {piece.display: piece for piece in _gaps(outcome, children)}
    return tuple(
        gaps.get(child["index"] + 1)
        or Piece(
            child["number"], child["index"] + 1, bare_label(child), texts.get(child["number"], "")
        )
        for child in shown
    )


# A gate


def _gate(run: Run, outcome: Outcome | None, children: Sequence[BranchRow]) -> Aggregate:
    passes = {str(value).casefold() for value in run.spec["join"].get("passes", ("pass",))}
    guards = tuple(_guard(child, passes) for child in children if child["role"] == "guard")
    main = next((child for child in children if child["role"] == "section"), None)
    passed = sum(guard.word == "passed" for guard in guards)
    hint = f"{passed} of {figures.plural(len(guards), 'guard')} passed"
    if outcome is None:
        verdict = _undecided(run, sum(c["status"] == "succeeded" for c in children)) or Verdict(
            "off", "Not decided yet", "", "The answer goes out only when the guards have spoken."
        )
        return Aggregate("gate", "Gate", hint, guards=guards, verdict=verdict)
    pill = outcome_pill(outcome.kind)
    tone = (
        "done"
        if outcome.kind == "released"
        else "failed"
        if outcome.kind == "withheld"
        else pill.tone
    )
    text = queries.answers(run, [main["number"]]).get(main["number"], "") if main else ""
    is_released = outcome.kind == "released"
    return Aggregate(
        "gate",
        "Gate",
        hint,
        pill,
        guards=guards,
        verdict=Verdict(tone, "The answer was", pill.text.lower(), outcome.detail),
        text=outcome.value or text if is_released else "",
        withheld="" if is_released else text,
        is_told=_says_all(run, outcome),
    )


def _guard(branch: BranchRow, passes: set[str]) -> Guard:
    label = branch["label"] or f"Guard {branch['index'] + 1}"
    pill = branch_pill(branch["status"], branch["tries"])
    if branch["status"] != "succeeded":
        return Guard(branch["number"], label, pill.icon or "live", pill.text.lower(), "")
    reading = branch["reading"]
    if not reading:
        return Guard(branch["number"], label, "warn", "unreadable", "")
    if reading.casefold() in passes:
        return Guard(branch["number"], label, "done", "passed", reading)
    return Guard(branch["number"], label, "held-back", "objected", reading)
