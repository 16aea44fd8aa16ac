"""What a launch would do, before it is launched: figures, notes and the button's words."""

from dataclasses import dataclass

from runs.domain.joins import Gate, Merge
from runs.planning import build, rendering
from runs.planning.configuration import Configuration
from runs.planning.estimate import Estimate
from runs.presenters.figures import money, plural, thousands, times
from runs.presenters.plan_tree import Tree, tree
from runs.services.launching import Prepared

LONGEST_SHOWN = 4_000  # characters of the first call's prompt


@dataclass(frozen=True, slots=True)
class FirstCall:
    """What branch 0 would send, as far as it is shown."""

    label: str
    system: str
    prompt: str
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """`facts` are (what, figure) in reading order."""

    tree: Tree
    facts: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    is_independent: bool
    independence: str
    is_simulated: bool
    is_replayed: bool
    launch: str
    first: FirstCall


def plan_panel(ready: Prepared) -> Panel:
    configuration, figures = ready.configuration, ready.estimate
    branches = ready.plan.child_branches
    merge_parts = configuration.join.parts if isinstance(configuration.join, Merge) else None
    guards = branches - 1 if isinstance(configuration.join, Gate) else 0
    return Panel(
        tree=tree(branches, merge_parts, guards),
        facts=_facts(ready),
        warnings=ready.warnings,
        is_independent=not ready.warnings,
        independence=_independence(configuration),
        is_simulated=ready.connections.is_simulated,
        is_replayed=ready.connections.is_replayed,
        first=_first_call(ready),
        launch=f"Launch {plural(figures.total_calls, 'call')}",
    )


def _first_call(ready: Prepared) -> FirstCall:
    branch = build.branch_spec(ready.configuration, ready.plan.joins[0], 0)
    item = ready.items[branch.item]
    prompt = rendering.render(branch.prompt, item.fields)
    return FirstCall(
        label=branch.label or item.label,
        system=branch.call.system,
        prompt=prompt[:LONGEST_SHOWN],
        is_cut=len(prompt) > LONGEST_SHOWN,
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


def _facts(ready: Prepared) -> tuple[tuple[str, str], ...]:
    figures = ready.estimate
    return (
        ("Calls", _calls(figures)),
        ("Tokens", _tokens(figures)),
        ("Cost, expected – most", _cost(figures)),
        ("Against one call", times(figures.against_one_call)),
        (_time(ready), about(figures.seconds)),
        ("The same, one by one", about(figures.one_by_one_seconds)),
    )


def _calls(figures: Estimate) -> str:
    merges = f" + {plural(figures.merge_calls, 'merge')}" if figures.merge_calls else ""
    return f"{thousands(figures.calls)}{merges}"


def _tokens(figures: Estimate) -> str:
    most = thousands(figures.output_tokens_most)
    return f"about {thousands(figures.input_tokens)} in, up to {most} out"


def _cost(figures: Estimate) -> str:
    expected, most = figures.cost_expected_usd, figures.cost_most_usd
    if most is None:
        return "price not known"
    return money(most) if expected == most else f"{money(expected)} – {money(most)}"


def _time(ready: Prepared) -> str:
    """What the time depends on most."""
    call = ready.connections.rows[ready.configuration.call.connection]
    match ready.estimate.bound_by:
        case "calls_per_minute" if call.calls_per_minute:
            return f"Time, at {thousands(call.calls_per_minute)} calls a minute"
        case "in_flight":
            slots = min(call.in_flight, ready.configuration.limits.in_flight or call.in_flight)
            return f"Time, {thousands(slots)} at once"
    return "Time, all at once"


def _independence(configuration: Configuration) -> str:
    if configuration.pattern == "voting":
        return "No vote sees another: they can run side by side."
    if isinstance(configuration.join, Gate):
        return "The checks run beside the answer and do not wait for it."
    return "No section refers to another: they can run side by side."
