"""What a launch would do, before it is launched: figures, notes and the button's words."""

from dataclasses import dataclass
from typing import NamedTuple

from runs.domain.joins import Gate, Merge
from runs.planning import build, independence, rendering, waves
from runs.planning.configuration import Configuration
from runs.planning.estimate import Estimate
from runs.presenters import plan_basis
from runs.presenters.figures import about, money, plural, thousands, times
from runs.presenters.plan_tree import Tree, tree
from runs.services.launching import Prepared

LONGEST_SHOWN = 4_000  # characters of the first call's prompt


class Fact(NamedTuple):
    """`more`: the far end of its range, in small print."""

    what: str
    figure: str
    more: str = ""


Facts = tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class FirstCall:
    """What branch 0 would send, as far as it is shown."""

    label: str
    system: str
    prompt: str
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """`facts` are in reading order; `basis` says from where they are known."""

    tree: Tree
    facts: Facts
    basis: tuple[str, ...]
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
        basis=plan_basis.sentences(figures),
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


def _facts(ready: Prepared) -> Facts:
    figures = ready.estimate
    is_open = figures.total_least < figures.total_calls
    start = "from " if is_open else ""
    return (
        *_votes(ready),
        Fact("Calls", _calls(figures), _tries(ready)),
        Fact(
            "Tokens",
            start + _tokens(figures.input_tokens, figures.output_tokens_expected),
            _tokens_most(ready),
        ),
        Fact("Cost, if votes agree" if is_open else "Cost, expected", *_cost(ready)),
        Fact("Against one call", _against(figures)),
        Fact(
            _time(ready),
            start + about(figures.seconds),
            about(figures.seconds_most).replace("about", "up to"),
        ),
        Fact("The same, one by one", _one_by_one(ready, is_open=is_open)),
    )


def _votes(ready: Prepared) -> Facts:
    """How many votes there are on how many pieces, where votes are all that is asked."""
    configuration, figures = ready.configuration, ready.estimate
    if configuration.pattern != "voting":
        return ()
    votes, least = configuration.votes.samples, waves.least_votes(configuration)
    range_ = f"{thousands(least)}–{thousands(votes)}" if least < votes else thousands(votes)
    if configuration.each is None:
        return (Fact("Votes", range_),) if least < votes else ()
    pieces = figures.calls // votes
    up_to = "up to " if least < votes else ""
    shown = Fact("Asked", f"{thousands(pieces)} × {up_to}{plural(votes, 'vote')}")
    return (shown, Fact("Votes on each", range_)) if least < votes else (shown,)


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


def _tries(ready: Prepared) -> str:
    most = ready.estimate.retries_most
    if not most:
        return ""
    why = "where calls fail or are slow" if ready.configuration.limits.hedge else "where calls fail"
    return f"up to {plural(most, 'try', 'tries')} more, {why}"


def _tokens(read: int, written: int) -> str:
    return f"{thousands(read)} in, {thousands(written)} out"


def _tokens_most(ready: Prepared) -> str:
    figures, cap = ready.estimate, ready.configuration.limits.tokens
    read, written = figures.input_tokens_most, figures.output_tokens_most
    if cap is not None and cap <= read + written:
        return f"up to {thousands(cap)} in all, its cap"
    return f"up to {_tokens(read, written)}"


def _cost(ready: Prepared) -> tuple[str, str]:
    """What is to be expected, and the most: never more than the run's cap."""
    figures, cap = ready.estimate, ready.configuration.limits.cost_usd
    expected, most = figures.cost_expected_usd, figures.cost_most_usd
    if expected is None or most is None:
        return "price not known", ""
    if cap is not None and cap <= most:
        return money(min(expected, cap)), f"up to {money(cap)}, its cap"
    return money(expected), "" if most == 0 else f"up to {money(most)}"


def _one_by_one(ready: Prepared, *, is_open: bool) -> str:
    """Calls on the cores of one machine were timed, if at all, while they shared them. `is_open`:
    there may be more of them."""
    seconds = about(ready.estimate.one_by_one_seconds)
    is_local = any(limits["is_shared"] for limits in ready.connections.limits().values())
    if is_local:
        return seconds.replace("about", "up to") + (", if votes agree" if is_open else "")
    return f"from {seconds}" if is_open else seconds


def _time(ready: Prepared) -> str:
    """What the time depends on most."""
    call = ready.connections.rows[ready.configuration.call.connection]
    match ready.estimate.bound_by:
        case "calls_per_minute" if call.calls_per_minute:
            return f"Time, at {thousands(call.calls_per_minute)} calls a minute"
        case "tokens_per_minute" if call.tokens_per_minute:
            return f"Time, at {thousands(call.tokens_per_minute)} tokens a minute"
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
