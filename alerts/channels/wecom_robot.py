"""WeCom group robots (群机器人): one text into the group of a village or a desk, each robot known by its key.

A robot recognises no repetition and has no receipts; who has read it is not known. So its message carries the link.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import httpx
import structlog
from pydantic import SecretStr

from alerts.channels.byte_limit import with_link
from alerts.channels.channel import Accepted, Message, Outcome, Receipt, Refused, Way
from alerts.channels.endpoint import client, decoded, failed
from alerts.channels.endpoint import endpoint as endpoint_of
from alerts.channels.errcode import DESK_S, errcode
from alerts.channels.pace import Pace
from alerts.channels.wecom_outcomes import judge
from foundation.clock import Clock, utc_now
from foundation.errors import SettingsError
from foundation.settings import Settings

log = structlog.get_logger(__name__)

MOST_BYTES: Final = 2048
"""Of a text (CHANNELS.md)."""
PER_MINUTE: Final = 20
"""Messages of one robot (CHANNELS.md)."""
RESERVE: Final = 5
"""Of these, places that only critical messages take (our choice)."""
PREFIX: Final = "wecom_robot:"

_KEY = re.compile(r"[0-9A-Za-z_-]{8,128}")
_UNKNOWN = Refused("robot_unknown", retryable=True, after_s=DESK_S, elsewhere=True)


class WecomRobot:
    """The robots of one deployment, name → key. `timeout_s` bounds each request.

    Raises SettingsError for an endpoint that would carry the keys in clear over a network.
    """

    name = "wecom_robot"
    way: Way = "wecom_robot"
    receipts = False
    remembers = False

    def __init__(
        self,
        *,
        endpoint: str,
        robots: Mapping[str, SecretStr],
        clock: Clock = utc_now,
        timeout_s: float = 10.0,
    ) -> None:
        self._where = endpoint_of("NUANSHAO_WECOM_ROBOT_ENDPOINT", endpoint)
        self._robots = dict(robots)
        self._pace = {name: Pace(PER_MINUTE, reserve=RESERVE, clock=clock) for name in robots}
        self._http = client(self._where, timeout_s)

    def __repr__(self) -> str:
        return f"WecomRobot({self._where.host}, {len(self._robots)} robots)"

    async def send(self, message: Message) -> Outcome:
        """Hand the text over once. A time-out, a lost connection and a 5xx are Unknown: it may have been taken."""
        robot = message.to.removeprefix(PREFIX)
        key = self._robots.get(robot)
        if key is None:
            log.error("robot_unknown", robot=robot, key=message.key, do="name it in NUANSHAO_WECOM_ROBOTS")
            return _UNKNOWN
        wait_s = self._pace[robot].wait_s(critical=message.template == "critical")
        if wait_s:
            return Refused("carrier_limit_minute", retryable=True, after_s=wait_s, elsewhere=True)
        try:
            answer = await self._http.post(
                f"{self._where.address}/cgi-bin/webhook/send",
                params={"key": key.get_secret_value()},
                json=payload(message),
            )
        except httpx.HTTPError as error:
            return failed(error)
        body = decoded(answer)
        outcome = judge(answer.status_code, body)
        if not isinstance(outcome, Accepted):
            # the carrier's words are left out: they repeat what was sent
            log.warning("robot_not_accepted", robot=robot, reason=outcome.reason, code=errcode(body), key=message.key)
        return outcome

    async def lookup(self, message: Message, sent_at: datetime) -> Receipt | Accepted | None:  # noqa: ARG002 - of Channel
        """None: a robot cannot be asked what it has said."""
        return None

    async def close(self) -> None:
        """Let connections go."""
        await self._http.aclose()


def payload(message: Message) -> dict[str, object]:
    """The body of the request: a text within 2048 bytes; a critical one calls everybody in the group."""
    text: dict[str, object] = {"content": with_link(message.text, message.link, MOST_BYTES)}
    if message.template == "critical":
        text["mentioned_list"] = ["@all"]
    return {"msgtype": "text", "text": text}


def robots_in(text: str) -> dict[str, SecretStr]:
    """`name=key`, one a line or separated by semicolons. Raises SettingsError that names the line, never a key."""
    robots: dict[str, SecretStr] = {}
    lines = [line.strip() for line in re.split(r"[\n;]", text)]
    for number, line in enumerate(lines, start=1):
        if not line or line.startswith("#"):
            continue
        name, _, key = (part.strip() for part in line.partition("="))
        if not name or not _KEY.fullmatch(key):
            raise SettingsError(
                f"NUANSHAO_WECOM_ROBOTS, line {number}: not `name=key`",
                do="the key is what stands behind `key=` in the robot's address",
            )
        if name in robots:
            raise SettingsError(f"NUANSHAO_WECOM_ROBOTS: {name} stands there twice", do="give each robot a name")
        robots[name] = SecretStr(key)
    return robots


def from_settings(chosen: Settings) -> WecomRobot | None:
    """The robots that the settings name, if any."""
    robots = robots_in(chosen.wecom_robots.get_secret_value())
    return WecomRobot(endpoint=chosen.wecom_robot_endpoint, robots=robots) if robots else None
