"""The text of a pdf. The bytes are a stranger's: whatever goes wrong becomes a message."""

import io
from collections.abc import Iterator

from pypdf import PasswordType, PdfReader

from runs.domain.errors import InvalidInput
from runs.planning.shape import MOST_INPUT

FIELD = "input"
MOST_BYTES = 50_000_000
MOST_PAGES = 1000
_HEAD = 1024  # bytes in which the mark must stand


def text_of(name: str, content: bytes) -> str:
    """The pages' texts, a blank line between them.

    Raises `InvalidInput` for what is no pdf, broken, locked, too large or without text.
    """
    if len(content) > MOST_BYTES:
        raise InvalidInput(
            f"{name} has {len(content) / 1e6:.0f} MB; a pdf may have {MOST_BYTES / 1e6:.0f} MB",
            FIELD,
        )
    if b"%PDF-" not in content[:_HEAD]:
        raise InvalidInput(f"{name} is not a pdf, whatever its name says", FIELD)
    try:
        text = "\n\n".join(_pages(name, content))
    except InvalidInput:
        raise
    except Exception as error:  # broken files raise nearly everything
        raise InvalidInput(
            f"{name} cannot be read as a pdf ({type(error).__name__}): save it again, or give "
            "its text",
            FIELD,
        ) from error
    if not text.strip():
        raise InvalidInput(
            f"{name} holds no text, perhaps scanned pages: run text recognition (OCR) first", FIELD
        )
    return text


def _pages(name: str, content: bytes) -> Iterator[str]:
    reader = PdfReader(io.BytesIO(content), strict=False)
    if reader.is_encrypted and reader.decrypt("") is PasswordType.NOT_DECRYPTED:
        raise InvalidInput(f"{name} is locked with a password: give an unlocked copy", FIELD)
    count = len(reader.pages)
    if count > MOST_PAGES:
        raise InvalidInput(f"{name} has {count:,} pages; at most {MOST_PAGES:,} are read", FIELD)
    length = 0
    for page in reader.pages:
        text = page.extract_text().strip()
        length += len(text)
        if length > MOST_INPUT:
            raise InvalidInput(
                f"{name} holds more than {MOST_INPUT / 1e6:.0f} MB of text: give part of it", FIELD
            )
        if text:
            yield text
