"""A run's votes against gold answers, and what they spared: figures for each join's outcome."""

from collections.abc import Mapping, Sequence
from typing import Any

from runs.aggregation import items, registry
from runs.domain.joins import Concatenate, ItemReader, JoinSettings, Merge, Union
from runs.domain.results import (
    Child,
    ChildState,
    Contribution,
    ContributionKind,
    Outcome,
    OutcomeKind,
)
from runs.engine.state import JoinState
from runs.metrics import gold, votes
from runs.metrics.votes import Row
from runs.stopping.votes import leader_confidence

_HEARD = frozenset({ContributionKind.USED, ContributionKind.OUTVOTED, ContributionKind.DUPLICATE})


class Scoring:
    """`voters`: names of those who vote in turn. `is_priced`: the price of each is known. Rows are
    kept by their join's number, so that the root can be told of all."""

    def __init__(self, settings: JoinSettings, voters: Sequence[str], *, is_priced: bool) -> None:
        self._settings = settings
        self._voters = voters
        self._is_priced = is_priced
        self._rows: dict[int, Row] = {}

    def of_vote(
        self, join: JoinState, children: Sequence[Child], outcome: Outcome, right: str | None
    ) -> dict[str, Any]:
        """Of one vote's outcome; `right` is the gold answer, where there is one."""
        figures = self._taken(join, outcome)
        if right is None:
            return figures
        if isinstance(self._settings, Union):
            found = _set_figures(self._settings.items, children, outcome, right)
            return {**figures, "gold": right, **found}
        if isinstance(self._settings, Concatenate | Merge):
            return {**figures, "gold": right}  # a text that answers, and is no answer to compare
        is_hit = gold.is_hit(outcome.value, *self._spellings(right))
        return {**figures, "gold": right, "is_hit": is_hit}

    def of_rows(self) -> dict[str, Any]:
        """Of all votes together, for the root over them."""
        return votes.of_rows([self._rows[number] for number in sorted(self._rows)], self._voters)

    def remember(self, number: int, outcome: Outcome, right: str | None) -> None:
        """A vote that has ended, now or before a restart."""
        is_tie = outcome.kind is OutcomeKind.TIE
        if right is None:
            self._rows[number] = Row(is_tie, outcome.quality)
            return
        self._rows[number] = Row(
            is_tie, outcome.quality, self._singles(outcome, right), _sets(outcome.quality)
        )

    def _taken(self, join: JoinState, outcome: Outcome) -> dict[str, Any]:
        quality, launched = outcome.quality, join.opened
        spared = join.children - launched if join.is_settled else 0
        tally = quality.get("tally")
        sure = None
        if tally and "weights" not in quality:
            uncast = spared + quality.get("missing", 0)  # a cap, a stop: they could yet be cast
            sure = leader_confidence(tally.values(), uncast)
        return votes.of_vote(
            planned=join.children,
            launched=launched,
            rounds=join.rounds,
            spared=spared,
            confidence=sure,
            cost_usd=join.cost_usd / launched if launched and self._is_priced else None,
            tokens=join.tokens / join.metered if join.metered else None,
        )

    def _spellings(self, right: str) -> tuple[str, ...]:
        """The gold answer as it stands, and as the join reads it."""
        read = registry.read(self._settings, right)
        return (right,) if read is None else (right, read)

    def _singles(self, outcome: Outcome, right: str) -> tuple[bool | None, ...]:
        """Whether each branch alone was right; empty where the join keeps no values."""
        if "is_hit" not in outcome.quality:
            return ()
        spellings, known = self._spellings(right), {}
        singles: list[bool | None] = []
        for one in outcome.contributions:
            if one.kind in _HEARD and one.value is None:
                return ()
            if one.value not in known:
                known[one.value] = gold.is_hit(one.value, *spellings)
            singles.append(None if _is_spared(one) else known[one.value])
        return tuple(singles)


def _set_figures(
    reader: ItemReader, children: Sequence[Child], outcome: Outcome, right: str
) -> dict[str, Any]:
    """Of the list, and the mean F1 of each answer alone."""
    alone = [
        gold.SetScore(*items.answer_hits(reader, child.text, right)).f1
        for child in children
        if child.state is not ChildState.SPARED
    ]
    mean = {"mean_single_f1": sum(alone) / len(alone)} if alone else {}
    whole = gold.SetScore(*items.hits(reader, outcome.value or "", right))
    return {**whole.figures(), **mean}


def _is_spared(one: Contribution) -> bool:
    return one.kind is ContributionKind.SPARED


def _sets(quality: Mapping[str, Any]) -> gold.SetScore | None:
    if "items_wanted" not in quality:
        return None
    return gold.SetScore(quality["items_right"], quality["items_found"], quality["items_wanted"])
