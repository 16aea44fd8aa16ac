"""The plan is a tree: joins are inner nodes, branches are leaves. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """What a branch is for. Merge and judge branches are asked for by a join, not planned."""

    SECTION = "section"
    VOTE = "vote"
    GUARD = "guard"
    MERGE = "merge"
    JUDGE = "judge"


CHILD_ROLES = frozenset({Role.SECTION, Role.VOTE, Role.GUARD})


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of input. `fields` are what a template may name (`document.text`, `row.title`,
    `input`), flat, keyed by their dotted name."""

    index: int
    label: str
    fields: Mapping[str, str]
    gold: str | None = None


@dataclass(frozen=True, slots=True)
class CallSettings:
    """How one call is made. `connection` is the key under which the run froze its connection."""

    connection: str
    model: str
    max_tokens: int
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    system: str = ""
    stop: tuple[str, ...] = ()
    json_schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class BranchSpec:
    """All that makes the call of the child `index` of a join; rendered when its wave opens.
    `voter` names the variation of a vote, else the model."""

    index: int
    role: Role
    label: str
    item: int
    prompt: str
    call: CallSettings
    voter: str = ""


@dataclass(frozen=True, slots=True)
class PlannedJoin:
    """An inner node. `index` from 0 (the root); `children` counts its planned children.

    Its children are either branches (`branches_are_children`) or the joins whose `parent` it is.
    `item` is the first item its branches read.
    """

    index: int
    parent: int | None
    position: int
    label: str
    children: int
    item: int = 0
    branches_are_children: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """`joins` in index order, parents first; `items` in index order. Branches follow from
    `planning.build`: child i of a join is computed, never stored ahead."""

    items: tuple[Item, ...]
    joins: tuple[PlannedJoin, ...]
    warnings: tuple[str, ...] = field(default=())

    @property
    def child_branches(self) -> int:
        """Planned calls, without those that joins will ask for."""
        return sum(join.children for join in self.joins if join.branches_are_children)
