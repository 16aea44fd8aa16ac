"""The plan drawn as a small tree: leaves above, joins below them, the root at the foot.

Geometry only, in the units of the drawing's view box. A level too wide to draw is drawn with
fewer nodes, and says how many there are.
"""

from dataclasses import dataclass
from itertools import pairwise

from runs.presenters.figures import plural

WIDTH = 330.0
TOP = 9.0
LEVEL = 46.0
FOOT = 14.0
WIDEST = 28  # nodes of a level that can be told apart
CONDENSED = 20


@dataclass(frozen=True, slots=True)
class Node:
    x: float
    y: float
    r: float
    kind: str  # leaf | guard | join | root


@dataclass(frozen=True, slots=True)
class Tree:
    """`paths` are SVG paths from child to parent; `more` says what is not drawn one by one."""

    height: float
    nodes: tuple[Node, ...]
    paths: tuple[str, ...]
    label: str
    more: str


def tree(
    branches: int, merge_parts: int | None = None, guards: int = 0, votes: int | None = None
) -> Tree:
    """`branches` under one join, or under that many `votes` which one join brings together;
    `merge_parts` parts a merge call, level by level, where a model merges. The last `guards` of
    the branches check beside the answer."""
    counts = level_counts(branches, merge_parts, votes)
    drawn = counts if counts[0] <= WIDEST else _condensed(counts)
    parts = merge_parts if drawn == counts and not votes else None
    rows = [_row(count, level, len(drawn)) for level, count in enumerate(drawn)]
    rows[0] = [
        Node(node.x, node.y, node.r, "guard" if place >= drawn[0] - guards else "leaf")
        for place, node in enumerate(rows[0])
    ]
    paths = [
        path
        for level, (children, parents) in enumerate(pairwise(rows))
        for path in _paths(children, parents, parts)
    ]
    return Tree(
        height=TOP + LEVEL * (len(rows) - 1) + FOOT,
        nodes=tuple(node for row in rows for node in row),
        paths=tuple(paths),
        label=_label(counts, merge_parts, votes),
        more=f"{plural(branches, 'branch', 'branches')} in all" if drawn[0] < branches else "",
    )


def level_counts(branches: int, merge_parts: int | None, votes: int | None = None) -> list[int]:
    """Nodes a level: the branches, the votes they are cast in, then merges of at most
    `merge_parts` until one is left."""
    counts = [branches, votes] if votes else [branches]
    while merge_parts and counts[-1] > merge_parts:
        counts.append(-(-counts[-1] // merge_parts))
    return [*counts, 1]


def _condensed(counts: list[int]) -> list[int]:
    """Each level half as wide as the one above it, as far as it has nodes."""
    return [min(count, max(CONDENSED >> level, 1)) for level, count in enumerate(counts)]


def _row(count: int, level: int, levels: int) -> list[Node]:
    is_root = level == levels - 1
    kind = "root" if is_root else "join" if level else "leaf"
    radius = 8.0 if is_root else 6.0 if level else 4.0
    y = TOP + LEVEL * level
    step = WIDTH / count
    return [Node(round(step * (i + 0.5), 1), y, radius, kind) for i in range(count)]


def _paths(children: list[Node], parents: list[Node], parts: int | None) -> list[str]:
    paths = []
    for place, child in enumerate(children):
        share = place // parts if parts else place * len(parents) // len(children)
        parent = parents[min(share, len(parents) - 1)]
        top, foot = child.y + child.r, parent.y - parent.r
        bend = (foot - top) * 0.6
        paths.append(
            f"M{child.x:g} {top:g}C{child.x:g} {top + bend:g} "
            f"{parent.x:g} {foot - bend:g} {parent.x:g} {foot:g}"
        )
    return paths


def _label(counts: list[int], merge_parts: int | None, votes: int | None) -> str:
    words = [plural(counts[0], "branch", "branches")]
    if votes:
        words.append(plural(votes, "vote"))
        counts = counts[1:]
    if merge_parts:
        words += [plural(count, "merge") for count in counts[1:]]
    else:
        words.append("one join")
    return ", then ".join(words)
