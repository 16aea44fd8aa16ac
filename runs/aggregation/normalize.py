"""When two written answers are one answer: Unicode, spaces, quotes, marks around a text, keys.

Knows nothing of joins or readers.
"""

import hashlib
import re
import unicodedata

LONGEST_KEY = 120  # characters a vote's key may have before it is shortened to a digest

_QUOTES = str.maketrans(
    dict.fromkeys("‘’‚‛′`´", "'") | dict.fromkeys("“”„‟″«»", '"') | dict.fromkeys("‐‑‒–—―−﹣", "-")
)
_INVISIBLE = frozenset({"Cf", "Cs"})  # format characters, and halves of surrogate pairs
_VARIATION_SELECTORS = frozenset(chr(code) for code in range(0xFE00, 0xFE10))
_LEADING = " \"'*_#•·"
_TRAILING = " \"'*_.,;:?…"
_BULLET = re.compile(r"-+ ")
_SPACES = re.compile(r"\s+")


def plain(text: str) -> str:
    """The text in NFKC, without invisible characters, quotes and dashes straight, case kept."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text.translate(_QUOTES)
    composed = unicodedata.normalize("NFKC", _without_invisible(text))
    return unicodedata.normalize("NFKC", composed.translate(_QUOTES))


def trimmed(text: str) -> str:
    """`plain` on one line, without the marks around it: `**“Yes.”**` becomes `Yes`.

    A sign, a bracket or a symbol that can be part of an answer stays: `-5`, `[1]`, `C#`, `5!`.
    """
    line = _SPACES.sub(" ", plain(text)).strip()
    while True:
        shorter = _unwrapped(_without_shout(line.lstrip(_LEADING).rstrip(_TRAILING)))
        bullet = _BULLET.match(shorter)
        shorter = shorter[bullet.end() :] if bullet else shorter
        if shorter == line:
            return line
        line = shorter


def normalized(text: str) -> str:
    """What is compared: `trimmed`, with case folded. Empty where nothing but marks is left."""
    folded = trimmed(text)
    while True:  # folding may compose anew, and what it gives may be trimmed further
        again = trimmed(folded.casefold())
        if again == folded:
            return folded
        folded = again


def folded(text: str) -> str:
    """`plain` on one line, with case folded: what is compared of a text that stands by itself, as
    in a JSON list, where marks around it are its own."""
    return _SPACES.sub(" ", plain(plain(text).casefold())).strip()


def key(text: str) -> str:
    """`normalized`, at most `LONGEST_KEY` characters: a long text ends in a digest of the whole."""
    whole = normalized(text)
    if len(whole) <= LONGEST_KEY:
        return whole
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{whole[: LONGEST_KEY - 14].rstrip()}… {digest}"


def _without_invisible(text: str) -> str:
    return "".join(
        " " if category == "Cc" and char != "\n" else char
        for char, category in ((char, unicodedata.category(char)) for char in text)
        if category not in _INVISIBLE and char not in _VARIATION_SELECTORS
    )


def _without_shout(line: str) -> str:
    """`Yes!!` is `Yes`, but `5!` is a factorial."""
    return line if line[-2:-1].isdigit() else line.rstrip("!")


def _unwrapped(line: str) -> str:
    """`(b)` is `b`; brackets that do not enclose the whole text stay."""
    inner = line[1:-1]
    if line[:1] == "(" and line[-1:] == ")" and "(" not in inner and ")" not in inner:
        return inner.strip()
    return line
