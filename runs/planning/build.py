"""Configuration and items to a plan: the tree of joins, and each join's branches on demand.

Branches are computed, never listed: child i of a join follows from the configuration alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from runs.domain.errors import InvalidConfiguration, InvalidInput
from runs.domain.plan import BranchSpec, CallSettings, Item, Plan, PlannedJoin, Role
from runs.planning import advice, independence, names, rules
from runs.planning.shape import MOST_CHILDREN, Configuration, Prompt


def plan(configuration: Configuration, items: Sequence[Item]) -> Plan:
    """The plan of a run, with what a person should know before launching it.

    Raises `InvalidInput` for what only now can be seen not to fit: no items, too many branches, a
    name that the items do not hold, a quorum above the branches. `InvalidConfiguration` for
    several of them.
    """
    if not items:
        raise InvalidInput("The input is empty: paste text or upload files", "input")
    children = children_of(configuration, len(items))
    if children > MOST_CHILDREN:
        raise InvalidInput(
            f"This makes {children:,} branches; a run takes at most {MOST_CHILDREN:,}", "input"
        )
    found = [
        *_unwritten(configuration),
        *names.errors(configuration, items),
        *rules.quorum(configuration, children),
    ]
    if found:
        raise found[0] if len(found) == 1 else InvalidConfiguration(found)
    root = PlannedJoin(index=0, parent=None, position=0, label="", children=children)
    warnings = (
        *independence.warnings(configuration, items),
        *advice.warnings(configuration, children),
    )
    return Plan(items=tuple(items), joins=(root,), warnings=warnings)


def children_of(configuration: Configuration, items: int) -> int:
    """How many branches the configuration makes of that many items."""
    if configuration.pattern == "voting":
        return configuration.votes.samples
    return len(configuration.prompts) if configuration.split.by == "prompts" else items


def branch_spec(configuration: Configuration, join: PlannedJoin, index: int) -> BranchSpec:
    """Child `index` of `join`. An empty label means: its item's. The prompt is not rendered."""
    if configuration.pattern == "voting":
        return _vote(configuration, join, index)
    if configuration.split.by == "prompts":
        return _task(configuration, join, index)
    prompt = configuration.prompts[0]
    call = _asking(call_settings(configuration), prompt)
    return BranchSpec(index, Role.SECTION, "", join.item + index, prompt.text, call)


def call_settings(configuration: Configuration) -> CallSettings:
    """The configuration's own call, without any prompt's system text."""
    call = configuration.call
    return CallSettings(
        connection=call.connection,
        model=call.model,
        max_tokens=call.max_tokens,
        temperature=call.temperature,
        top_p=call.top_p,
        seed=call.seed,
        stop=call.stop,
        json_schema=call.json_schema,
    )


@dataclass(frozen=True, slots=True)
class Variation:
    """What a vote does otherwise than the next: its prompt, a few call settings, and its name."""

    prompt: Prompt
    label: str = ""
    temperature: float | None = None
    connection: str = ""
    model: str = ""


def variations(configuration: Configuration) -> tuple[Variation, ...]:
    """The variations that votes go through in turn; at least one."""
    prompts, votes = configuration.prompts, configuration.votes
    match votes.vary:
        case "temperature":
            return tuple(
                Variation(prompts[0], f"temperature {degrees:g}", temperature=degrees)
                for degrees in votes.temperatures
            )
        case "model":
            return tuple(
                Variation(prompts[0], voter.model, connection=voter.connection, model=voter.model)
                for voter in votes.models
            )
        case "template":
            return tuple(
                Variation(prompt, _name(prompt, number)) for number, prompt in enumerate(prompts)
            )
    return (Variation(prompts[0]),)


def _vote(configuration: Configuration, join: PlannedJoin, index: int) -> BranchSpec:
    among = variations(configuration)
    varied = among[index % len(among)]
    label = f"Vote {index + 1}" + (f" · {varied.label}" if varied.label else "")
    base = call_settings(configuration)
    call = replace(
        base,
        connection=varied.connection or base.connection,
        model=varied.model or base.model,
        temperature=base.temperature if varied.temperature is None else varied.temperature,
        seed=_seed(base.seed, index),
        system=varied.prompt.system,
        json_schema=varied.prompt.json_schema or base.json_schema,
    )
    return BranchSpec(index, Role.VOTE, label, join.item, varied.prompt.text, call)


def _task(configuration: Configuration, join: PlannedJoin, index: int) -> BranchSpec:
    prompt = configuration.prompts[index]
    role = Role.GUARD if prompt.role == "guard" else Role.SECTION
    call = _asking(call_settings(configuration), prompt)
    return BranchSpec(index, role, _name(prompt, index), join.item, prompt.text, call)


def _asking(call: CallSettings, prompt: Prompt) -> CallSettings:
    """The call as this prompt makes it."""
    schema = prompt.json_schema or call.json_schema
    return replace(call, system=prompt.system, json_schema=schema)


def _seed(seed: int | None, index: int) -> int | None:
    """Each vote its own: one seed for all would make one answer of them."""
    return None if seed is None else (seed + index) % 2**31


def _name(prompt: Prompt, number: int) -> str:
    return prompt.name or prompt.template or f"Prompt {number + 1}"


def _unwritten(configuration: Configuration) -> list[InvalidInput]:
    """Prompts that name a template whose text nobody has filled in."""
    return [
        InvalidInput(
            f"the template “{prompt.template}” was not found", f"prompts.{number}.template"
        )
        for number, prompt in enumerate(configuration.prompts)
        if not prompt.text.strip()
    ]
