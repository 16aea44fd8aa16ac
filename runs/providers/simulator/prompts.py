"""What a request asks for, read off its prompt by rule of thumb: a choice, a number, JSON, a merge,
or simply text. Wrong guesses cost plausibility, nothing else.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MOST_CHOICES = 20
PASSES = ("pass", "safe", "allow", "allowed", "ok", "approve", "approved", "release")
BLOCKS = ("block", "unsafe", "deny", "denied", "flag", "reject", "rejected", "withhold")


class RequestError(ValueError):
    """A request that is none of the chat API; its message goes into a 400."""


@dataclass(frozen=True, slots=True)
class Question:
    """`digest` names the prompt: how often it was asked is counted under it."""

    prompt: str
    system: str
    model: str
    digest: str
    max_tokens: int | None
    temperature: float
    schema: Mapping[str, Any] | None
    is_streamed: bool
    wants_usage: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """`choices`: an answer is to be one of them. `span`: a number within it. `keys`: of a JSON
    object. `parts`: texts to merge. `sentences`: of the input, to make text of, `most_sentences`
    at most. `in_last_line`: reasons first, then the value in its own line, after `lead`.
    `lettered`: answers to be judged, each with its letter."""

    choices: tuple[str, ...] = ()
    span: tuple[int, int] | None = None
    keys: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()
    most_sentences: int | None = None
    in_last_line: bool = False
    lead: str = ""
    lettered: tuple[tuple[str, str], ...] = ()


def question(body: Any) -> Question:
    """Raises `RequestError`."""
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
        raise RequestError("`messages` is missing")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise RequestError("`model` is missing")
    said = {"system": "", "user": ""}
    for message in body["messages"]:
        if not isinstance(message, dict) or not isinstance(message.get("content"), str):
            raise RequestError("each message needs a `role` and a text as `content`")
        role = "system" if message.get("role") in {"system", "developer"} else "user"
        said[role] = f"{said[role]}\n{message['content']}".strip()
    digest = hashlib.blake2b(f"{said['system']}\0{said['user']}".encode(), digest_size=8)
    return Question(
        prompt=said["user"],
        system=said["system"],
        model=model,
        digest=digest.hexdigest(),
        max_tokens=_limit(body),
        temperature=_temperature(body),
        schema=_schema(body),
        is_streamed=bool(body.get("stream")),
        wants_usage=bool(_mapping(body.get("stream_options")).get("include_usage")),
    )


def _limit(body: Mapping[str, Any]) -> int | None:
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if limit is None:
        return None
    if type(limit) is not int or limit < 1:
        raise RequestError("`max_tokens` is a whole number from 1 upwards")
    return limit


def _temperature(body: Mapping[str, Any]) -> float:
    value = body.get("temperature", 1.0)
    if not isinstance(value, int | float) or not 0 <= value <= 2:
        raise RequestError("`temperature` lies between 0 and 2")
    return float(value)


def _schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    form = _mapping(body.get("response_format"))
    if form.get("type") != "json_schema":
        return None
    schema = _mapping(form.get("json_schema")).get("schema")
    return schema if isinstance(schema, dict) else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


@lru_cache(maxsize=4096)
def read(prompt: str, system: str) -> Reading:
    """Cached: a vote asks the same many times."""
    lettered = tuple((letter, text) for _, letter, text in _LETTERED.findall(prompt))
    if lettered:
        letters = tuple(letter for letter, _ in lettered)
        return Reading(choices=letters, lettered=lettered, in_last_line=True)
    parts = _parts(prompt)
    if parts:
        return Reading(parts=parts)
    whole = f"{system}\n{prompt}".strip()
    choices = _choices(whole)
    keys = tuple(dict.fromkeys(_KEY.findall(whole))) if "json" in whole.lower() else ()
    lead = _LEAD.search(whole)
    return Reading(
        choices=choices,
        span=None if choices else _span(whole),
        keys=keys,
        sentences=_sentences(prompt),
        most_sentences=_most_sentences(whole),
        in_last_line=lead is not None or _LAST_LINE.search(whole) is not None,
        lead=lead.group(1) if lead else "",
    )


_LETTERED = re.compile(r'<(answer-\w+) letter="(\w)">\n(.*?)\n</\1>', re.DOTALL)
_KEY = re.compile(r'[{,]\s*"(\w+)"\s*:')
_LAST_LINE = re.compile(r"(?i)\b(?:last|final) line\b|\bend(?:ing)? with\b")
_LEAD = re.compile(r"(?i)\b((?:final )?(?:answer|verdict|label|category|decision):) ?[<\[{“\"'`]")

# "one of: a, b or c" · "with exactly one word: a, b" · "Answer yes or no" · "Categories: a, b"
_INTRODUCTIONS = (
    re.compile(r"(?i)\b(?:one of|choose from|pick from|choose between|exactly one|one word)\b"),
    re.compile(r"(?i)\b(?:classify|label|judge|mark)\b[^.\n:]{0,60}?\bas\b"),
    re.compile(
        r"(?i)\b(?:categories|labels|options|choices|classes|verdicts)\b(?= (?:are|is)\b|:)"
    ),
    re.compile(
        r"(?i)\b(?:answer|reply|respond|return|output|write|say|print)\b"
        r"(?: (?:only|just|exactly|simply|strictly|with|either|the|a|single|word)\b)*"
    ),
)
_BULLETS = re.compile(r"[^\n]{0,80}\n+((?:[ \t]*(?:[-*•]|\d+[.)])[ \t]+[^\n]+(?:\n|$)){2,})")
_BULLET = re.compile(r"(?:[-*•]|\d+[.)])[ \t]+([^\n:–—(]+)")
_SEPARATOR = re.compile(r"(?i)\s*(?:,\s*or\b|,\s*and\b|,|/|\||;|\bor\b|\band\b)\s*")
_CHOICE = re.compile(r"[\w][\w &+'-]{0,38}")
_QUOTED = re.compile('["“‘`*]([^"“”‘’`*\\n]{1,40})["”’`*]')
_QUOTES = " \t\"'“”‘’`*<>[](){}"


def _choices(text: str) -> tuple[str, ...]:
    for introduction in _INTRODUCTIONS:
        for found in introduction.finditer(text):
            after = text[found.end() : found.end() + 800]
            choices = _bulleted(after) or _listed(after)
            if choices:
                return choices
    return ()


def _bulleted(after: str) -> tuple[str, ...]:
    found = _BULLETS.match(after)
    if found is None or ":" not in after[: found.start(1)]:
        return ()
    return _valid(_BULLET.findall(found.group(1)))


def _listed(after: str) -> tuple[str, ...]:
    """The choices in the rest of the sentence: those in quotes, else after or before its colon."""
    sentence = re.split(r"[.!?](?:\s|$)|\n", after, maxsplit=1)[0]
    quoted = _valid(_QUOTED.findall(sentence))
    if quoted:
        return quoted
    before, colon, listed = sentence.partition(":")
    if colon and len(before) <= 60:
        return _valid(_SEPARATOR.split(listed)) or _valid(_SEPARATOR.split(before), most_words=2)
    return _valid(_SEPARATOR.split(sentence), most_words=2)


def _valid(found: list[str], most_words: int = 4) -> tuple[str, ...]:
    choices = tuple(dict.fromkeys(choice.strip(_QUOTES) for choice in found))
    is_list = 2 <= len(choices) <= MOST_CHOICES and all(
        _CHOICE.fullmatch(choice) and len(choice.split()) <= most_words for choice in choices
    )
    return choices if is_list else ()


_RANGE = re.compile(
    r"(?i)\b(?:rate|score|rating|scale|number|grade)\b[^.\n]{0,60}?(\d{1,4})\s*(?:to|-|–|and)\s*(\d{1,4})"
)
_NUMBER = re.compile(
    r"(?i)\b(?:answer|reply|respond|end|return|give)\b[^.\n]{0,40}\b(?:number|integer|digits?)\b"
    r"|\bhow many\b"
)


def _span(text: str) -> tuple[int, int] | None:
    found = _RANGE.search(text)
    if found:
        low, high = sorted((int(found.group(1)), int(found.group(2))))
        return low, high
    return (1, 99) if _NUMBER.search(text) else None


_MERGES = re.compile(r"(?i)\bparts? below\b|\beach part\b|\b(?:merge|combine) (?:the|these|all)\b")
_TAGGED = re.compile(r"(?s)<((?:part|answer|section|text)[\w-]*)\b[^>]*>\n?(.*?)</\1>")
_FENCED = (
    re.compile(r"(?s)(```+|~~~+|\"\"\")[^\n]*\n(.*?)\n?\1"),
    re.compile(r"(?s)(?:^|\n)[ \t]*([-=#\[*]{2,})[^\n]*\n(.+?)(?=\n[ \t]*\1|\Z)"),
)


def _parts(prompt: str) -> tuple[str, ...]:
    fences = (_TAGGED, *_FENCED) if _MERGES.search(prompt) else (_TAGGED,)
    for fence in fences:
        parts = tuple(part.strip() for _, part in fence.findall(prompt) if part.strip())
        if len(parts) >= 2:
            return parts
    return ()


_SENTENCE = re.compile(r"(?:[^.!?\n]|[.!?](?!\s|$)){20,600}[.!?](?=\s|$)")
_HEADING = re.compile(r"^[A-Z]\w+: ")
_COUNT = re.compile(r"(?i)\b(one|two|three|1|2|3) (?:short )?sentences?\b")
_COUNTS = {"one": 1, "two": 2, "three": 3, "1": 1, "2": 2, "3": 3}
_ORDER = re.compile(
    r"(?i)^\W*(?:you are|your task|please|summari[sz]e|classify|answer|reply|write|give|read"
    r"|extract|respond|list|decide|describe|explain|do not|return|the following|below"
    r"|in (?:one|two|three))\b"
)


def _sentences(prompt: str) -> tuple[str, ...]:
    """Sentences of the input that are no instructions to the model."""
    found = (_HEADING.sub("", sentence.strip()) for sentence in _SENTENCE.findall(prompt))
    return tuple(sentence for sentence in found if not _ORDER.match(sentence))[:60]


def _most_sentences(text: str) -> int | None:
    found = _COUNT.search(text)
    return _COUNTS[found.group(1).lower()] if found else None
