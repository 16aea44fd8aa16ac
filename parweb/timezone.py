"""The time zone that pages show times in. Runs before Django is set up: knows none of it."""

import os
from pathlib import Path
from zoneinfo import ZoneInfo

LOCALTIME = Path("/etc/localtime")
ZONES = "/zoneinfo/"


def is_zone(name: str) -> bool:
    """Whether it names a zone, such as `Europe/Zurich`."""
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # unknown, a directory of zones, or not a name at all
        return False
    return True


def machine_zone() -> str:
    """The zone this machine is set to, by name; UTC where it does not tell one."""
    told = (os.environ.get("TZ", "").removeprefix(":"), _linked())
    return next((name for name in told if name and is_zone(name)), "UTC")


def _linked() -> str:
    """`Europe/Zurich` for a link to `/usr/share/zoneinfo/Europe/Zurich`."""
    try:
        return str(LOCALTIME.readlink()).partition(ZONES)[2]
    except OSError:
        return ""
