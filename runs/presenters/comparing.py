"""Passes of a run side by side: their settings, figures and outcomes against the first named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runs.models import Outcome, Run
from runs.planning import again
from runs.presenters import compare_figures, compare_parts, compare_rows
from runs.presenters.compare_figures import FigureRow
from runs.presenters.compare_parts import PartTable
from runs.presenters.compare_rows import RowTable, Wanted
from runs.presenters.join_words import brief, lines_of
from runs.presenters.nested import noun_of
from runs.presenters.passes import Listed, Passes
from runs.presenters.run_state import Pill, outcome_pill
from runs.queries import nested as nested_queries
from runs.queries import passes as queries

LONGEST_VALUE = 6_000


@dataclass(frozen=True, slots=True)
class Column:
    """A pass at the head of its column. `brief`: its join in a few words."""

    n: int
    brief: str
    listed: Listed
    value: "Value"


@dataclass(frozen=True, slots=True)
class Setting:
    what: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """What the root gave in a pass; `is_same` as in the baseline."""

    pill: Pill | None
    text: str
    detail: str
    is_same: bool
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """A pass that can be shown or left out; `passes` is what a click on it shows."""

    n: int
    brief: str
    is_on: bool
    passes: str


@dataclass(frozen=True, slots=True)
class Comparison:
    title: str
    lead: str
    say: str
    say_tone: str
    columns: tuple[Column, ...]
    choices: tuple[Choice, ...]
    differing: tuple[Setting, ...]
    alike: tuple[Setting, ...]
    figures: tuple[FigureRow, ...]
    rows: RowTable | None
    parts: PartTable | None
    address: str
    is_nested: bool
    noun: str

    @property
    def alike_count(self) -> int:
        return len(self.alike)


NUMBERS = ("No", "One", "Two", "Three", "Four")


def comparison(run: Run, passes: Passes, ns: Sequence[int], wanted: Wanted) -> Comparison:
    """`ns`: passes that there are, the baseline first."""
    by_n = {row.n: row for row in passes.rows}
    stored = {row.n: row for row in queries.passes_of(run)}
    frozen = queries.spec_in(run, queries.FIRST)
    specs = {n: again.merged(frozen, stored[n].settings) for n in stored}
    roots = queries.root_outcomes(run)
    ended = [n for n in ns if n in roots]
    is_nested = nested_queries.is_nested(run)
    differing, alike = _settings([specs[n] for n in ns])
    rows = compare_rows.table(run, ended, wanted) if is_nested and len(ended) > 1 else None
    parts = compare_parts.table(run, ended, roots) if not is_nested and len(ended) > 1 else None
    say, tone = _say(run, ended, roots, rows)
    count = f"{NUMBERS[len(ns)]} pass{'es' if len(ns) > 1 else ''}"
    return Comparison(
        title=f"{count} side by side" if len(ns) > 1 else f"Pass {ns[0]}",
        lead=_lead(ns),
        say=say,
        say_tone=tone,
        columns=tuple(
            Column(
                n, _name(n, specs[n]), by_n[n], _value(roots.get(n), roots.get(ns[0]), n == ns[0])
            )
            for n in ns
        ),
        choices=tuple(_choice(row, specs[row.n], ns) for row in passes.rows),
        differing=differing,
        alike=alike,
        figures=compare_figures.rows(
            run, ns, stored, roots, {n: str(specs[n]["join"]["method"]) for n in ns}
        ),
        rows=rows,
        parts=parts,
        address=",".join(map(str, ns)),
        is_nested=is_nested,
        noun=noun_of(run),
    )


def _columns(
    ns: Sequence[int],
    specs: Mapping[int, Mapping[str, Any]],
    by_n: Mapping[int, Listed],
    roots: Mapping[int, Outcome],
) -> tuple[Column, ...]:
    first = roots.get(ns[0])
    return tuple(
        Column(n, _name(n, specs[n]), by_n[n], _value(roots.get(n), first, n == ns[0])) for n in ns
    )


def _name(n: int, spec: Mapping[str, Any]) -> str:
    return f"{brief(spec)}, as launched" if n == queries.FIRST else brief(spec)


def _lead(ns: Sequence[int]) -> str:
    if len(ns) < 2:
        return "Same answers, joined once. Add another pass to compare it with."
    others = " and ".join(map(str, ns[1:]))
    word = "pass" if len(ns) == 2 else "passes"
    ways = "The same answers joined in different ways"
    return f"{ways} · figures of {word} {others} against pass {ns[0]}"


def _choice(row: Listed, spec: Mapping[str, Any], ns: Sequence[int]) -> Choice:
    is_on = row.n in ns
    left = [n for n in ns if n != row.n] if is_on else [*ns, row.n][-4:]
    return Choice(row.n, brief(spec), is_on, ",".join(map(str, left or ns)))


def _settings(
    specs: Sequence[Mapping[str, Any]],
) -> tuple[tuple[Setting, ...], tuple[Setting, ...]]:
    """Those that differ, and those that are alike in all."""
    told = [dict(lines_of(spec)) for spec in specs]
    names = dict.fromkeys(name for lines in told for name in lines)
    found = [Setting(name, tuple(lines.get(name, "–") for lines in told)) for name in names]
    differing = tuple(one for one in found if len(set(one.values)) > 1)
    return differing, tuple(one for one in found if len(set(one.values)) == 1)


def _value(root: Outcome | None, baseline: Outcome | None, is_baseline: bool) -> Value:
    if root is None:
        return Value(None, "", "", is_same=False, is_cut=False)
    text = root.value or ""
    is_same = (
        not is_baseline
        and baseline is not None
        and (root.kind, root.value) == (baseline.kind, baseline.value)
    )
    return Value(
        outcome_pill(root.kind),
        text[:LONGEST_VALUE],
        root.detail,
        is_same=is_same,
        is_cut=len(text) > LONGEST_VALUE,
    )


# The one sentence above all


def _say(
    run: Run, ended: Sequence[int], roots: Mapping[int, Outcome], rows: RowTable | None
) -> tuple[str, str]:
    if len(ended) < 2:
        return "", ""
    first, last = ended[0], ended[-1]
    if rows is not None:
        return _say_rows(run, first, last, rows, roots)
    a, b = roots[first], roots[last]
    if (a.kind, a.value) == (b.kind, b.value):
        return f"Pass {last} gave the same outcome as pass {first}.", "off"
    if a.value and b.value:
        one, other = _short(a.value), _short(b.value)
        return f"Pass {last} gives {other}, pass {first} gave {one}.", "off"  # neither is better
    return f"Pass {last} {_told(b)}, pass {first} {_told(a)}.", _tone(b)


def _say_rows(
    run: Run, first: int, last: int, rows: RowTable, roots: Mapping[int, Outcome]
) -> tuple[str, str]:
    noun, changed = noun_of(run), rows.changed_between.get((first, last), 0)
    if not changed:
        return f"Pass {last} gave the same outcome as pass {first} on each {noun}.", "off"
    told = (
        f"Pass {last} gives another outcome than pass {first} on {changed:,} of {rows.of:,} {noun}s"
    )
    hits = [roots[n].quality.get("hits") for n in (first, last)]
    if None in hits:
        return f"{told}.", "off"
    more = hits[1] - hits[0]
    if more == 0:
        return f"{told}, and is right on as many.", "off"
    word = "more" if more > 0 else "fewer"
    return f"{told}, and is right on {abs(more):,} {word}.", "done" if more > 0 else "failed"


def _short(value: str) -> str:
    flat = " ".join(value.split())
    return f"“{flat if len(flat) <= 60 else flat[:59].rstrip() + '…'}”"


def _told(outcome: Outcome) -> str:
    if outcome.value:
        return f"gives {_short(outcome.value)}"
    return f"ends without a value: {outcome_pill(outcome.kind).text.lower()}"


def _tone(outcome: Outcome) -> str:
    return outcome_pill(outcome.kind).tone
