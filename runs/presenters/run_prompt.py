"""The prompt that a branch was asked, rendered again from the frozen configuration and its item.

A join's own call is found by asking the aggregator again for the calls it wants.
"""

from dataclasses import dataclass

from runs.aggregation import registry
from runs.domain.errors import ParwebError
from runs.domain.plan import CHILD_ROLES, Role
from runs.domain.policies import FailurePolicy
from runs.domain.results import Ask, CallKey, Child, ChildState
from runs.models import Branch, Join, Run
from runs.planning import build, configuration, rendering
from runs.queries import passes
from runs.queries import runs as queries
from runs.queries.runs import BranchRow

STATES = {
    "succeeded": ChildState.ANSWERED,
    "failed": ChildState.FAILED,
    "cancelled": ChildState.CANCELLED,
    "spared": ChildState.SPARED,
}


@dataclass(frozen=True, slots=True)
class Prompt:
    name: str
    system: str
    text: str


def prompt_of(run: Run, branch: Branch) -> Prompt | None:
    """None where it cannot be told any more."""
    join = queries.join(run, branch.join_number)
    if join is None:
        return None
    try:
        if branch.role in CHILD_ROLES:
            return _childs(run, join, branch)
        return _joins_own(run, join, branch)
    except ParwebError:
        return None


def _childs(run: Run, join: Join, branch: Branch) -> Prompt | None:
    spec = build.branch_spec(configuration.parse(run.spec), join.planned(), branch.index)
    item = queries.item(run, branch.item_number)
    text = rendering.render(spec.prompt, item.fields if item else {})
    return Prompt(_name(run, spec.prompt), spec.call.system, text)


def _name(run: Run, text: str) -> str:
    for prompt in run.spec.get("prompts", ()):
        if prompt.get("text") == text and prompt.get("template"):
            return f"{prompt['template']} v{prompt.get('version')}"
    return ""


def _joins_own(run: Run, join: Join, branch: Branch) -> Prompt | None:
    """Ask the join again with only the calls of lower levels known: it wants this one then."""
    settings = configuration.parse(passes.spec_in(run, branch.pass_n))
    children = queries.children(run, join.number, most=join.children)
    asked = queries.asked_calls(run, branch.pass_n)
    calls = [call for call in asked if call["join"] == join.number]
    lower = [call for call in calls if call["level"] < branch.level]
    texts = queries.answers(run, (one["number"] for one in [*children, *lower]))
    so_far = {
        CallKey(Role(call["role"]), call["level"], call["index"]): _child(call, texts)
        for call in lower
    }
    policy = FailurePolicy(settings.on_failure.policy, settings.on_failure.least)
    wish = registry.aggregate(
        settings.join, policy, [_child(child, texts) for child in children], so_far
    )
    wanted = CallKey(Role(branch.role), branch.level, branch.index)
    calls_wanted = wish.calls if isinstance(wish, Ask) else ()
    found = next((call.prompt for call in calls_wanted if call.key == wanted), None)
    return Prompt("", "", found) if found is not None else None


def _child(row: BranchRow, texts: dict[int, str]) -> Child:
    return Child(
        index=row["index"],
        label=row["label"],
        state=STATES.get(row["status"], ChildState.FAILED),
        text=texts.get(row["number"], ""),
        reason=row["reason"],
        is_cut=row["cut"],
        role=Role(row["role"]),
    )
