"""Configuration and items to a plan: the tree of joins, and each join's branches on demand.

Branches are computed, never listed: child i of a join follows from the configuration alone.
"""

from collections.abc import Sequence
from dataclasses import replace

from runs.domain.errors import InvalidConfiguration, InvalidInput
from runs.domain.plan import BranchSpec, CallSettings, Item, Plan, PlannedJoin, Role
from runs.planning import advice, independence, names, rules
from runs.planning.shape import MOST_CHILDREN, Configuration, Prompt
from runs.planning.variations import Variation, prompt_name, variations


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
    in_a_join = branches_a_join(configuration, len(items))
    found = [
        *_unwritten(configuration),
        *names.errors(configuration, items),
        *rules.quorum(configuration, in_a_join),
        *rules.quorum_of_pieces(configuration, len(items)),
    ]
    if found:
        raise found[0] if len(found) == 1 else InvalidConfiguration(found)
    warnings = (
        *independence.warnings(configuration, items),
        *independence.overlaps(configuration, items),
        *advice.warnings(configuration, in_a_join),
    )
    return Plan(items=tuple(items), joins=_joins(configuration, items), warnings=warnings)


def children_of(configuration: Configuration, items: int) -> int:
    """How many branches the configuration makes of that many items, in all its joins."""
    votes_on = items if configuration.each is not None else 1
    return branches_a_join(configuration, items) * votes_on


def branches_a_join(configuration: Configuration, items: int) -> int:
    """How many branches are the children of one join."""
    if configuration.pattern == "voting":
        return configuration.votes.samples
    return len(configuration.prompts) if configuration.split.by == "prompts" else items


def _joins(configuration: Configuration, items: Sequence[Item]) -> tuple[PlannedJoin, ...]:
    """One join over all branches; with `each` a root over one join for every item."""
    branches = branches_a_join(configuration, len(items))
    if configuration.each is None:
        return (PlannedJoin(index=0, parent=None, position=0, label="", children=branches),)
    root = PlannedJoin(
        index=0, parent=None, position=0, label="", children=len(items), branches_are_children=False
    )
    votes = (
        PlannedJoin(
            index=position + 1,
            parent=0,
            position=position,
            label=item.label,
            children=branches,
            item=item.index,
        )
        for position, item in enumerate(items)
    )
    return (root, *votes)


def branch_spec(configuration: Configuration, join: PlannedJoin, index: int) -> BranchSpec:
    """Child `index` of `join`. An empty label means: its item's. The prompt is not rendered."""
    return Branches(configuration).spec(join.item, index)


class Branches:
    """The branches of a configuration's joins; what they share is made once."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._base = call_settings(configuration)
        self._variations = variations(configuration)
        self._calls = tuple(_varied(self._base, varied) for varied in self._variations)
        self._tasks = tuple(_asking(self._base, prompt) for prompt in configuration.prompts)

    @property
    def voters(self) -> tuple[str, ...]:
        """Who votes, in turn: the name of each variation, else its model."""
        pairs = zip(self._variations, self._calls, strict=True)
        return tuple(varied.label or call.model for varied, call in pairs)

    @property
    def calls(self) -> tuple[CallSettings, ...]:
        """The calls that branches make, but for their seeds and prompts."""
        return self._calls if self._configuration.pattern == "voting" else self._tasks

    def spec(self, item: int, index: int) -> BranchSpec:
        """Child `index` of a join whose first item is `item`."""
        if self._configuration.pattern == "voting":
            return self._vote(item, index)
        by_prompts = self._configuration.split.by == "prompts"
        place = index if by_prompts else 0
        prompt, call = self._configuration.prompts[place], self._tasks[place]
        if not by_prompts:
            return BranchSpec(index, Role.SECTION, "", item + index, prompt.text, call, call.model)
        role = Role.GUARD if prompt.role == "guard" else Role.SECTION
        name = prompt_name(prompt, index)
        return BranchSpec(index, role, name, item, prompt.text, call, call.model)

    def _vote(self, item: int, index: int) -> BranchSpec:
        place = index % len(self._variations)
        varied, call = self._variations[place], self._calls[place]
        label = f"Vote {index + 1}" + (f" · {varied.label}" if varied.label else "")
        if call.seed is not None:
            call = replace(call, seed=_seed(call.seed, index))
        voter = varied.label or call.model
        return BranchSpec(index, Role.VOTE, label, item, varied.prompt.text, call, voter)


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


def _varied(base: CallSettings, varied: Variation) -> CallSettings:
    """The call as this variation of a vote makes it."""
    return replace(
        _asking(base, varied.prompt),
        connection=varied.connection or base.connection,
        model=varied.model or base.model,
        temperature=base.temperature if varied.temperature is None else varied.temperature,
    )


def _asking(call: CallSettings, prompt: Prompt) -> CallSettings:
    """The call as this prompt makes it."""
    schema = prompt.json_schema or call.json_schema
    return replace(call, system=prompt.system, json_schema=schema)


def _seed(seed: int, index: int) -> int:
    """Each vote its own: one seed for all would make one answer of them."""
    return (seed + index) % 2**31


def _unwritten(configuration: Configuration) -> list[InvalidInput]:
    """Prompts that name a template whose text nobody has filled in."""
    return [
        InvalidInput(
            f"the template “{prompt.template}” was not found", f"prompts.{number}.template"
        )
        for number, prompt in enumerate(configuration.prompts)
        if not prompt.text.strip()
    ]
