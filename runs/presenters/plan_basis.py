"""From where an estimate knows what it tells: in sentences, from how many runs."""

from collections.abc import Iterator, Sequence

from runs.planning.estimate import Estimate, Part
from runs.presenters.figures import plural, thousands

WORDS = {"branch": "answer", "merge": "merge", "judge": "verdict"}
ASSUMED_SPEED = "No call to this model was timed yet, so the time is a guess."
BORROWED_SPEED = "How fast the model is, is known from other prompts."


def sentences(figures: Estimate) -> tuple[str, ...]:
    """The branches' answers first, then what joins ask for where that is known otherwise."""
    branches = [part for part in figures.parts if part.kind == "branch"]
    asked = [part for part in figures.parts if part.kind != "branch" and part.calls]
    said = [_answers(branches), *_of_joins(branches, asked), *_speed(figures.parts)]
    return tuple(said)


def _of_joins(branches: Sequence[Part], asked: Sequence[Part]) -> Iterator[str]:
    if asked and {part.answers for part in asked} != {part.answers for part in branches}:
        yield _answers(asked)


def _answers(parts: Sequence[Part]) -> str:
    word, sources = WORDS[parts[0].kind], {part.answers for part in parts}
    these = f"this {_prompt(parts)}" if len(_prints(parts)) == 1 else f"these {_prompt(parts)}s"
    if sources == {"known"}:
        runs = max(part.runs for part in parts)
        calls = sum({part.asks: part.past_calls for part in parts}.values())
        return (
            f"Learned from {plural(runs, 'earlier run')} of {these}: {_lengths(parts)} "
            f"{_a(word)} (median of {plural(calls, 'call')})."
        )
    if sources == {"borrowed"}:
        runs = max(part.runs for part in parts)
        return (
            f"{_lengths(parts)} {_a(word)}: borrowed from {plural(runs, 'run')} of {these} on "
            f"{parts[0].borrowed_from}."
        )
    if sources == {"assumed"}:
        return f"{_a(word).capitalize()} is assumed to be half as long as allowed: {_never(parts)}."
    return (
        f"Some lengths of {word}s are learned from earlier runs; the others are assumed to be half "
        "of what is allowed."
    )


def _never(parts: Sequence[Part]) -> str:
    if parts[0].kind != "branch":
        return "none was made before"
    several = len(_prints(parts)) > 1
    return "these prompts were not run before" if several else "this prompt was not run before"


def _prompt(parts: Sequence[Part]) -> str:
    return "prompt" if parts[0].kind == "branch" else "join"


def _prints(parts: Sequence[Part]) -> set[str]:
    return {part.asks for part in parts}


def _lengths(parts: Sequence[Part]) -> str:
    """`24 tokens`, or `24–34 tokens` where prompts differ."""
    least, most = (round(pick(part.output_tokens for part in parts)) for pick in (min, max))
    span = plural(most, "token")
    return span if least == most else f"{thousands(least)}–{span}"


def _a(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _speed(parts: Sequence[Part]) -> Iterator[str]:
    sources = {part.speed for part in parts if part.calls}
    if "assumed" in sources:
        yield ASSUMED_SPEED
    elif "borrowed" in sources:
        yield BORROWED_SPEED
