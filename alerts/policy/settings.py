"""The deployment's policy out of its settings."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

from alerts.policy.stages import Policy, Quiet
from catalogue.rules import Hours
from foundation.errors import SettingsError
from foundation.settings import settings


def policy() -> Policy:
    """Raises SettingsError for quiet hours that are none."""
    said = settings().quiet_hours
    if said == "none":
        return Policy()
    found = re.fullmatch(r"(\d{1,2})-(\d{1,2})", said)
    since, until = (int(found[1]), int(found[2])) if found else (-1, -1)
    if not (0 <= since <= 23 and 0 <= until <= 23 and since != until):  # noqa: PLR2004 (hours of a day)
        raise SettingsError(f"NUANSHAO_QUIET_HOURS={said!r} are no hours", do="write 22-7, or none")
    return Policy(Quiet(Hours(since=since, until=until), ZoneInfo(settings().timezone)))
