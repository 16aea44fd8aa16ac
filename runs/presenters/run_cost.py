"""What a run cost: by role, useful against wasted by cause, and its dearest branches.

Where calls cost nothing, or nobody knows what, the same is told by tokens.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runs.domain.states import OPEN_RUN
from runs.metrics.definitions import DEFINITIONS, WASTED
from runs.models import Run
from runs.presenters import figures
from runs.presenters.run_estimate import told_before
from runs.presenters.run_rows import Look, bare_label, look
from runs.queries import runs as queries

ROLES = {
    "section": "Sections",
    "vote": "Votes",
    "guard": "Guards",
    "merge": "Merges",
    "judge": "Judges",
}
CAUSES = {
    "failed": "failed",
    "superseded": "superseded",
    "aborted": "aborted",
    "hedge": "slower of two",
    "lost": "lost",
}
DEAREST = 10


@dataclass(frozen=True, slots=True)
class Line:
    label: str
    amount: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """A part of what was spent, in percent of the whole."""

    key: str
    words: str
    amount: str
    share: float
    definition: str


@dataclass(frozen=True, slots=True)
class Dear:
    number: int
    label: str
    look: Look
    tries: str
    amount: str
    share: float  # of the dearest, in percent


@dataclass(frozen=True, slots=True)
class CostSpent:
    """`shares`: useful first; empty while nothing was spent. `by`: what they are measured in.
    `told`: what the estimate before the launch said, and how it did."""

    lines: tuple[Line, ...]
    told: str
    shares: tuple[Share, ...]
    wasted: str
    by: str
    tokens: int
    dearest: tuple[Dear, ...]


def cost_spent(run: Run) -> CostSpent:
    kpis = run.kpis
    is_money = bool(kpis.get("cost_usd"))
    parts = shares(kpis, is_money=is_money)
    wasted = 100 - parts[0].share if parts else 0
    return CostSpent(
        lines=(*_roles(run), *_notes(run, is_money=is_money)),
        told=told_before(run),
        shares=parts,
        wasted=f"{figures.percent(wasted / 100, 1)} wasted" if wasted else "",
        by=_by(kpis),
        tokens=_tokens(kpis),
        dearest=() if run.status in OPEN_RUN else _dearest(run, is_money=is_money),
    )


def _by(kpis: Mapping[str, Any]) -> str:
    if "cost_usd" not in kpis or kpis["cost_usd"] or not _tokens(kpis):
        return ""
    return "price unknown, by tokens" if kpis["cost_usd"] is None else "free, by tokens"


def _tokens(kpis: Mapping[str, Any]) -> int:
    return int((kpis.get("input_tokens") or 0) + (kpis.get("output_tokens") or 0))


def shares(kpis: Mapping[str, Any], *, is_money: bool) -> tuple[Share, ...]:
    """Useful against wasted, by cause; none where nothing was spent yet."""
    causes: Mapping[str, Mapping[str, Any]] = kpis.get("wasted_by") or {}
    spent = {key: causes[key]["usd" if is_money else "tokens"] or 0 for key in causes}
    total = kpis["cost_usd"] if is_money else _tokens(kpis)
    if not total:
        return ()

    def share(key: str, words: str, weight: float, definition: str) -> Share:
        amount = _amount(weight, is_money=is_money)
        return Share(key, words, amount, round(weight / total * 100, 2), definition)

    useful = max(total - sum(spent.values()), 0)
    what = DEFINITIONS["useful_usd"] if is_money else USEFUL_TOKENS
    wasted = (
        share(key, _told(words, causes[key]), spent[key], WASTED[key])
        for key, words in CAUSES.items()
        if key in causes
    )
    return (share("useful", "useful", useful, what), *wasted)


USEFUL_TOKENS = "Tokens of the requests whose answers count; outvoted answers do."


def _told(words: str, spent: Mapping[str, Any]) -> str:
    return f"{words}, {figures.plural(spent['calls'], 'try', 'tries')}"


def _amount(amount: float | None, *, is_money: bool) -> str:
    if is_money:
        return figures.money(amount)
    return f"{figures.thousands(amount)} tokens"


def _roles(run: Run) -> list[Line]:
    order = list(ROLES)
    rows = sorted(queries.costs(run), key=lambda row: order.index(row["branch__role"]))
    is_unknown = "cost_usd" in run.kpis and run.kpis["cost_usd"] is None
    return [
        Line(
            f"{ROLES.get(row['branch__role'], row['branch__role'])}, "
            f"{figures.plural(row['calls'], 'call')}",
            "unknown" if is_unknown else figures.money(row["cost"]),
        )
        for row in rows
    ]


def _notes(run: Run, *, is_money: bool) -> list[Line]:
    kpis = run.kpis
    lines = []
    if kpis.get("multiplier") is not None:
        what = "Against one call" if is_money else "Against one call, by tokens"
        lines.append(Line(what, figures.times(kpis["multiplier"])))
    if kpis.get("unconfirmed_usd"):
        amount = figures.money(kpis["unconfirmed_usd"])
        lines.append(Line("of it without usage, counted at most", amount, "muted"))
    return lines


def _dearest(run: Run, *, is_money: bool) -> tuple[Dear, ...]:
    rows = queries.dearest(run, DEAREST, by_cost=is_money)
    if len(rows) < 2:
        return ()
    spent = [_spent(row, is_money=is_money) for row in rows]
    return tuple(
        Dear(
            number=row["number"],
            label=bare_label(row) or row["reading"] or row["role"],
            look=look(row, row["ended"] or 0),
            tries=figures.plural(row["tries"], "try", "tries") if row["tries"] > 1 else "",
            amount=_amount(amount, is_money=is_money),
            share=round(amount / (spent[0] or 1) * 100, 1),
        )
        for row, amount in zip(rows, spent, strict=True)
    )


def _spent(row: Mapping[str, Any], *, is_money: bool) -> float:
    if is_money:
        return float(row["cost"] or 0)
    return float((row["input_tokens"] or 0) + (row["output_tokens"] or 0))
