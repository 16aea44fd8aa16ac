"""Text that arrives from outside, made fit to store and show. Pure."""

import re
from collections.abc import Iterable
from typing import Any

MOST_SHOWN = 200  # characters of a provider's message that a person is shown
MASK = "[key]"
LEAST_SECRET = 4  # a shorter "key" is no secret, and blotting it out would garble every message
LONG_SECRET = 16  # such a key is known by how it begins, wherever a provider quotes it in part
BEGINNING = 8

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SURROGATE = re.compile("[\ud800-\udfff]")


def shortened(message: str, secret: str = "", most: int = MOST_SHOWN) -> str:
    """One line of at most `most` characters in which the secret is blotted out."""
    message = clean(_CONTROL.sub(" ", without(secret, message)[: 4 * most])).strip()
    return message if len(message) <= most else message[: most - 1].rstrip() + "…"


def without(secret: str, message: str) -> str:
    if len(secret) >= LONG_SECRET:
        return re.sub(re.escape(secret[:BEGINNING]) + r"[^\s\"'<>,;]*", MASK, message)
    return message.replace(secret, MASK) if len(secret) >= LEAST_SECRET else message


def names(said: Iterable[Any]) -> list[str]:
    """Names that a provider lists, each once, in order; what is no name is left out."""
    texts = {shortened(name) for name in said if isinstance(name, str)}
    return sorted(texts - {""})


def clean(text: str) -> str:
    """Without what databases and UTF-8 cannot carry: NUL and halves of surrogate pairs."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class Pieces:
    """Gathers streamed text. A surrogate pair cut by the provider between two pieces is mended, and
    a long secret that the provider says is blotted out, however it is cut."""

    def __init__(self, secret: str = "") -> None:
        self._texts: list[str] = []
        self._half = ""
        self._secret = secret if len(secret) >= LONG_SECRET else ""
        self._start = self._secret[:2]
        self._held = ""  # what may be the secret's beginning

    def add(self, piece: str) -> str:
        """The piece as it may be shown; "" while it is half a character."""
        if self._half or not piece.isascii() or "\x00" in piece:
            piece = self._mended(piece)
        if (
            self._start
            and (  # asked of every token: most have nothing of it
                self._held or self._start in piece or piece[-1:] == self._start[0]
            )
        ):
            piece = self._blotted(piece)
        if piece:
            self._texts.append(piece)
        return piece

    def end(self) -> str:
        """What was held back for a half that never came, as it may be shown."""
        rest = without(self._secret, self._held) + clean(self._half)
        self._held = self._half = ""
        if rest:
            self._texts.append(rest)
        return rest

    @property
    def text(self) -> str:
        return "".join(self._texts) + without(self._secret, self._held)

    def _mended(self, piece: str) -> str:
        piece, self._half = self._half + piece, ""
        if piece and "\ud800" <= piece[-1] <= "\udbff":
            piece, self._half = piece[:-1], piece[-1]
        return clean(piece)

    def _blotted(self, piece: str) -> str:
        """The piece without the secret, and without an ending in which it may begin."""
        if self._held:
            piece, self._held = self._held + piece, ""
        secret = self._secret
        if self._start not in piece:  # then its last character at most is the secret's first
            if piece[-1:] == secret[0]:
                piece, self._held = piece[:-1], secret[0]
            return piece
        piece = piece.replace(secret, MASK)
        place = piece.find(secret[0], max(len(piece) - len(secret) + 1, 0))
        while place >= 0 and not secret.startswith(piece[place:]):
            place = piece.find(secret[0], place + 1)
        if place >= 0:
            piece, self._held = piece[:place], piece[place:]
        return piece
