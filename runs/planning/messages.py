"""Pydantic's errors in plain words, each beside its dotted field, saying what is allowed."""

import dataclasses
import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from runs.domain.errors import InvalidInput
from runs.planning.shape import GROUPS, JOINS

_GROUP = "must be a group of fields, one `name: value` each"
_PLAIN = {
    "missing": "is required",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "model_type": _GROUP,
    "model_attributes_type": _GROUP,
    "dataclass_type": _GROUP,
    "dict_type": _GROUP,
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text: put it in quotes",
    "string_unicode": "must be text: half a surrogate pair is none",
    "invalid_key": "must have names that are text: put them in quotes",
    "union_tag_not_found": f"must name its method: {', '.join(JOINS)}",
}


def translated(error: ValidationError, at: str = "") -> list[InvalidInput]:
    """Every single error, in the order of the fields; a list is not too short for a bad entry.
    `at`: the field whose value alone was looked at, none for a whole configuration."""
    before = (at,) if at else ()
    found = [_one(detail, before) for detail in error.errors(include_url=False)]
    inner = tuple(one.field for one in found)
    return [one for one in found if not any(path.startswith(f"{one.field}.") for path in inner)]


def field_names(group: type) -> tuple[str, ...]:
    """The names of the fields of a model or dataclass, in order."""
    if issubclass(group, BaseModel):
        return tuple(group.model_fields)
    return tuple(field.name for field in dataclasses.fields(group))  # type: ignore[arg-type]


def united(exact: Sequence[InvalidInput], general: Sequence[InvalidInput]) -> list[InvalidInput]:
    """Both, without the general ones about a place (or one in or around it) that has an exact."""
    places = [f"{error.field}." for error in exact]
    rest = [error for error in general if not _overlaps(f"{error.field}.", places)]
    return [*exact, *rest]


def _overlaps(path: str, places: Sequence[str]) -> bool:
    return any(place.startswith(path) or path.startswith(place) for place in places)


def _one(detail: ErrorDetails, before: tuple[str, ...]) -> InvalidInput:
    location = (*before, *detail["loc"])
    path = _path(location)
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in {"extra_forbidden", "unexpected_keyword_argument"}:
        return InvalidInput(_unknown_field(location), path)
    return InvalidInput(_PLAIN.get(kind) or _from_context(kind, context, detail["msg"]), path)


def _from_context(kind: str, context: Mapping[str, Any], otherwise: str) -> str:
    match kind:
        case "allowed":
            return str(context["message"])
        case "literal_error" | "enum":
            return f"must be {str(context['expected']).replace(chr(39), '')}"
        case "too_long":
            return f"must have at most {context['max_length']:,} entries"
        case "too_short":
            return f"must have at least {context['min_length']:,} entry"
        case "value_error":
            return str(context["error"])
    return otherwise.replace("Input should", "must")


def _path(location: Sequence[int | str]) -> str:
    """Dotted, without the name of a join's method, which pydantic puts in between."""
    return ".".join(str(part) for part in _without_tag(location))


def _without_tag(location: Sequence[int | str]) -> Iterator[int | str]:
    for place, part in enumerate(location):
        if not (place and location[place - 1] == "join" and part in JOINS):
            yield part


def _unknown_field(location: Sequence[int | str]) -> str:
    names = field_names(_group(location[:-1]))
    near = difflib.get_close_matches(str(location[-1]), names, n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return f"is not a known field.{meant} Known here: {', '.join(names)}."


def _group(location: Sequence[int | str]) -> type:
    if len(location) > 1 and location[-2] == "join":
        return JOINS[str(location[-1])]
    parts = ("*" if isinstance(part, int) else part for part in _without_tag(location))
    path = ".".join(str(part) for part in parts)
    return GROUPS[path if path in GROUPS else path.removeprefix("each.")]
