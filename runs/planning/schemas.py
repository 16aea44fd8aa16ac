"""Whether a JSON schema is one. Knows nothing of configurations."""

from collections.abc import Mapping
from typing import Any

from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for

LONGEST_QUOTE = 200


def problem(schema: Mapping[str, Any]) -> str:
    """What is wrong with `schema`, in words that follow the field's name; empty for a good one."""
    try:
        validator_for(schema).check_schema(schema)
    except SchemaError as error:
        place = "".join(f" at {step}" for step in list(error.path)[:1])
        return f"is no JSON schema{place}: {error.message[:LONGEST_QUOTE]}"
    return ""
