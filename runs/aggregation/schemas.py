"""Whether a value fits a JSON schema, in bounded time and without asking other hosts.

Knows nothing of joins.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import regex
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend, validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from runs.aggregation.jsontext import comparable
from runs.domain.schemas import unsupported

PATTERN_TIMEOUT_S = 0.05
LONGEST_QUOTE = 160
_PLACES_SAID = 3


def misfit(schema: Mapping[str, Any], value: Any) -> str:
    """Why `value` does not fit, as a part of a sentence; empty if it does. Never raises."""
    if not schema:
        return ""
    try:
        return _check(json.dumps(schema, sort_keys=True))(value)
    except (ValueError, TypeError, RecursionError, ArithmeticError):
        return "it cannot be held against the schema"


@lru_cache(maxsize=64)
def _check(written: str) -> Callable[[Any], str]:
    schema = json.loads(written)
    problem = unsupported(schema)
    kind = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        problem = problem or f"is no JSON schema: {error.message[:LONGEST_QUOTE]}"
    if problem:
        return lambda value: f"the schema {problem}"
    bounded = extend(kind, {"pattern": _pattern, "uniqueItems": _unique})
    validator = bounded(schema, registry=Registry())  # an empty one asks nobody

    def check(value: Any) -> str:
        try:
            error = next(validator.iter_errors(value), None)
        except TimeoutError:
            return "a pattern of the schema took too long"
        except Unresolvable:
            return "the schema refers to what is not there"
        return _said(error) if error else ""

    return check


def _said(error: ValidationError) -> str:
    place = ".".join(str(step) for step in list(error.absolute_path)[:_PLACES_SAID])
    said = " ".join(error.message.split())
    short = said if len(said) <= LONGEST_QUOTE else f"{said[:LONGEST_QUOTE]}…"
    return f"“{place[:80]}”: {short}" if place else short


def _pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and not _search(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _search(pattern: str, value: str) -> bool:
    try:
        return bool(regex.search(pattern, value, timeout=PATTERN_TIMEOUT_S))
    except regex.error as error:
        raise ValueError(pattern) from error


def _unique(
    validator: Any, is_wanted: bool, value: Sequence[Any], _: Any
) -> Iterator[ValidationError]:
    """As the standard says but for case and marks of texts: the like are the same here."""
    if is_wanted and validator.is_type(value, "array"):
        spelled = [comparable(inner) for inner in value]
        if len(set(spelled)) < len(spelled):
            yield ValidationError("it names something twice")
