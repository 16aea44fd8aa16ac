"""JSON as providers write it: read fast, and leniently where the fast reader refuses. Pure."""

import json
from typing import Any

import orjson


def loads(data: str | bytes) -> Any:
    """The value; raises `ValueError` (or `RecursionError`) where it is none. Half a surrogate pair,
    which some providers cut between two events, is read as it stands."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return json.loads(data)


def dumps(value: Any) -> bytes:
    """UTF-8; what it cannot carry is replaced."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
