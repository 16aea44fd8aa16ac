"""What changed between two texts, line by line."""

from difflib import SequenceMatcher


def line_differences(old: str, new: str) -> list[tuple[str, str]]:
    """Lines as ("same" | "gone" | "new", text), in reading order."""
    before, after = old.splitlines(), new.splitlines()
    lines: list[tuple[str, str]] = []
    for tag, a, b, c, d in SequenceMatcher(None, before, after).get_opcodes():
        if tag == "equal":
            lines += [("same", text) for text in before[a:b]]
            continue
        lines += [("gone", text) for text in before[a:b]]
        lines += [("new", text) for text in after[c:d]]
    return lines
