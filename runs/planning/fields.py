"""Bounded field types of the configuration; each says in one sentence what it allows.

Knows nothing of the configuration's shape.
"""

from typing import Any

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError


def whole(least: int, most: int) -> WrapValidator:
    """A whole number within bounds, both allowed."""
    return _bounded(f"must be a whole number from {least:,} to {most:,}", least, most)


def number(least: float, most: float) -> WrapValidator:
    """A number within bounds, both allowed; neither infinite nor “not a number”."""
    return _bounded(f"must be a number from {least:,g} to {most:,g}", least, most)


def characters(least: int, most: int) -> WrapValidator:
    """Text of `least` to `most` characters; blanks alone are no text where some is needed."""
    bounds = f"at most {most:,} characters"
    allowed = f"must be text of {bounds}" if not least else f"must not be empty; {bounds} are taken"

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> str:
        if not isinstance(value, str):
            raise _refusal(f"must be text of {bounds}: put it in quotes")
        if not len(value.strip() if least else value) >= least or len(value) > most:
            raise _refusal(allowed)
        return str(handler(value))

    return WrapValidator(check)


def marks(least: int, most: int) -> WrapValidator:
    """Text of `least` to `most` characters, where blanks may be all that is meant."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> str:
        if not isinstance(value, str) or not least <= len(value) <= most:
            raise _refusal(f"must be text of {least:,} to {most:,} characters")
        return str(handler(value))

    return WrapValidator(check)


def _bounded(allowed: str, least: float, most: float) -> WrapValidator:
    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> float:
        if isinstance(value, bool):
            raise _refusal(allowed)
        try:
            read: float = handler(value)
        except ValidationError:
            raise _refusal(allowed) from None
        if not least <= read <= most:
            raise _refusal(allowed)
        return read

    return WrapValidator(check)


def _refusal(message: str) -> PydanticCustomError:
    return PydanticCustomError("allowed", "{message}", {"message": message})
