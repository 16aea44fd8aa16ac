"""What a list's address may ask for. Anything else counts as not asked."""

from collections.abc import Mapping

LARGEST_ID = 2**63 - 1


def whole(data: Mapping[str, str], name: str) -> int | None:
    """A whole number that may be a row's id, or None."""
    text = data.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        return None
    return min(int(text), LARGEST_ID)
