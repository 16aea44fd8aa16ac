"""Templates: `{{ name }}` and `{{ document.field }}` from plain data, in one pass.

Nothing is evaluated and what was filled in is never looked at again: input is data, even where
it looks like a template.
"""

import difflib
import re
from collections.abc import Iterable, Mapping

from runs.domain.errors import InvalidInput

# Whatever stands between double braces on one line is a name; empty ones are left alone.
VARIABLE = re.compile(r"\{\{[ \t]*([^{}\s](?:[^{}\r\n]*[^{}\s])?)[ \t]*\}\}")
MOST_NAMES_SHOWN = 12


def render(text: str, fields: Mapping[str, str], field: str = "") -> str:
    """`text` with each variable replaced by its field's value.

    Raises `InvalidInput` (at `field`) for a name that `fields` does not hold.
    """

    def value(match: re.Match[str]) -> str:
        try:
            return fields[match[1]]
        except KeyError:
            raise unknown(match[1], fields, field) from None

    return VARIABLE.sub(value, text)


def variables(text: str) -> tuple[str, ...]:
    """The names that `text` uses, each once, in order."""
    return tuple(dict.fromkeys(VARIABLE.findall(text)))


def unknown(name: str, known: Iterable[str], field: str = "") -> InvalidInput:
    """The error for a name that is none of `known`."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    shown = ", ".join(f"{{{{ {known_name} }}}}" for known_name in names[:MOST_NAMES_SHOWN])
    more = f" and {len(names) - MOST_NAMES_SHOWN} more" if len(names) > MOST_NAMES_SHOWN else ""
    meant = f" Did you mean {{{{ {near[0]} }}}}?" if near else ""
    known_here = f"Known here: {shown}{more}." if names else "No names are known here."
    return InvalidInput(f"{{{{ {name} }}}} is not known here.{meant} {known_here}", field)
