"""What joining again would give: beside what counts now, or the calls and their price."""

from dataclasses import dataclass

from runs.models import Run
from runs.presenters import figures, trying
from runs.presenters.run_state import Pill, outcome_pill
from runs.queries import runs as queries
from runs.services.rejoining import Preview
from runs.services.trying import Wish

LONGEST_VALUE = 400


@dataclass(frozen=True, slots=True)
class Now:
    """What counts today."""

    n: int
    pill: Pill
    value: str


@dataclass(frozen=True, slots=True)
class ShownPreview:
    """`tried` is None where there is too much for a preview: `later` says so then."""

    tried: trying.Shown | None
    now: Now | None
    is_same: bool
    asks: bool
    warnings: tuple[str, ...]
    later: str = ""


def shown(run: Run, preview: Preview) -> ShownPreview:
    counted = queries.outcome(run)
    now = None
    if counted is not None:
        value = (counted.value or "")[:LONGEST_VALUE]
        now = Now(run.chosen_pass, outcome_pill(counted.kind), value)
    if preview.tried is None:
        later = (
            f"{figures.plural(preview.joins, 'join')} are worked through by a worker: "
            "the outcome stands beside the present one in a moment."
        )
        return ShownPreview(None, now, is_same=False, asks=False, warnings=(), later=later)
    result = preview.tried.result
    asks = isinstance(result, Wish)
    is_same = (
        not isinstance(result, Wish)
        and counted is not None
        and (result.kind, result.value) == (counted.kind, counted.value)
    )
    warnings = _reckoned(preview) + _short_of(run, result) if isinstance(result, Wish) else ()
    return ShownPreview(trying.shown(preview.tried), now, is_same, asks, warnings)


def _reckoned(preview: Preview) -> tuple[str, ...]:
    if preview.looked_at == preview.joins:
        return ()
    return (f"Reckoned from the first {preview.looked_at:,} of {preview.joins:,} joins.",)


def _short_of(run: Run, wish: Wish) -> tuple[str, ...]:
    """Where the run's caps may not let all calls through."""
    found = []
    if run.budget_calls is not None:
        left = max(run.budget_calls - run.calls, 0)
        if wish.calls_most > left:
            found.append(
                f"The run's cap leaves {figures.plural(left, 'call')} of {run.budget_calls:,}: "
                "what does not fit is not asked, and the join says so."
            )
    if run.budget_tokens is not None:
        left = max(run.budget_tokens - run.spent_tokens, 0)
        if wish.input_tokens + wish.output_tokens_most > left:
            found.append(
                f"The run's cap leaves {figures.plural(left, 'token')} of {run.budget_tokens:,}: "
                "what does not fit is not asked."
            )
    if run.budget_usd is not None and wish.cost_most_usd is not None:
        left_usd = max(run.budget_usd - run.spent_usd, 0.0)
        if wish.cost_most_usd > left_usd:
            found.append(
                f"The run's cap leaves {figures.money(left_usd)} of "
                f"{figures.money(run.budget_usd)}: what does not fit is not asked."
            )
    return tuple(found)
