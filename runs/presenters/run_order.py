"""The order of a merge's branches: each merge above the parts that it reads. `order.js` says the
same while live."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runs.models import Run


@dataclass(frozen=True, slots=True)
class Order:
    """`parts` texts a merge; `levels` of merges above the children."""

    parts: int
    levels: int

    def key(self, branch: Mapping[str, Any]) -> tuple[int, ...]:
        """The way from the last merge down to the branch; a merge stands before its parts."""
        is_merge = branch["role"] == "merge"
        below = branch["level"] if is_merge else 0
        return tuple(
            branch["index"] // self.parts**step for step in range(self.levels - below, -1, -1)
        )

    def depth(self, branch: Mapping[str, Any]) -> int:
        return len(self.key(branch)) - 1


def order_of(run: Run) -> Order | None:
    """None where branches stand in the order of their numbers."""
    if run.method != "merge":
        return None
    parts = run.spec["join"].get("parts") or 6
    return Order(parts, levels_above(run.branches_planned, parts))


def levels_above(children: int, parts: int) -> int:
    levels, width = 0, 1
    while width < children:
        levels, width = levels + 1, width * parts
    return levels
