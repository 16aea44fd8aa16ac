"""Prompts of the calls that joins ask for: templates filled in one pass, and untrusted texts
between tags that none of them can close. Evaluates nothing.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

_UNTITLED = re.compile(r"[<>\"\s]+")


def filled(template: str, values: Mapping[str, str]) -> str:
    """`template` with `{{ name }}` replaced by its value; what a value says is never looked into.
    An empty value takes the blank lines after it away too. Other names are left as they stand."""
    return _placeholders(tuple(values)).sub(
        lambda match: values[match[1]] + (match[2] if values[match[1]] else ""), template
    )


def names_in(template: str, names: Sequence[str]) -> frozenset[str]:
    """Which of `names` the template uses."""
    return frozenset(match[1] for match in _placeholders(tuple(names)).finditer(template))


@lru_cache(maxsize=64)
def _placeholders(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\{{\{{\s*({'|'.join(names)})\s*\}}\}}(\n*)")


def fenced(tag: str, parts: Sequence[tuple[Mapping[str, str], str]]) -> str:
    """Texts with their attributes, each between tags whose name is a digest that no text holds."""
    texts = [text.strip() for _, text in parts]
    name = f"{tag}-{_digest(texts)}"
    return "\n".join(
        f"<{name}{_attributes(attributes)}>\n{text}\n</{name}>"
        for (attributes, _), text in zip(parts, texts, strict=True)
    )


def shortened(text: str, most: int) -> str:
    """At most `most` characters: the beginning and the end, and between them what is left out."""
    if len(text) <= most:
        return text
    mark = f"\n[… {len(text) - most:,} characters or more are left out here …]\n"
    room = max(most - len(mark), 0)
    tail = room // 3
    return (text[: room - tail] + mark + text[len(text) - tail :])[:most]


def _digest(texts: Sequence[str]) -> str:
    joined = "\0".join(texts)
    digest = hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()
    while digest[:8] in joined:
        digest = hashlib.sha256(digest.encode()).hexdigest()
    return digest[:8]


def _attributes(attributes: Mapping[str, str]) -> str:
    return "".join(
        f' {name}="{_UNTITLED.sub(" ", value).strip()}"' for name, value in attributes.items()
    )
