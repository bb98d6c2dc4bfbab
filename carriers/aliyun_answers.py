"""Bodies of Aliyun's answers: business errors travel in an HTTP 200 as successes do."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from carriers.aliyun_rules import Refusal
from carriers.behaviour import Behaviour
from carriers.carrier import Carrier

Answer = Callable[[Carrier, dict[str, str], Behaviour | None], dict[str, object]]
"""Parameters → the body; the behaviour is one of those that concern what becomes of the message."""


def ok(**fields: object) -> dict[str, object]:
    """The action succeeded."""
    return {"Code": "OK", "Message": "OK", "RequestId": _request_id(), **fields}


def refusal(refused: Refusal) -> dict[str, object]:
    """The action was refused."""
    return {"Code": refused.code, "Message": refused.message, "RequestId": _request_id()}


def _request_id() -> str:
    return str(uuid.uuid4()).upper()
