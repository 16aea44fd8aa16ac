"""Rules between the fields of a configuration: what fits together, said beside a field."""

import math
import re
from collections.abc import Iterator, Mapping

from runs.domain.errors import InvalidInput
from runs.domain.policies import OnFailure
from runs.planning import input_rules, names, schemas, vote_rules
from runs.planning.shape import Configuration, Provider

MOST_DEPTH = 40  # of groups and lists in one another, everywhere
_ADDRESS = re.compile(r"https?://[^\s/@?#]+(?:/[^\s?#]*)?", re.IGNORECASE)
_PACE = re.compile(r"(?:\d{1,6}(?:\.\d{1,6})?|\.\d{1,6})(?:/s)?")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def errors(configuration: Configuration) -> list[InvalidInput]:
    """All that does not fit together."""
    return [
        *_pattern(configuration),
        *_prompts(configuration),
        *_variations(configuration),
        *vote_rules.errors(configuration),
        *_quorum(configuration),
        *_schema(configuration),
        *_provider(configuration.provider),
        *input_rules.errors(configuration),
        *names.errors(configuration),
    ]


def character_errors(value: object, path: str = "", depth: int = 0) -> Iterator[InvalidInput]:
    """Texts that no database or file takes, and nesting too deep to be meant."""
    if depth > MOST_DEPTH:
        yield InvalidInput(f"is nested too deeply; at most {MOST_DEPTH} levels are taken", path)
    elif isinstance(value, str):
        if "\x00" in value or not _is_unicode(value):
            yield InvalidInput("holds a character that cannot be stored: remove it", path)
    elif isinstance(value, float) and not math.isfinite(value):
        yield InvalidInput("must be a finite number", path)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from character_errors(key, path, depth)
            yield from character_errors(inner, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from character_errors(inner, f"{path}.{place}", depth + 1)


def _is_unicode(text: str) -> bool:
    """False for half a surrogate pair, which JSON can carry and UTF-8 cannot."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _pattern(c: Configuration) -> Iterator[InvalidInput]:
    roles = [prompt.role for prompt in c.prompts]
    if c.join.method != "gate":
        for number, role in enumerate(roles):
            if role == "guard":
                yield InvalidInput(
                    "must be section here: guards belong to join method gate",
                    f"prompts.{number}.role",
                )
        return
    if c.pattern == "voting":
        yield InvalidInput(
            "must be another method with pattern voting: a gate needs pattern sectioning, "
            "with split by prompts",
            "join.method",
        )
        return
    if c.split.by != "prompts":
        yield InvalidInput("must be prompts with join method gate", "split.by")
    if "guard" not in roles:
        yield InvalidInput(
            "must hold at least one guard: add a prompt with role guard, asked beside the main one",
            "prompts",
        )
    if roles.count("section") != 1:
        yield InvalidInput(
            "must hold exactly one prompt with role section, the main answer; the rest are guards",
            "prompts",
        )


def _prompts(c: Configuration) -> Iterator[InvalidInput]:
    varies = c.pattern == "voting" and c.votes.vary == "template"
    splits = c.pattern == "sectioning" and c.split.by == "prompts"
    if len(c.prompts) > 1 and not (varies or splits):
        yield InvalidInput(
            f"must hold exactly one prompt here, not {len(c.prompts)}; several are for "
            "split.by prompts (sectioning) and votes.vary template (voting)",
            "prompts",
        )
    for number, prompt in enumerate(c.prompts):
        if not prompt.text.strip() and not prompt.template.strip():
            yield InvalidInput(
                "must not be empty: write the prompt, or name a stored template",
                f"prompts.{number}.text",
            )
        if prompt.version is not None and not prompt.template.strip():
            yield InvalidInput(
                "is only for a prompt that names a template", f"prompts.{number}.version"
            )


def _variations(c: Configuration) -> Iterator[InvalidInput]:
    if c.pattern != "voting":
        return
    match c.votes.vary:
        case "temperature" if not c.votes.temperatures:
            yield InvalidInput(
                "must list at least one temperature from 0 to 2 with vary: temperature",
                "votes.temperatures",
            )
        case "model" if not c.votes.models:
            yield InvalidInput(
                "must list at least one model, each with connection and model, with vary: model",
                "votes.models",
            )
        case "template" if len(c.prompts) < 2:
            yield InvalidInput("must hold at least two prompts with vary: template", "prompts")


def _quorum(c: Configuration) -> Iterator[InvalidInput]:
    if c.pattern == "voting":
        yield from quorum(c, c.votes.samples)


def quorum(c: Configuration, children: int) -> Iterator[InvalidInput]:
    """Whether the failure policy asks for more branches of a join than there are."""
    if c.on_failure.policy is OnFailure.AT_LEAST and c.on_failure.least > children:
        branches = "one branch" if children == 1 else f"{children:,} branches"
        has = "each vote" if c.each else "this run"
        yield InvalidInput(
            f"must be from 1 to {children:,}: {has} has {branches}", "on_failure.least"
        )


def quorum_of_pieces(c: Configuration, pieces: int) -> Iterator[InvalidInput]:
    """Whether `each.on_failure` asks for more pieces than there are."""
    policy = c.each.on_failure if c.each else None
    if policy and policy.policy is OnFailure.AT_LEAST and policy.least > pieces:
        named = "one piece" if pieces == 1 else f"{pieces:,} pieces"
        yield InvalidInput(
            f"must be from 1 to {pieces:,}: the input has {named}", "each.on_failure.least"
        )


def _schema(c: Configuration) -> Iterator[InvalidInput]:
    written = {f"prompts.{n}.json_schema": p.json_schema for n, p in enumerate(c.prompts)}
    for field, schema in {"call.json_schema": c.call.json_schema, **written}.items():
        problem = schemas.problem(schema) if schema is not None else ""
        if problem:
            yield InvalidInput(problem, field)


def _provider(provider: Provider | None) -> Iterator[InvalidInput]:
    if provider is None:
        return
    if provider.kind == "openai_compatible" and not provider.base_url:
        yield InvalidInput(
            "is required for an OpenAI-compatible provider, as in https://api.example.com/v1",
            "provider.base_url",
        )
    elif provider.base_url and not _ADDRESS.fullmatch(provider.base_url):
        yield InvalidInput(
            "must be an address such as https://api.example.com/v1, without a key or query in it",
            "provider.base_url",
        )
    if provider.kind == "replay" and not provider.recording:
        yield InvalidInput("is required for a replay: the recording's path", "provider.recording")
    for name in ("recording", "shuffle", "pace"):
        if getattr(provider, name) not in {None, ""} and provider.kind != "replay":
            yield InvalidInput("is only for a provider of kind replay", f"provider.{name}")
    if not provider.sends_end_mark and provider.kind not in {"openai_compatible", "simulated"}:
        yield InvalidInput(
            "must be true: every provider of this kind sends one", "provider.sends_end_mark"
        )
    if provider.pace and not _PACE.fullmatch(provider.pace):
        yield InvalidInput(
            "must be seconds a call, as in 0.5, or tokens a second, as in 80/s", "provider.pace"
        )
    if provider.api_key_env and not _VARIABLE_NAME.fullmatch(provider.api_key_env):
        yield InvalidInput(
            "must be the name of an environment variable, as in MY_KEY; never the key itself",
            "provider.api_key_env",
        )
