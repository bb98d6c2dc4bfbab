"""Who may ask: anybody on loopback without a token, otherwise whoever has the token."""

from __future__ import annotations

import ipaddress
import secrets
from typing import Annotated

from fastapi import Depends, HTTPException, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from foundation.errors import SettingsError
from foundation.settings import Settings, settings

_bearer = HTTPBearer(auto_error=False, description="NUANSHAO_API_TOKEN, where it is set")


def check(given: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]) -> None:
    """Answers 401 unless the token is right; asks for none where none is set."""
    wanted = settings().api_token.get_secret_value()
    if wanted and (given is None or not secrets.compare_digest(given.credentials.encode(), wanted.encode())):
        raise HTTPException(401, "a bearer token is needed", headers={"WWW-Authenticate": "Bearer"})


Allowed = Depends(check)


def refuse_open_door(chosen: Settings) -> None:
    """Raises SettingsError where the API would listen beyond this machine without a token."""
    host = chosen.api_host
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    if not local and not chosen.api_token.get_secret_value():
        raise SettingsError(
            f"the API would listen on {host} without a token", do="set NUANSHAO_API_TOKEN or listen on 127.0.0.1"
        )
