"""The key of a local deployment's telephone numbers: made once, kept beside its database, for its user only."""

from __future__ import annotations

import secrets
from pathlib import Path

from foundation.sealing import KEY_BYTES
from runtime.passwords import write_atomically

FILE = "phone-key"


def kept_key(state_dir: Path) -> str:
    """The key in that folder; a new one where there is none yet. As hex digits."""
    path = state_dir / FILE
    if not path.exists():
        write_atomically(path, secrets.token_hex(KEY_BYTES) + "\n")
    return path.read_text(encoding="ascii").strip()
