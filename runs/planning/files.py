"""A configuration as a YAML file, and back. YAML 1.2's plain values, no tags, no anchors.

`no`, `012`, `1:30` and dates are texts here: YAML 1.1 would make false, ten, ninety and a date.
"""

import re
from typing import Any

import yaml

from runs.domain.errors import InvalidConfiguration, InvalidInput
from runs.planning import configuration as configurations
from runs.planning.rules import MOST_DEPTH
from runs.planning.shape import Configuration

MOST_CHARACTERS = 8_000_000
FIELD = "file"

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_NULL, _BOOL = "tag:yaml.org,2002:null", "tag:yaml.org,2002:bool"
_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_PLAIN = (
    (_NULL, re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    (_BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    (_INT, re.compile(r"^[-+]?(?:0|[1-9][0-9]{0,300})$"), list("-+0123456789")),
    (
        _FLOAT,
        re.compile(r"^[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)$"),
        list("-+0123456789"),
    ),
)

# What a block cannot hold or shows badly: blanks at a line's end or the start, odd characters.
_NOT_IN_BLOCK = re.compile(
    r"\A\s|[ \t]$|[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd"
    r"\U00010000-\U0010ffff]",
    re.MULTILINE,
)


class _PlainLoader(_Loader):  # type: ignore[misc]
    """The safe loader with fewer plain values; a key that stands twice is refused."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _at(key.start_mark, "a name must be plain text")
            if key.value in seen:
                raise _at(key.start_mark, f"“{key.value}” stands here for the second time")
            seen.add(key.value)
        return {
            str(key.value): self.construct_object(value, deep=True) for key, value in node.value
        }


_PlainLoader.add_constructor(_FLOAT, lambda loader, node: float(loader.construct_scalar(node)))
_PlainLoader.add_constructor(
    "tag:yaml.org,2002:map", lambda loader, node: loader.construct_mapping(node)
)


class _PlainDumper(_Dumper):  # type: ignore[misc]
    """The safe dumper that writes texts of several lines as blocks and knows no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: Any, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value and not _NOT_IN_BLOCK.search(value) else None
    node: yaml.ScalarNode = dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)
    return node


_PlainDumper.add_representer(str, _text)
for _tag, _pattern, _first in _PLAIN:
    _PlainLoader.add_implicit_resolver(_tag, _pattern, _first)
    _PlainDumper.add_implicit_resolver(_tag, _pattern, _first)  # quotes for 1.1 and for 1.2


def load_yaml(text: str | bytes) -> Configuration:
    """Raises `InvalidConfiguration`; what cannot be read at all stands at field `file`."""
    if len(text) > MOST_CHARACTERS:
        raise _unreadable(
            f"This file has {len(text) / 1e6:.1f} MB; a configuration file may have "
            f"{MOST_CHARACTERS / 1e6:.0f} MB. Keep large input in files of its own."
        )
    try:
        encoded = text if isinstance(text, bytes) else text.encode()
        written = encoded.decode("utf-8-sig")
        _refuse_tricks(written)
        data = yaml.load(written, Loader=_PlainLoader)  # noqa: S506 - a subclass of the safe loader
    except UnicodeError:
        raise _unreadable("This file is not UTF-8 text. Save it as UTF-8.") from None
    except yaml.YAMLError as error:
        raise _unreadable(_where(error)) from None
    if data is None:
        raise _unreadable("This file is empty. Start with name, pattern, join and prompts.")
    return configurations.parse(data)


def dump_yaml(configuration: Configuration) -> str:
    """The configuration as a file that `load_yaml` reads; fields without a value are left out."""
    data = configuration.model_dump(mode="json", exclude_none=True)
    written: str = yaml.dump(
        data, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, width=100
    )
    return written


def _refuse_tricks(text: str) -> None:
    """Anchors, tags and deep nesting are no part of the format, and can be bombs."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _at(event.start_mark, "anchors and aliases are not used here; write it out")
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag:
            raise _at(event.start_mark, f"tags such as {event.tag} are not used here")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH + 1:
            raise _at(event.start_mark, f"nested too deeply; at most {MOST_DEPTH} levels are taken")


def _at(mark: Any, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def _where(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        line, column = error.problem_mark.line + 1, error.problem_mark.column + 1
        return f"This YAML cannot be read: line {line}, column {column}: {error.problem}."
    return f"This YAML cannot be read: {str(error).splitlines()[0]}."


def _unreadable(message: str) -> InvalidConfiguration:
    return InvalidConfiguration([InvalidInput(message, FIELD)])
