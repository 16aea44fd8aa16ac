"""What a JSON schema may not use here, whatever the standard says: what takes unbounded time or
asks other hosts. Standard library only; whether a schema is valid is not looked at.
"""

from collections.abc import Mapping, Sequence
from typing import Any

LARGEST = 20_000  # parts, each reference counted as often as it is followed
DEEPEST = 60
_REFUSED = frozenset({"$dynamicRef", "$recursiveRef", "patternProperties"})
_LITERAL = frozenset({"const", "enum", "default", "examples", "example"})
_NAMED = frozenset({"properties", "$defs", "definitions", "dependentSchemas"})


class _Unsupported(Exception):
    pass


def unsupported(schema: Mapping[str, Any]) -> str:
    """Why `schema` cannot be used, in words that follow the field's name; empty if it can."""
    try:
        _size(schema, schema, {}, ())
    except _Unsupported as found:
        return str(found)
    return ""


def _size(
    node: object, root: Mapping[str, Any], sizes: dict[str, int], path: tuple[str, ...]
) -> int:
    """Parts of the schema with every reference followed."""
    if len(path) > DEEPEST:
        raise _Unsupported(f"is nested deeper than {DEEPEST} levels")
    if isinstance(node, Mapping):
        inner = [_keyword(name, value, root, sizes, path) for name, value in node.items()]
    elif isinstance(node, Sequence) and not isinstance(node, str):
        inner = [_size(value, root, sizes, (*path, "")) for value in node]
    else:
        return 1
    size = 1 + sum(inner)
    if size > LARGEST:
        raise _Unsupported(f"has more than {LARGEST:,} parts once its references are followed")
    return size


def _keyword(
    name: object,
    value: object,
    root: Mapping[str, Any],
    sizes: dict[str, int],
    path: tuple[str, ...],
) -> int:
    if name in _LITERAL:
        return 1
    if name in _REFUSED or (name == "$id" and path):
        raise _Unsupported(f"must not use {name}")
    if name == "$ref":
        return _reference(value, root, sizes, path)
    if name in _NAMED and isinstance(value, Mapping):
        # The keys are names that somebody chose, not keywords.
        return sum(_size(inner, root, sizes, (*path, "")) for inner in value.values())
    return _size(value, root, sizes, (*path, ""))


def _reference(
    target: object, root: Mapping[str, Any], sizes: dict[str, int], path: tuple[str, ...]
) -> int:
    if not isinstance(target, str) or not target.startswith("#/"):
        raise _Unsupported("may refer to its own parts only: $ref must begin with #/")
    if target in path:
        raise _Unsupported(f"refers to itself at {target[:80]}")
    if target not in sizes:
        sizes[target] = _size(_found(target, root), root, sizes, (*path, target))
    return sizes[target]


def _found(target: str, root: Mapping[str, Any]) -> object:
    node: object = root
    for step in target[2:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node, Mapping) and name in node:
            node = node[name]
        elif isinstance(node, Sequence) and not isinstance(node, str) and name.isdecimal():
            node = node[int(name)] if int(name) < len(node) else None
        else:
            node = None
        if node is None:
            raise _Unsupported(f"refers to {target[:80]}, which is not there")
    return node
