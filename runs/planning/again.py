"""What joining again changes of a run's configuration, and what it becomes by that.

Only how answers are joined may change: no prompt, no call and no input, for those were asked.
"""

from collections.abc import Mapping
from typing import Any

from runs.planning import configuration as configurations
from runs.planning.configuration import Configuration

OWN = ("join", "on_failure")


def merged(spec: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The frozen `spec` of a run with what a pass's `settings` change of it.

    No further vote is ever asked for, so that a rule which the new join does not know, to stop
    asking early, falls away.
    """
    found = {**spec, **{name: settings[name] for name in OWN if name in settings}}
    if spec.get("each") and settings.get("each"):
        each = {name: settings["each"][name] for name in OWN if name in settings["each"]}
        found["each"] = {**spec["each"], **each}
    votes = found.get("votes")
    if "join" in settings and isinstance(votes, Mapping) and _asks_for_all(found["join"]):
        found["votes"] = {**votes, "stop": "all"}
    return found


def changed(spec: Mapping[str, Any], settings: Mapping[str, Any]) -> Configuration:
    """The same as a configuration. Raises `InvalidConfiguration`."""
    return configurations.parse(merged(spec, settings))


def settings_of(configuration: Configuration) -> dict[str, Any]:
    """All that a pass may change, as this configuration has it."""
    whole = configurations.dump(configuration)
    found = {name: whole[name] for name in OWN}
    if configuration.pattern == "voting" and whole["each"]:
        found["each"] = {name: whole["each"][name] for name in OWN}
    return found


def _asks_for_all(join: object) -> bool:
    if not isinstance(join, Mapping):
        return False
    return join.get("method") != "majority" or bool(join.get("weights"))
