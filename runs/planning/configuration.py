"""A configuration from plain data and back: the one way in for form, file and stored copy."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from runs.domain.errors import InvalidConfiguration, InvalidInput
from runs.domain.joins import JoinSettings
from runs.planning import join_rules, messages, rules
from runs.planning.shape import Configuration

__all__ = ["Configuration", "dump", "parse", "parse_join"]

_JOIN: TypeAdapter[Any] = TypeAdapter(Annotated[JoinSettings, Field(discriminator="method")])


def parse(data: Mapping[str, Any]) -> Configuration:
    """Raises `InvalidConfiguration` with everything that is wrong, each beside its field."""
    if not isinstance(data, Mapping):
        raise InvalidConfiguration(
            [InvalidInput("A configuration is a group of fields: name, pattern, join, prompts, …")]
        )
    unstorable = list(rules.character_errors(data))
    if unstorable:
        raise InvalidConfiguration(unstorable)
    exact = [
        *join_rules.errors(data.get("join")),
        *join_rules.errors(_inner(data, "each", "join"), "each.join"),
    ]
    try:
        configuration = Configuration.model_validate(_with_implied(data))
    except ValidationError as error:
        raise InvalidConfiguration(messages.united(exact, messages.translated(error))) from None
    found = [*exact, *rules.errors(configuration)]
    if found:
        raise InvalidConfiguration(found)
    return configuration


def parse_join(data: Mapping[str, Any]) -> JoinSettings:
    """Join settings alone, as they stand at `join`. Raises `InvalidConfiguration` with all that is
    wrong with them."""
    unstorable = list(rules.character_errors(data, "join"))
    if unstorable:
        raise InvalidConfiguration(unstorable)
    filled = {"join": data, **_named_weights({"join": data})}["join"]
    found = join_rules.errors(filled)
    try:
        settings: JoinSettings = _JOIN.validate_python(filled)
    except ValidationError as error:
        raise InvalidConfiguration(
            messages.united(found, messages.translated(error, "join"))
        ) from None
    if found:
        raise InvalidConfiguration(found)
    return settings


def dump(configuration: Configuration) -> dict[str, Any]:
    """As JSON-able data, with every field; `parse(dump(c)) == c`."""
    return configuration.model_dump(mode="json")


def _inner(data: Mapping[str, Any], *path: str) -> Any:
    """What stands at `path`; None where nothing does."""
    found: Any = data
    for part in path:
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _with_implied(data: Mapping[str, Any]) -> dict[str, Any]:
    """The call's connection where only the provider that came along, or the voters, name it."""
    filled = {**data, **_named_weights(data)}
    call = filled.get("call", {})
    if not isinstance(call, Mapping):
        return filled
    implied = {**_first_voter(filled), **_own_provider(filled)}
    filled["call"] = {**call, **{key: implied[key] for key in implied if not call.get(key)}}
    return filled


def _named_weights(data: Mapping[str, Any]) -> dict[str, Any]:
    """Weights by the number of a vote, which YAML and JSON may write as a number or as text."""
    join = data.get("join")
    weights = _inner(data, "join", "weights")
    if not isinstance(join, Mapping) or not isinstance(weights, Mapping):
        return {}
    named = {str(voter) if type(voter) is int else voter: w for voter, w in weights.items()}
    return {"join": {**join, "weights": named}}


def _own_provider(data: Mapping[str, Any]) -> dict[str, Any]:
    provider = data.get("provider")
    if isinstance(provider, Mapping) and provider.get("name"):
        return {"connection": provider["name"]}
    return {}


def _first_voter(data: Mapping[str, Any]) -> dict[str, Any]:
    votes = data.get("votes")
    if not isinstance(votes, Mapping) or votes.get("vary") != "model":
        return {}
    models = votes.get("models")
    first = models[0] if isinstance(models, list | tuple) and models else None
    named = first if isinstance(first, Mapping) else {}
    return {key: named[key] for key in ("connection", "model") if named.get(key)}
