"""Whether branches can run side by side: finds prompts that refer to another branch's answer.

A warning, never a refusal: words alone cannot prove a dependency.
"""

import re
from collections.abc import Iterator, Sequence

from runs.domain.plan import Item
from runs.planning import pieces, rendering
from runs.planning.shape import Configuration

ADVICE = (
    "Branches run side by side and do not see each other's answers: chain these instead, "
    "or write what is needed into the prompt itself."
)
_ANSWER = r"(?:answer|result|output|response|reply|summary|finding|conclusion|verdict)s?"
_PART = r"(?:section|part|chunk|chapter|branch|item|row|document|step|task|question)s?"
_EARLIER = r"(?:previous|preceding|prior|earlier|foregoing)"
_REFERENCES = re.compile(
    rf"""\b(?:
      (?:as|see|from)(?:\s+\w+)?\s+above
    | {_EARLIER}\s+(?:{_ANSWER}|{_PART}|lines?)
    | (?:last|other)\s+(?:answer|result|output|response|reply)s?
    | (?:next|other)\s+(?:sections?|chunks?|branch(?:es)?)
    | (?:the|these|those)\s+{_ANSWER}\s+(?:above|so\s+far)
    | (?:section|part|chunk|answer|result)s?\s+(?:above|below|before)
    | (?:see|refer(?:ring)?\s+to|according\s+to|based\s+on|continue\s+from)\s+
      (?:the\s+)?(?:section|part|chunk|chapter|branch|item|answer)\s+\#?\d+
    | {_ANSWER}\s+(?:of|from|in|to)\s+(?:the\s+)?
      (?:section|part|chunk|chapter|branch|item|step|task|question)\s+\#?\d+
    )""",
    re.IGNORECASE | re.VERBOSE,
)
# No reference is without one of these: a quick look that spares most lines the slow one.
_HINTS = (
    *("above", "below", "before", "so far", "last", "other", "next"),
    *("previous", "preceding", "prior", "earlier", "foregoing"),
)
_NUMBERED_HINT = re.compile(
    r"(?:section|part|chunk|chapter|branch|item|answer|step|task|question)\s+\#?\d", re.IGNORECASE
)
_NUMBERED = re.compile(r"(?:step|task|question|item)\s+\#?(\d+)$", re.IGNORECASE)
_OTHERS = re.compile(
    r"prev|previous|summary|summaries|reply|replies"
    r"|(?:answer|branch|outcome|output|part|response|result|section|step|vote)(?:s|es)?"
)
_OF_ITEMS = frozenset({"input", "document", "chunk", "line", "row"})
_LONGEST_LOOKED_AT = 20_000  # characters of one prompt or item
_MOST_ITEMS_NAMED = 5


def warnings(configuration: Configuration, items: Sequence[Item] = ()) -> tuple[str, ...]:
    """One sentence for each prompt, and one for the items, that lean on another branch."""
    return (*_of_prompts(configuration), *_of_items(configuration, items))


def overlaps(configuration: Configuration, items: Sequence[Item]) -> tuple[str, ...]:
    """A sentence where sections give the prompt the same text: each is asked, and paid for."""
    names = rendering.variables(configuration.prompts[0].text)
    if pieces.of(configuration) is None or not names:
        return ()
    first: dict[tuple[str, ...], int] = {}
    again = []
    for number, item in enumerate(items, 1):
        earlier = first.setdefault(tuple(item.fields.get(name, "") for name in names), number)
        if earlier != number:
            again.append((earlier, number))
    if not again:
        return ()
    (one, other), others = again[0], len(again) - 1
    more = f", and {others:,} more repeat an earlier one" if others else ""
    return (
        f"Sections overlap: {one:,} and {other:,} ask the same{more}. Each is called and paid for.",
    )


def is_for_another_branch(name: str, configuration: Configuration) -> bool:
    """Whether only another branch's answer could fill the variable `name`."""
    group, word = name.partition(".")[0], re.split(r"[^a-z]", name.casefold(), maxsplit=1)[0]
    if group in _OF_ITEMS:
        return False
    prompts = {_slug(prompt.name) for prompt in configuration.prompts if prompt.name.strip()}
    return bool(_OTHERS.fullmatch(word)) or bool({_slug(name), _slug(group)} & prompts)


def reference(text: str) -> str | None:
    """The words by which `text` refers to another branch's answer, if it does."""
    text = text[:_LONGEST_LOOKED_AT]
    if not _has_hint(text):
        return None
    for match in _REFERENCES.finditer(text):
        if not _is_own_step(match[0], text):
            return " ".join(match[0].split())
    return None


def _has_hint(text: str) -> bool:
    lowered = text.casefold()
    return any(hint in lowered for hint in _HINTS) or bool(_NUMBERED_HINT.search(text))


def _of_prompts(configuration: Configuration) -> Iterator[str]:
    for number, prompt in enumerate(configuration.prompts):
        label = f"Prompt “{prompt.name or number + 1}”"
        words = reference(prompt.text) or _names_another(configuration, number)
        if words:
            yield f"{label} seems to refer to another branch's answer (“{words}”). {ADVICE}"
        for name in rendering.variables(prompt.text):
            if is_for_another_branch(name, configuration):
                yield f"{label}: only another branch could fill {{{{ {name} }}}}. {ADVICE}"


def _of_items(configuration: Configuration, items: Sequence[Item]) -> Iterator[str]:
    """Lines and list items are tasks as often as data; documents may well say “see section 2”."""
    if pieces.of(configuration) not in {"line", "list"}:
        return
    found = [(item.index + 1, words) for item in items if (words := reference(_text(item)))]
    if not found:
        return
    numbers = ", ".join(str(number) for number, _ in found[:_MOST_ITEMS_NAMED])
    more = f" and {len(found) - _MOST_ITEMS_NAMED} more" if len(found) > _MOST_ITEMS_NAMED else ""
    subject = f"Item {numbers} seems" if len(found) == 1 else f"Items {numbers}{more} seem"
    yield f"{subject} to refer to another branch's answer (“{found[0][1]}”). {ADVICE}"


def _text(item: Item) -> str:
    return item.fields.get("input", "")


def _names_another(configuration: Configuration, number: int) -> str | None:
    """A phrase such as “the result of Summarise”, where another prompt has that name."""
    text = configuration.prompts[number].text[:_LONGEST_LOOKED_AT]
    own = configuration.prompts[number].name
    others = {p.name.strip() for p in configuration.prompts if p.name != own and p.name.strip()}
    if not others or configuration.split.by != "prompts":
        return None
    names = "|".join(re.escape(name) for name in sorted(others, key=len, reverse=True))
    pattern = rf"\b{_ANSWER}\s+(?:of|from|in|to)\s+(?:the\s+)?[“\"'‘]?(?:{names})\b"
    found = re.search(pattern, text, re.IGNORECASE)
    return " ".join(found[0].split()) if found else None


def _is_own_step(words: str, text: str) -> bool:
    """“the answer from step 1” is no other branch's where the text numbers its own steps."""
    number = _NUMBERED.search(words)
    return bool(number and re.search(rf"(?im)^\s*(?:step\s+|task\s+)?{number[1]}\s*[.):]", text))


def _slug(name: str) -> str:
    return re.sub(r"\W+", "_", name.casefold()).strip("_")
