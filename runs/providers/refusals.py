"""An HTTP status that is no success, as a typed error with the provider's own reason, shortened.

Pure: the clock is an argument. A key never enters a message.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from runs.domain.errors import (
    BadReply,
    BadRequest,
    CallError,
    ContentFiltered,
    ProviderUnavailable,
    QuotaExhausted,
    Throttled,
    UnknownModel,
    WrongKey,
)
from runs.providers.error_bodies import MOST_WAIT_S, Said, said_in
from runs.providers.rate_hints import rate_hints
from runs.providers.spans import span_s
from runs.providers.texts import shortened

QUOTA_CODES = {
    "insufficient_quota",
    "billing_hard_limit_reached",
    "insufficient_balance",
    "billing_error",
}
BUSY_CODES = {
    *("overloaded_error", "rate_limit_error", "rate_limit_exceeded", "RESOURCE_EXHAUSTED"),
    *("engine_overloaded_error", "over_capacity"),
}
KEY_CODES = {
    *("API_KEY_INVALID", "invalid_api_key", "authentication_error", "permission_error"),
    *("UNAUTHENTICATED", "PERMISSION_DENIED"),
}
MODEL_CODES = {"model_not_found", "invalid_model", "model_not_exist"}
REQUEST_CODES = {"invalid_request_error", "BadRequestError", "INVALID_ARGUMENT"}
NO_KEY = "The provider asks for a key. Enter one under Providers."
PASSING = {408, 409, 425, 429}  # statuses of 4xx that say nothing against the request
SETTINGS = {
    "temperature": "Temperature",
    "top_p": "Top p",
    "seed": "Seed",
    "stop": "Stop at",
    "stop_sequences": "Stop at",
    "response_format": "JSON schema of the answer",
}  # the fields of a request that a person may leave empty, as the editor calls them

# Where no field is named apart, a message that begins with one (Anthropic, validating servers), or
# that gives its place in the request (Gemini).
_FIELD = re.compile(r"(?:body\.)?(\w+): |Invalid value at 'generation_config\.(\w+)'")
_RESET = re.compile(r"x-ratelimit-reset|anthropic-ratelimit-[a-z-]+-reset$")


def refusal(
    status: int, headers: Mapping[str, str], body: bytes, *, model: str, secret: str, now: float
) -> CallError:
    """The error that a reply with this status stands for. `now`: Unix seconds."""
    said = said_in(body)
    wait_s = None
    if status in {408, 429} or status >= 500:
        wait_s = retry_after_s(headers, now)
        wait_s = said.retry_after_s if wait_s is None else wait_s
    kind = _kind(status, said)
    field = said.field or _field_in(said.message)
    message = _message(kind, status, shortened(said.message, secret), model, field)
    if kind is WrongKey and not secret:
        message = NO_KEY
    return kind(
        message,
        status_code=status,
        retry_after_s=wait_s,
        hints=rate_hints(headers),
    )


def kind_inside(said: Said) -> type[CallError]:
    """What an error inside a reply that began as a good one stands for."""
    if said.status == 402 or _named(said) is QuotaExhausted:
        return QuotaExhausted
    if said.codes & BUSY_CODES or said.status in {429, 529}:
        return Throttled
    if (named := _named(said)) is not None:
        return named
    status = said.status or 0
    if 400 <= status < 500 and status not in PASSING:
        return _KINDS.get(status, BadRequest)
    return BadRequest if not status and said.codes & REQUEST_CODES else BadReply


def _kind(status: int, said: Said) -> type[CallError]:
    named = _named(said) if 400 <= status < 500 else None
    if named is None and status >= 500 and said.codes & BUSY_CODES:
        named = Throttled
    if named or status in _KINDS:
        return named or _KINDS[status]
    if status >= 500:
        return ProviderUnavailable
    return BadRequest if status >= 300 else BadReply


def _named(said: Said) -> type[CallError] | None:
    """What a body names more exactly than a status does."""
    if said.codes & QUOTA_CODES or said.is_spent:
        return QuotaExhausted
    if said.is_filtered:
        return ContentFiltered
    if said.codes & MODEL_CODES:
        return UnknownModel
    return WrongKey if said.codes & KEY_CODES else None


_KINDS: Mapping[int, type[CallError]] = {
    401: WrongKey,
    402: QuotaExhausted,
    403: WrongKey,
    404: UnknownModel,
    408: ProviderUnavailable,
    429: Throttled,
    529: Throttled,
}


def _message(
    kind: type[CallError], status: int, reason: str, model: str, refused_field: str
) -> str:
    if 300 <= status < 400:
        return "redirect refused: enter the address that the provider really answers at."
    if kind is WrongKey and status != 403:  # providers quote parts of the key here
        return kind.advice
    if kind is UnknownModel:
        told = f"Nothing is there ({status}). Check the provider's address under Providers."
        if model:
            told = (
                f"The provider does not know the model “{model}” ({status}). Check its name and the"
                " provider's address under Providers."
            )
    elif kind is BadRequest and refused_field in SETTINGS:
        told = (
            f"The model refuses the setting “{SETTINGS[refused_field]}” ({status}). Change it or"
            " leave it empty."
        )
    elif kind is ProviderUnavailable:
        told = f"The provider answered with an error ({status})."
    else:
        told = kind.advice if status in _KINDS else kind.advice.replace(".", f" ({status}).", 1)
    return f"{told} It says: {reason}" if reason else told


def _field_in(message: str) -> str:
    found = _FIELD.match(message)
    return (found[1] or found[2]) if found else ""


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds the provider asks to wait; None if it does not say. Names are in lower case."""
    wait_s = _first(
        (
            lambda: _number(headers.get("retry-after-ms"), 0.001),
            lambda: _number(headers.get("retry-after"), 1.0),
            lambda: _until_date(headers.get("retry-after"), headers.get("date"), now),
            lambda: _until_reset(headers, now),
        )
    )
    return None if wait_s is None else min(max(wait_s, 0.0), MOST_WAIT_S)


def _first(readings: tuple[Callable[[], float | None], ...]) -> float | None:
    return next((value for value in (read() for read in readings) if value is not None), None)


def _number(text: str | None, unit_s: float) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value * unit_s if math.isfinite(value) else None


def _until_date(text: str | None, date: str | None, now: float) -> float | None:
    """An HTTP date, measured from the reply's own date, so that no clock need be right."""
    then = _http_date(text)
    if then is None:
        return None
    sent = _http_date(date)
    return then - (now if sent is None else sent)


def _http_date(text: str | None) -> float | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()


def _until_reset(headers: Mapping[str, str], now: float) -> float | None:
    """From the headers that say when a limit is full again: the longest of those used up, or, where
    none is said to be, the shortest of all."""
    resets = list(_resets(headers, now))
    used_up = [wait_s for wait_s, is_used_up in resets if is_used_up]
    if used_up:
        return max(used_up)
    return min((wait_s for wait_s, _ in resets), default=None)


def _resets(headers: Mapping[str, str], now: float) -> Iterator[tuple[float, bool]]:
    for name, text in headers.items():
        if _RESET.match(name):
            span = span_s(text)
            wait_s = _moment(text, now) if span is None else span
            if wait_s is not None:
                left = _number(headers.get("-remaining".join(name.rsplit("-reset", 1))), 1.0)
                yield wait_s, left is not None and left <= 0


def _moment(text: str, now: float) -> float | None:
    """Seconds from now, Unix seconds, Unix milliseconds or an ISO date: told apart by size."""
    value = _number(text, 1.0)
    if value is None:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now
    if value > 1e11:
        return value / 1000 - now
    return value - now if value > 1e8 else value
