"""Checks on the join, computed from the outcome: what became of every branch, told or not."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runs.models import Join, Outcome, Run
from runs.presenters import figures
from runs.presenters.run_rows import READ_ROLES
from runs.queries import runs as queries
from runs.queries.runs import BranchRow

MOST_NAMED = 5
MOST_REASONS = 3
MOST_CELLS = 600
TRIES = re.compile(r"^Failed( after \d+ tries)?\. ")


@dataclass(frozen=True, slots=True)
class Link:
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Check:
    """`links` are the branches it speaks of, at most a few; `more` counts the others."""

    icon: str
    text: str
    links: tuple[Link, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """A child in the grid of contributions."""

    number: int | None
    display: int
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    kind: str
    icon: str
    text: str
    count: int
    links: tuple[Link, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Contributions:
    what: str
    cells: tuple[Cell, ...]
    lines: tuple[Line, ...]
    more: int = 0


KINDS = {
    "used": ("done", "used"),
    "outvoted": ("lost-vote", "outvoted"),
    "duplicate": ("same", "folded into another"),
    "unreadable": ("warn", "unreadable"),
    "failed": ("gap", "failed"),
    "missing": ("off", "missing"),
    "spared": ("spared", "spared, not needed"),
}


def contributions(
    run: Run, outcome: Outcome | None, children: Sequence[BranchRow]
) -> Contributions | None:
    """The grid: what became of each child. None while the join has no outcome."""
    if outcome is None:
        return None
    known = {child["index"]: child for child in children}
    cells = [
        _cell(known.get(child), child, kind, reason)
        for child, kind, reason, _ in outcome.contributions
    ]
    by_kind = {kind: [cell for cell in cells if cell.kind == kind] for kind in KINDS}
    lines = tuple(_line(kind, found) for kind, found in by_kind.items() if found)
    what = "vote" if run.pattern == "voting" else "branch" if run.method == "gate" else "section"
    return Contributions(what, tuple(cells[:MOST_CELLS]), lines, max(len(cells) - MOST_CELLS, 0))


def _cell(branch: BranchRow | None, child: int, kind: str, reason: str) -> Cell:
    label = (branch["label"] if branch else "") or f"{child + 1}"
    title = f"{label}: {KINDS.get(kind, ('', kind))[1]}" + (f". {reason}" if reason else "")
    return Cell(branch["number"] if branch else None, child + 1, kind, title)


def _line(kind: str, cells: Sequence[Cell]) -> Line:
    icon, words = KINDS[kind]
    is_named = kind not in ("used", "outvoted", "spared")
    named = [Link(cell.number, str(cell.display)) for cell in cells if cell.number is not None]
    links = tuple(named[:MOST_NAMED]) if is_named else ()
    return Line(
        kind, icon, words, len(cells), links, max(len(cells) - len(links), 0) if links else 0
    )


def checks(
    run: Run, root: Join | None, outcome: Outcome | None, children: Sequence[BranchRow]
) -> list[Check]:
    """In the order of weight: do the branches add up, then every kind of loss, then the rules."""
    found = [_adds_up(run, root, outcome, children)]
    found += _unreadable(run, children)
    found += _failed(run, children)
    found += _missing(outcome, children)
    found += _cut(children, "answer")
    if outcome is not None and run.method == "merge":
        found += _cut(queries.asked_calls(run), "merge")
    found += _tie(run, outcome)
    found += _told_of_gaps(run, outcome)
    found += [Check("warn", warning) for warning in run.warnings]
    if run.is_simulated:
        found.append(Check("warn", "The answers are simulated: they say nothing about a model"))
    if run.is_replayed:
        found.append(Check("warn", "The answers are replayed from a recording: no model was asked"))
    return found


def _adds_up(
    run: Run, root: Join | None, outcome: Outcome | None, children: Sequence[BranchRow]
) -> Check:
    what = "vote" if run.pattern == "voting" else "branch"
    planned = root.children if root else run.branches_planned
    if outcome is None:
        ended = sum(child["status"] not in ("pending", "running") for child in children)
        if run.ended_at is not None:
            return Check("off", "The run ended before its join: nothing was joined")
        return Check("wait", f"{ended:,} of {planned:,} have ended; they are counted when all have")
    seen = Counter(entry[0] for entry in outcome.contributions)
    if len(seen) == planned == sum(seen.values()) and set(seen) == set(range(planned)):
        kinds = Counter(entry[1] for entry in outcome.contributions)
        told = ", ".join(
            f"{kinds[kind]:,} {words}" for kind, (_, words) in KINDS.items() if kinds[kind]
        )
        return Check("done", f"Every {what} is counted once: {told}")
    return Check("fail", f"The contributions do not add up: {len(seen):,} of {planned:,} are named")


def _named(icon: str, text: str, branches: Sequence[BranchRow]) -> list[Check]:
    if not branches:
        return []
    links = tuple(
        Link(one["number"], f"branch {one['number'] + 1}") for one in branches[:MOST_NAMED]
    )
    return [Check(icon, text, links, max(len(branches) - MOST_NAMED, 0))]


def _unreadable(run: Run, children: Sequence[BranchRow]) -> list[Check]:
    reads = READ_ROLES.get(run.method, ())
    lost = [
        child
        for child in children
        if child["status"] == "succeeded" and not child["reading"] and child["role"] in reads
    ]
    verb = "counts" if len(lost) == 1 else "count"
    text = f"{figures.plural(len(lost), 'answer')} could not be read and {verb} for nothing:"
    return _named("warn", text, lost)


def _failed(run: Run, children: Sequence[BranchRow]) -> list[Check]:
    failed = [child for child in children if child["status"] == "failed"]
    reads = READ_ROLES.get(run.method, ())
    heard = sum(
        child["status"] == "succeeded" and (child["role"] not in reads or bool(child["reading"]))
        for child in children
    )
    policy = run.spec.get("on_failure") or {}
    consequence = {
        "stop": "the first failure stops the run",
        "all": "all are needed",
        "at_least": f"{policy.get('least', 1)} are needed, {heard} are in",
        "mark_gaps": "the join goes on without" if run.pattern == "voting" else "marked as gaps",
    }.get(policy.get("policy", ""), "")
    text = f"{figures.plural(len(failed), 'branch', 'branches')} failed; {consequence}:"
    return [*_named("fail", text, failed), *_why(failed)]


def _why(failed: Sequence[BranchRow]) -> list[Check]:
    """What most of them failed for, without the number of tries, which differs."""
    said = Counter(TRIES.sub("", child["reason"]) for child in failed if child["reason"])
    return [
        Check("warn", f"Why: {words}" if count == len(failed) else f"{count:,} of them: {words}")
        for words, count in said.most_common(MOST_REASONS)
    ]


def _missing(outcome: Outcome | None, children: Sequence[BranchRow]) -> list[Check]:
    cancelled = [child for child in children if child["status"] == "cancelled"]
    found = _named(
        "off", f"{figures.plural(len(cancelled), 'branch', 'branches')} cancelled:", cancelled
    )
    if outcome is None:
        return found
    known = {child["index"] for child in children}
    unopened = [e for e in outcome.contributions if e[1] == "missing" and e[0] not in known]
    if unopened:
        found.append(
            Check("off", f"{figures.plural(len(unopened), 'branch', 'branches')} never started")
        )
    return found


def _cut(branches: Sequence[BranchRow], what: str) -> list[Check]:
    cut = [branch for branch in branches if branch["cut"]]
    verb = "was" if len(cut) == 1 else "were"
    told = figures.plural(len(cut), what)
    return _named("warn", f"{told} ended at the output limit and {verb} accepted cut:", cut)


def _tie(run: Run, outcome: Outcome | None) -> list[Check]:
    if outcome is None or run.method != "majority":
        return []
    votes = sorted((outcome.quality.get("tally") or {}).values(), reverse=True)
    is_level = len(votes) > 1 and votes[0] == votes[1]
    if not is_level:
        return [Check("done", "No tie")] if votes else []
    if run.spec["join"].get("ties") == "first_seen":
        return [
            Check("tie", f"{votes[0]} to {votes[1]}: a tie, won by the answer seen first, as asked")
        ]
    return [Check("tie", f"{votes[0]} to {votes[1]}: a tie, and told as one")]


def _told_of_gaps(run: Run, outcome: Outcome | None) -> list[Check]:
    if outcome is None or not outcome.value or run.method not in ("merge", "concatenate"):
        return []
    gaps = sum(kind in ("failed", "missing") for _, kind, *_ in _entries(outcome))
    if not gaps:
        return [Check("done", "No part is missing")]
    if run.method == "concatenate":
        return [Check("done", f"The text marks {figures.plural(gaps, 'gap')}")]
    return [Check("done", f"The merge prompts were told of {figures.plural(gaps, 'gap')}")]


def _entries(outcome: Outcome) -> Sequence[Sequence[Any]]:
    return outcome.contributions
