"""Provider connections: made, changed, tested, deleted. A key never leaves by these ways."""

from collections.abc import Iterable, Mapping
from copy import copy
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from runs.domain.errors import InvalidInput
from runs.execution import probe, recordings
from runs.models import OWN_ADDRESSES, Connection

KNOWN_ADDRESSES: Mapping[str, str] = {
    OWN_ADDRESSES[Connection.Kind.ANTHROPIC]: "Anthropic",
    OWN_ADDRESSES[Connection.Kind.GEMINI]: "Google Gemini",
    "https://api.openai.com/v1": "OpenAI",
    "https://api.deepseek.com/v1": "DeepSeek",
    "https://api.groq.com/openai/v1": "Groq",
    "https://api.mistral.ai/v1": "Mistral",
    "https://api.together.xyz/v1": "Together",
    "https://openrouter.ai/api/v1": "OpenRouter",
}

LOCAL_IN_FLIGHT = 4
SIMULATED_IN_FLIGHT = 16


@transaction.atomic
def ensure_defaults(owner: User) -> None:
    """Give a user the connections that need no key: the local model, where it is installed, and
    the simulated provider."""
    if probe.default_models(Connection.Kind.LOCAL):
        _ensure(owner, "Local model", Connection.Kind.LOCAL, LOCAL_IN_FLIGHT)
    _ensure(owner, "Simulated", Connection.Kind.SIMULATED, SIMULATED_IN_FLIGHT)


@transaction.atomic
def save_connection(
    *, owner: User, connection: Connection | None, values: Mapping[str, Any]
) -> Connection:
    """Write a connection. `values` are its columns; an empty `api_key` keeps the stored one, unless
    the address moved to another origin: a key goes only to the origin it was entered for.

    Raises `InvalidInput` where an address is not this user's to choose.
    """
    row = connection or Connection(owner=owner)
    _check_address(owner, row, values)
    before = copy(row)
    kept = dict(values)
    if not is_same_origin(row.base_url, values["base_url"]):
        row.api_key = ""
        kept["api_key_env"] = _unless_old(values["api_key_env"], row.api_key_env)
    if not kept["api_key"]:
        del kept["api_key"]
    for name, value in kept.items():
        setattr(row, name, value)
    row.tested_at, row.test_result = None, ""
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise InvalidInput("You have a provider of this name already.", "name") from None
    _forget_unused(before)
    return row


@transaction.atomic
def forget_key(*, connection: Connection) -> None:
    connection.api_key = ""
    connection.save(update_fields=["api_key"])


@transaction.atomic
def delete_connection(*, connection: Connection) -> None:
    connection.delete()
    _forget_unused(connection)


def test_connection(*, connection: Connection) -> bool:
    """Ask the provider for its models and note what came of it."""
    is_ok, message, models = probe.test_connection(
        connection, private_hosts=tuple(settings.PARWEB_PRIVATE_HOSTS)
    )
    connection.tested_at = timezone.now()
    connection.test_result = ("ok: " if is_ok else "failed: ") + message[:280]
    if models and not connection.model_names:
        connection.model_names = models
    connection.save(update_fields=["tested_at", "test_result", "model_names"])
    return is_ok


def is_same_origin(old: str, new: str) -> bool:
    return not old or urlsplit(old)[:2] == urlsplit(new)[:2]


def keep_recording(chunks: Iterable[bytes]) -> str:
    """Store a recording, and give the key that a connection names it by. Raises `InvalidInput`
    that names the line where it is none."""
    return recordings.keep(chunks).key


def replay_values(recording: str, shuffle: int | None, pace: str) -> dict[str, Any]:
    """`Connection.replay` of a stored recording."""
    return {"recording": recording, "shuffle": shuffle, "pace": pace}


def _forget_unused(row: Connection) -> None:
    """The file of a recording goes with the last connection that answers from it."""
    key = row.replay.get("recording")
    if key and not Connection.objects.filter(replay__recording=key).exists():
        transaction.on_commit(lambda: recordings.forget(key))


def _ensure(owner: User, name: str, kind: str, in_flight: int) -> None:
    if Connection.objects.filter(owner=owner, kind=kind).exists():
        return
    Connection.objects.get_or_create(
        owner=owner,
        name=name,
        defaults={
            "kind": kind,
            "in_flight": in_flight,
            "model_names": list(probe.default_models(kind)),
        },
    )


def _unless_old(new: str, old: str) -> str:
    return "" if new == old else new


def _check_address(owner: User, row: Connection, values: Mapping[str, Any]) -> None:
    """Only admins may send calls, or this machine's environment, to an address of their own."""
    if owner.is_staff:
        return
    if values["base_url"] != row.base_url and values["base_url"] not in KNOWN_ADDRESSES:
        raise InvalidInput("Only an administrator may enter another address.", "base_url")
    if values.get("api_key_env", "") != row.api_key_env:
        raise InvalidInput("Only an administrator may name an environment variable.", "api_key_env")
