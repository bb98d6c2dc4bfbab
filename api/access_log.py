"""Keeps addresses that are secrets out of the access log, also where whoever runs the API has turned that on."""

from __future__ import annotations

import logging
from typing import Final

SECRET: Final = ("/a/", "/carriers/")
"""What comes behind is as good as a password."""


def keep_secrets_out() -> None:
    """From now on; again changes nothing."""
    logging.getLogger("uvicorn.access").addFilter(_shortened)


def _shortened(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(_short(one) if isinstance(one, str) else one for one in record.args)
    return True


def _short(said: str) -> str:
    for begin in SECRET:
        before, found, _ = said.partition(begin)
        if found:
            return f"{before}{begin}…"
    return said
