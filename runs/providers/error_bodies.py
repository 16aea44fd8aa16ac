"""What the body of an error says, in the shapes of every dialect. Pure."""

import json
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_WAIT_S = 86_400.0  # a provider that asks for more than a day is not waited for as said
MOST_DETAILS = 50
PER_DAY = "perday"  # in the id of a quota that a wait of minutes does not bring back
FILTERED = ("blocked by content filtering policy",)
FILTER_CODES = frozenset(
    {"content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation"}
)
SPENT = ("credit balance is too low", "reached your specified api usage limits")


@dataclass(frozen=True, slots=True)
class Said:
    """Each empty where the body says nothing. `status`: an HTTP status named inside the body.
    `is_spent`: what is used up does not come back within minutes. `is_filtered`: content was
    withheld. `field`: the request's field that is at fault."""

    message: str = ""
    codes: frozenset[str] = field(default_factory=frozenset)
    status: int | None = None
    retry_after_s: float | None = None
    is_spent: bool = False
    is_filtered: bool = False
    field: str = ""


def said_in(body: bytes) -> Said:
    try:
        return read_error(json.loads(body))
    except (ValueError, RecursionError):
        return Said()


def read_error(body: Any) -> Said:
    """The message and codes; Google sends an error as the only entry of a list."""
    if isinstance(body, list) and body:
        body = body[0]
    if not isinstance(body, Mapping):
        return Said()
    error = body.get("error", body)
    if isinstance(error, str):  # in so many words, or, from Groq, only a code
        is_filtered = error in FILTER_CODES or _says(error, FILTERED)
        return Said(error, frozenset({error}), None, None, _says(error, SPENT), is_filtered)
    return _read(error) if isinstance(error, Mapping) else Said()


def _read(error: Mapping[str, Any]) -> Said:
    message = _message(error)
    details = list(_details(error))
    named = [error.get(name) for name in ("code", "type", "status")]
    reasons = [detail.get("reason") for detail in details]
    codes = frozenset(code for code in (*named, *reasons) if isinstance(code, str))
    param = error.get("param")
    return Said(
        message,
        codes,
        _status(error.get("code")),
        next((wait for detail in details if (wait := _delay(detail)) is not None), None),
        _says(message, SPENT) or any(PER_DAY in _plain(id_) for id_ in _quotas(details)),
        bool(codes & FILTER_CODES) or _is_moderated(error) or _says(message, FILTERED),
        param if isinstance(param, str) else "",
    )


def _status(code: Any) -> int | None:
    """An HTTP status given as the error's code; some gateways write it as text."""
    if isinstance(code, str) and len(code) == 3 and code.isdecimal():
        code = int(code)
    return code if type(code) is int and 100 <= code < 600 else None


def _is_moderated(error: Mapping[str, Any]) -> bool:
    """OpenRouter's moderation, which answers with the status of a wrong key."""
    metadata = error.get("metadata")
    return isinstance(metadata, Mapping) and "flagged_input" in metadata


def _message(error: Mapping[str, Any]) -> str:
    for name in ("message", "detail", "msg"):
        if isinstance(error.get(name), str):
            return str(error[name])
    return "; ".join(_fields(error.get("detail")))


def _fields(detail: Any) -> Iterator[str]:
    """The fields that a validating server names: `[{"loc": ["body", "seed"], "msg": …}, …]`."""
    for entry in detail[:MOST_DETAILS] if isinstance(detail, list) else ():
        if isinstance(entry, Mapping) and isinstance(entry.get("msg"), str):
            place = entry.get("loc")
            steps = place if isinstance(place, list) else []
            yield f"{'.'.join(str(step) for step in steps)}: {entry['msg']}".removeprefix(": ")


def _details(error: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Google's `details`: RetryInfo, QuotaFailure, ErrorInfo."""
    details = error.get("details")
    for detail in details[:MOST_DETAILS] if isinstance(details, list) else ():
        if isinstance(detail, Mapping):
            yield detail


def _delay(detail: Mapping[str, Any]) -> float | None:
    """RetryInfo's `37s` in seconds."""
    text = detail.get("retryDelay")
    if not isinstance(text, str) or not text.endswith("s"):
        return None
    try:
        wait_s = float(text[:-1])
    except ValueError:
        return None
    return min(max(wait_s, 0.0), MOST_WAIT_S) if math.isfinite(wait_s) else None


def _quotas(details: list[Mapping[str, Any]]) -> Iterator[Any]:
    for detail in details:
        violations, metadata = detail.get("violations"), detail.get("metadata")
        for violation in violations[:MOST_DETAILS] if isinstance(violations, list) else ():
            if isinstance(violation, Mapping):
                yield violation.get("quotaId")
        if isinstance(metadata, Mapping):
            yield metadata.get("quota_limit")


def _plain(text: Any) -> str:
    return text.lower().replace("_", "").replace("-", "") if isinstance(text, str) else ""


def _says(message: str, phrases: Collection[str]) -> bool:
    """Anthropic says only in words that an account has nothing left, or that a filter struck."""
    told = message.lower()
    return any(phrase in told for phrase in phrases)
