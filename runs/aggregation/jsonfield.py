"""Reading one field of the JSON in an answer, mended where it is only slightly malformed.

Knows nothing of joins.
"""

from runs.aggregation import jsontext
from runs.aggregation.jsontext import ABSENT

LONGEST_TEXT = 100_000  # characters looked at, from the end
_MOST_MENDED = 8


def read_field(text: str, field: str) -> tuple[str | None, str]:
    """The field's value as text and how it was read, or None and why it could not be.

    The last object that has the field counts, strictly parsed before mended.
    """
    found = list(jsontext.objects(text[-LONGEST_TEXT:]))
    if not found:
        return None, "it holds no JSON"
    if found[-1] is None:
        return None, "its JSON is cut before its end"
    whole = [segment for segment in found if segment is not None]
    for load, note in ((jsontext.strict, ""), (jsontext.mended, "read after mending its JSON")):
        for segment in reversed(whole if not note else whole[-_MOST_MENDED:]):
            value = jsontext.at(load(segment), field)
            if value is not ABSENT:
                written = jsontext.as_text(value)
                return written, note if written is not None else f"“{field}” is null"
    return None, f"its JSON has no “{field}”"
