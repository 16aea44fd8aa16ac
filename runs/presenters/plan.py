"""What a launch would do, before it is launched: figures, notes and the button's words."""

from dataclasses import dataclass

from runs.domain.joins import Gate, Merge
from runs.planning import build, independence, rendering, waves
from runs.planning.configuration import Configuration
from runs.planning.estimate import Estimate
from runs.presenters.figures import money, plural, thousands, times
from runs.presenters.plan_tree import Tree, tree
from runs.services.launching import Prepared

Facts = tuple[tuple[str, str], ...]  # (what, figure)
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
    facts: Facts
    warnings: tuple[str, ...]
    is_independent: bool
    independence: str
    is_simulated: bool
    is_replayed: bool
    launch: str
    first: FirstCall


def plan_panel(ready: Prepared) -> Panel:
    configuration, figures = ready.configuration, ready.estimate
    return Panel(
        tree=_tree(ready),
        facts=_facts(ready),
        warnings=ready.warnings,
        is_independent=not independence.warnings(configuration, ready.items),
        independence=_independence(configuration),
        is_simulated=ready.connections.is_simulated,
        is_replayed=ready.connections.is_replayed,
        first=_first_call(ready),
        launch=f"Launch {_up_to(figures)}{plural(figures.total_calls, 'call')}",
    )


def _tree(ready: Prepared) -> Tree:
    """The branches and joins above them; of votes on pieces, one vote each and their join."""
    configuration, branches = ready.configuration, ready.plan.child_branches
    join = configuration.each.join if configuration.each else configuration.join
    votes = ready.plan.joins[0].children if configuration.each else None
    return tree(
        branches,
        join.parts if isinstance(join, Merge) else None,
        branches - 1 if isinstance(join, Gate) else 0,
        votes,
    )


def _up_to(figures: Estimate) -> str:
    return "up to " if figures.total_least < figures.total_calls else ""


def _first_call(ready: Prepared) -> FirstCall:
    over_branches = next(join for join in ready.plan.joins if join.branches_are_children)
    branch = build.branch_spec(ready.configuration, over_branches, 0)
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


def _facts(ready: Prepared) -> Facts:
    figures = ready.estimate
    is_open = figures.total_least < figures.total_calls
    start = "from " if is_open else ""
    return (
        *_votes(ready),
        ("Calls", _calls(figures)),
        ("Tokens", start + _tokens(figures)),
        ("Cost, if votes agree – most" if is_open else "Cost, expected – most", _cost(figures)),
        ("Against one call", _against(figures)),
        (_time(ready), start + about(figures.seconds)),
        ("The same, one by one", start + about(figures.one_by_one_seconds)),
    )


def _votes(ready: Prepared) -> Facts:
    """How many votes there are on how many pieces, where votes are all that is asked."""
    configuration, figures = ready.configuration, ready.estimate
    if configuration.pattern != "voting":
        return ()
    votes, least = configuration.votes.samples, waves.least_votes(configuration)
    range_ = f"{thousands(least)}–{thousands(votes)}" if least < votes else thousands(votes)
    if configuration.each is None:
        return (("Votes", range_),) if least < votes else ()
    pieces = figures.calls // votes
    up_to = "up to " if least < votes else ""
    shown = f"{thousands(pieces)} × {up_to}{plural(votes, 'vote')}"
    return (("Asked", shown), *((("Votes on each", range_),) if least < votes else ()))


def _calls(figures: Estimate) -> str:
    parts = [_span(figures.calls_least, figures.calls)]
    if figures.merge_calls:
        parts.append(plural(figures.merge_calls, "merge"))
    if figures.judge_calls:
        span = _span(figures.judge_calls_least, figures.judge_calls)
        parts.append(f"{span} {'verdict' if figures.judge_calls == 1 else 'verdicts'}")
    return " + ".join(parts)


def _span(least: int, most: int) -> str:
    return thousands(most) if least == most else f"{thousands(least)}–{thousands(most)}"


def _against(figures: Estimate) -> str:
    least, most = times(figures.against_one_call), times(figures.against_one_call_most)
    is_open = figures.total_least < figures.total_calls and least != most
    return f"{least} – {most}" if is_open else least


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
