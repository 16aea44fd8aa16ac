"""What a launch would do, before it is launched: figures, notes and the button's words."""

from dataclasses import dataclass

from runs.domain.joins import Gate, Merge
from runs.planning.configuration import Configuration
from runs.planning.estimate import Estimate
from runs.presenters.figures import money, plural, thousands, times
from runs.presenters.plan_tree import Tree, tree
from runs.services.launching import Prepared


@dataclass(frozen=True, slots=True)
class Panel:
    """`facts` are (what, figure) in reading order."""

    tree: Tree
    facts: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    is_independent: bool
    independence: str
    is_simulated: bool
    launch: str


def plan_panel(ready: Prepared) -> Panel:
    configuration, figures = ready.configuration, ready.estimate
    branches = ready.plan.child_branches
    merge_parts = configuration.join.parts if isinstance(configuration.join, Merge) else None
    guards = branches - 1 if isinstance(configuration.join, Gate) else 0
    return Panel(
        tree=tree(branches, merge_parts, guards),
        facts=_facts(configuration, figures, branches),
        warnings=ready.warnings,
        is_independent=not ready.warnings,
        independence=_independence(configuration),
        is_simulated=ready.connections.is_simulated,
        launch=f"Launch {plural(figures.calls, 'call')}",
    )


def about(seconds: float | None) -> str:
    """A time nobody knows to the second: `under a second`, `about 34 s`, `about 2 min 10 s`."""
    if seconds is None:
        return "not known"
    if seconds < 1:
        return "under a second"
    whole = round(seconds)
    if whole < 60:
        return f"about {whole} s"
    if whole < 3600:
        return f"about {whole // 60} min {whole % 60 // 5 * 5:02d} s"
    return f"about {whole // 3600} h {whole % 3600 // 60:02d} min"


def _facts(
    configuration: Configuration, figures: Estimate, branches: int
) -> tuple[tuple[str, str], ...]:
    return (
        ("Calls", _calls(figures, branches)),
        ("Tokens in, out at most", _tokens(figures)),
        ("Cost, expected – most", _cost(figures)),
        ("Against one call", times(figures.against_one_call)),
        (_time_under(configuration, figures), about(figures.seconds)),
        ("The same, one by one", about(figures.one_by_one_seconds)),
    )


def _calls(figures: Estimate, branches: int) -> str:
    merges = f" + {plural(figures.merge_calls, 'merge')}" if figures.merge_calls else ""
    return f"{thousands(branches)}{merges}"


def _tokens(figures: Estimate) -> str:
    return f"about {thousands(figures.input_tokens)}, {thousands(figures.output_tokens_most)}"


def _cost(figures: Estimate) -> str:
    expected, most = figures.cost_expected_usd, figures.cost_most_usd
    if most is None:
        return "price not known"
    return money(most) if expected == most else f"{money(expected)} – {money(most)}"


def _time_under(configuration: Configuration, figures: Estimate) -> str:
    return "Time"


def _independence(configuration: Configuration) -> str:
    if configuration.pattern == "voting":
        return "No vote sees another: they can run side by side."
    if isinstance(configuration.join, Gate):
        return "The checks run beside the answer and do not wait for it."
    return "No section refers to another: they can run side by side."
