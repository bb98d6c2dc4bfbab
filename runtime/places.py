"""Where files of local services live.

* project data: `<project>/.nuanshao/<name>`: databases, broker queue, logs; belongs to one checkout
* the same for root below a closed folder such as /root: `/var/lib/nuanshao/<name>-<hash of the project>`, because
  the account that PostgreSQL drops to must be able to walk there
* cache: `$NUANSHAO_CACHE_DIR`, else `/var/cache/nuanshao` for root and `${XDG_CACHE_HOME:-~/.cache}/nuanshao`
  for anybody else: programs that can be fetched again
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from foundation.errors import ServiceMissing, SettingsError
from runtime.account import Account, can_reach, service_account

SYSTEM_CACHE = Path("/var/cache/nuanshao")
SYSTEM_STATE = Path("/var/lib/nuanshao")
PROJECT_FOLDER = ".nuanshao"


def cache_dir() -> Path:
    """The folder for fetched programs; not yet made.

    Raises SettingsError when NUANSHAO_CACHE_DIR is not an absolute path.
    """
    asked = os.environ.get("NUANSHAO_CACHE_DIR", "")
    if asked:
        path = Path(asked).expanduser()
        if not path.is_absolute():
            raise SettingsError(f"NUANSHAO_CACHE_DIR={asked} is not absolute", do="give the whole path")
        return path
    if os.geteuid() == 0:
        return SYSTEM_CACHE
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(xdg) if xdg.startswith("/") else _home() / ".cache") / "nuanshao"


def state_dir(project: Path, name: str) -> Path:
    """The folder for the data of `name` in the checkout `project`; not yet made."""
    return choose_state_dir(project.resolve(), name, service_account())


def choose_state_dir(project: Path, name: str, account: Account | None) -> Path:
    """As `state_dir`, for a given account: in the project where the account can reach it, else outside."""
    inside = project / PROJECT_FOLDER / name
    if can_reach(inside, account):
        return inside
    mark = hashlib.sha256(str(project).encode()).hexdigest()[:10]
    return SYSTEM_STATE / f"{name}-{mark}"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        raise ServiceMissing("this user has no home folder", do="set NUANSHAO_CACHE_DIR") from None
