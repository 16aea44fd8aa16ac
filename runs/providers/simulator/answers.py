"""Invented answers that fit what a prompt asks for. A seeded generator decides; votes on one prompt
mostly agree, with some dissent, more of it at a higher temperature.
"""

import hashlib
import json
import random
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from runs.providers.simulator.prompts import BLOCKS, PASSES, Question, Reading, read
from runs.providers.simulator.reply import Answer

LABEL = "[simulated] "
MOST_DEPTH = 6  # of a JSON answer
FIRST_PICKED = 0.1  # share of a judge's verdicts that go to whatever stands first
_PIECE = re.compile(r"\s*\S{1,6}|\s+")

COMMON = {"the", "and", "anyth", "somet", "for", "else", "with", "that"}
SUBJECTS = ("The team", "The report", "This part", "The second check", "A closer look", "The text")
VERBS = ("points to", "confirms", "leaves open", "rules out", "explains", "depends on")
OBJECTS = (
    "the change made the day before.",
    "a delay between the two systems.",
    "what the customer was told.",
    "the order in which the steps ran.",
    "a limit that nobody had set on purpose.",
    "the figures in the last column.",
)


def answer(asked: Question, rng: random.Random, tokens: int) -> Answer:
    """What the model says. `tokens`: typical length of a free text."""
    reading = read(asked.prompt, asked.system)
    settled = random.Random(f"{asked.digest}/{asked.model}")
    text = _text(asked, reading, Mind(rng, settled, asked.temperature), tokens)
    pieces = tuple(_PIECE.findall(text))
    most = asked.max_tokens or len(pieces)
    is_cut = len(pieces) > most
    read_tokens = 8 + (len(asked.prompt) + len(asked.system)) // 4
    return Answer(pieces[:most], "length" if is_cut else "stop", read_tokens)


class Mind:
    """Draws around a leaning: `settled` is the same for each call of a prompt, `rng` is not."""

    def __init__(self, rng: random.Random, settled: random.Random, temperature: float) -> None:
        self.rng = rng
        self._settled = settled
        self._temperature = temperature

    def one_of(self, choices: Sequence[str], asked_about: str) -> str:
        """The favourite, or at times one of the others, the nearest first. A guard lets pass."""
        lowered = {choice.lower(): choice for choice in choices}
        passes = next((lowered[name] for name in PASSES if name in lowered), None)
        if passes is not None and not lowered.keys().isdisjoint(BLOCKS):
            return passes
        ranked = self._ranked(choices, asked_about)
        dissent = self._settled.uniform(0.12, 0.42) * min(self._temperature, 1.0)
        if self.rng.random() >= dissent:
            return ranked[0]
        others = ranked[1:]
        return self.rng.choices(others, [1 / (2**place) for place in range(len(others))])[0]

    def number(self, low: int, high: int) -> int:
        favourite = self._settled.randint(low, high)
        dissent = self._settled.uniform(0.1, 0.4) * min(self._temperature, 1.0)
        if self.rng.random() >= dissent:
            return favourite
        return min(max(favourite + self.rng.choice((-2, -1, 1, 2)), low), high)

    def _ranked(self, choices: Sequence[str], asked_about: str) -> list[str]:
        """Favourite first: what the input speaks of most, then as the prompt leans."""
        leaning = {choice: self._settled.random() for choice in choices}
        return sorted(
            choices,
            key=lambda choice: (_likeness(choice, asked_about), leaning[choice]),
            reverse=True,
        )


@lru_cache(maxsize=4096)
def _likeness(choice: str, text: str) -> int:
    """How much of a choice, and of what the prompt says it stands for, is found in the text."""
    lowered = text.lower()
    named = choice.lower()
    meaning = re.search(rf"\b{re.escape(named)}\s*[:=–]\s*([^.;\n]{{3,80}})", lowered)
    if meaning is None:
        return len(re.findall(rf"\b{re.escape(named)}\b", lowered))
    rest = lowered[meaning.end() :]
    stems = {word[:5] for word in re.findall(r"\w{3,}", meaning.group(1))} - COMMON
    return sum(stem in rest for stem in stems)


def _text(asked: Question, reading: Reading, mind: Mind, tokens: int) -> str:
    if asked.schema is not None:
        return json.dumps(_fitting(asked.schema, reading, mind, asked.prompt, 0))
    if reading.parts:
        return LABEL + _merged(reading.parts, asked.max_tokens)
    value = _value(reading, mind, asked.prompt)
    if reading.keys:
        return json.dumps(_object(reading, mind, value))
    if value is None:
        return LABEL + _prose(reading, mind.rng, tokens)
    if reading.in_last_line:
        return f"{LABEL}{_prose(reading, mind.rng, 30)}\n{reading.lead} {value}".rstrip()
    return value


def _favourite(lettered: Sequence[tuple[str, str]], rng: random.Random) -> str:
    """The letter of the answer a judge likes best, under whatever letter it stands; now and then
    simply the first one, as real judges do."""
    if rng.random() < FIRST_PICKED:
        return lettered[0][0]
    return max(lettered, key=lambda one: hashlib.sha256(one[1].encode(errors="replace")).digest())[
        0
    ]


def _value(reading: Reading, mind: Mind, asked_about: str) -> str | None:
    if reading.lettered:
        return _favourite(reading.lettered, mind.rng)
    if reading.choices:
        return mind.one_of(reading.choices, asked_about)
    if reading.span is not None:
        return str(mind.number(*reading.span))
    return None


def _object(reading: Reading, mind: Mind, value: str | None) -> dict[str, str]:
    filler = {key: _sentence(mind.rng) for key in reading.keys}
    return filler if value is None else {**filler, reading.keys[0]: value}


def _merged(parts: Sequence[str], max_tokens: int | None) -> str:
    """Of each part its first sentences, as many as fit."""
    room = (max_tokens or 400) * 4 // len(parts)
    openings = []
    for part in parts:
        text = " ".join(part.replace(LABEL.strip(), "").split())
        opening = text[: max(room, 40)]
        end = max(opening.rfind(mark) for mark in (". ", "! ", "? "))
        openings.append(opening if len(text) <= room else opening[: end + 1] or f"{opening}…")
    return " ".join(openings)


def _prose(reading: Reading, rng: random.Random, tokens: int) -> str:
    """A few sentences of the input, or invented ones, to about so many tokens."""
    if len(reading.sentences) > 1:
        return _extract(reading.sentences, reading.most_sentences or 3, rng)
    wanted = tokens * rng.uniform(0.7, 1.3) * 4.5  # characters
    said = list(reading.sentences) or [_sentence(rng)]
    while sum(map(len, said)) < wanted and len(said) < (reading.most_sentences or tokens):
        said.append(_sentence(rng))
    return " ".join(said)


def _extract(sentences: Sequence[str], most: int, rng: random.Random) -> str:
    """So many sentences in their order; a single one from near the beginning."""
    among = range(min(len(sentences), 3)) if most == 1 else range(len(sentences))
    places = sorted(rng.sample(among, min(most, len(among))))
    return " ".join(sentences[place] for place in places)


def _sentence(rng: random.Random) -> str:
    return f"{rng.choice(SUBJECTS)} {rng.choice(VERBS)} {rng.choice(OBJECTS)}"


def _fitting(
    schema: Mapping[str, Any], reading: Reading, mind: Mind, asked_about: str, depth: int
) -> Any:
    """A value that fits the schema, as far as the usual keywords go."""
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        by_name = {str(value): value for value in schema["enum"]}
        if reading.lettered and (letter := _favourite(reading.lettered, mind.rng)) in by_name:
            return by_name[letter]
        return by_name[mind.one_of(tuple(by_name), asked_about)]
    if "const" in schema:
        return schema["const"]
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    if (kind == "object" or "properties" in schema) and depth < MOST_DEPTH:
        properties = schema.get("properties")
        named = properties.items() if isinstance(properties, dict) else ()
        return {
            name: _fitting(inner, reading, mind, asked_about, depth + 1)
            for name, inner in named
            if isinstance(inner, dict)
        }
    if kind == "array":
        return _items(schema, reading, mind, asked_about, depth)
    return _scalar(kind, schema, reading, mind, asked_about)


def _items(
    schema: Mapping[str, Any], reading: Reading, mind: Mind, asked_about: str, depth: int
) -> list[Any]:
    inner = schema.get("items")
    if not isinstance(inner, dict) or depth >= MOST_DEPTH:
        return []
    least, most = schema.get("minItems", 2), schema.get("maxItems", 3)
    count = mind.rng.randint(least, max(least, most)) if type(least) is type(most) is int else 2
    return [_fitting(inner, reading, mind, asked_about, depth + 1) for _ in range(min(count, 50))]


def _scalar(
    kind: Any, schema: Mapping[str, Any], reading: Reading, mind: Mind, asked_about: str
) -> Any:
    if kind in {"integer", "number"}:
        low, high = schema.get("minimum", 0), schema.get("maximum", 10)
        is_span = type(low) is int and type(high) is int and low <= high
        return mind.number(low, high) if is_span else mind.number(0, 10)
    if kind == "boolean":
        return mind.one_of(("true", "false"), "") == "true"
    if kind == "null":
        return None
    return _value(reading, mind, asked_about) or _prose(reading, mind.rng, 12)
