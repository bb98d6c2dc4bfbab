"""The webhook receivers that a deployment names: one a line, `name=url secret`. Pure.

Address and secret both stay out of every error: an address may hold a token.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from alerts.channels.endpoint import Endpoint, endpoint
from alerts.channels.webhook_signing import key_of
from foundation.errors import SettingsError

SETTING = "NUANSHAO_WEBHOOKS"
PREFIX = "webhook:"
"""Before the name, where a contact's endpoint is written down (store/migrations/0019)."""

_FORM = "a line is: name=https://host/path whsec_… (openssl rand -base64 32 makes what follows whsec_)"


@dataclass(frozen=True, slots=True)
class Target:
    """One receiver. `keys`: the first is the present one; further ones sign too, while a receiver changes over."""

    name: str
    where: Endpoint
    url: str = field(repr=False)
    keys: tuple[bytes, ...] = field(repr=False)


def targets(text: str) -> dict[str, Target]:
    """The receivers by name; empty lines and those that begin with # are passed over. Raises SettingsError."""
    found: dict[str, Target] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            target = _target(line.strip(), f"{SETTING}, line {number}")
            if target.name in found:
                raise SettingsError(
                    f"{SETTING}, line {number}: {target.name!r} stands twice", do="give it another name"
                )
            found[target.name] = target
    return found


def name_of(to: str) -> str:
    """The receiver's name, from `webhook:<name>` or the bare name."""
    return to.removeprefix(PREFIX)


def _target(line: str, place: str) -> Target:
    name, separator, rest = line.partition("=")
    url, *secrets = rest.split() or [""]
    name = name.strip()
    # without its `=` a line is an address or a secret, which must not be repeated
    if not separator or not name or "/" in name or any(sign.isspace() for sign in name) or not secrets:
        raise SettingsError(f"{place} has no name, address and secret", do=_FORM)
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.fragment:
        raise SettingsError(f"{place} ({name}): a user or a fragment in the address", do=_FORM)
    where = endpoint(f"{place} ({name})", f"{parts.scheme}://{parts.netloc}")
    try:
        keys = tuple(key_of(secret) for secret in secrets)
    except ValueError as wrong:
        raise SettingsError(f"{place} ({name}): {wrong}", do=_FORM) from None
    return Target(name, where, url, keys)
