"""WeCom application messages (企业微信应用消息): to one member, with buttons where the callback is configured.

WeCom drops what is above 30 a minute or 1000 an hour for one member without an error (CHANNELS.md): "accepted" is
never "read", and only an answer stops the escalation.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx
import structlog
from pydantic import SecretStr

from alerts.channels import wecom_callback
from alerts.channels.access_token import AccessToken
from alerts.channels.channel import Accepted, Message, Outcome, Receipt, Refused, Unknown, Way
from alerts.channels.endpoint import client
from alerts.channels.endpoint import endpoint as endpoint_of
from alerts.channels.errcode import errcode
from alerts.channels.wecom_card import card, text, wants_answer
from alerts.channels.wecom_outcomes import judge
from foundation.clock import Clock, utc_now
from foundation.settings import Settings, required

log = structlog.get_logger(__name__)

REMEMBERS_FOR = timedelta(hours=4)
"""The longest time for which WeCom recognises the same request (duplicate_check_interval)."""


class Wecom:
    """One application. `buttons`: whether its callback is configured, so that answers come back.

    `timeout_s` bounds each request, of which one message may need four. Raises SettingsError for an endpoint that would
    carry the secret in clear over a network.
    """

    name = "wecom"
    way: Way = "wecom"
    receipts = False
    remembers = True

    def __init__(
        self,
        *,
        endpoint: str,
        corp_id: str,
        agent_id: int,
        secret: SecretStr,
        buttons: bool,
        clock: Clock = utc_now,
        timeout_s: float = 10.0,
    ) -> None:
        self._where = endpoint_of("NUANSHAO_WECOM_ENDPOINT", endpoint)
        self._corp_id = corp_id
        self._agent_id = agent_id
        self._secret = secret
        self._buttons = buttons
        self._token = AccessToken(self._fetch_token, judge, clock)
        self._http = client(self._where, timeout_s)

    def __repr__(self) -> str:
        return f"Wecom({self._where.host}, application {self._agent_id})"

    async def send(self, message: Message) -> Outcome:
        """Hand the message over once. A time-out, a lost connection and a 5xx are Unknown: it may have been taken.

        A token that WeCom does not know any more is fetched again, once, and the message sent again with it.
        """
        body = self._payload(message)

        async def post(token: SecretStr) -> httpx.Response:
            return await self._http.post(
                f"{self._where.address}/cgi-bin/message/send",
                params={"access_token": token.get_secret_value()},
                json=body,
            )

        answer = await self._token.carry(post)
        if isinstance(answer, Refused | Unknown):
            return answer
        outcome = judge(*answer)
        if not isinstance(outcome, Accepted):
            log.warning("wecom_not_accepted", reason=outcome.reason, code=errcode(answer[1]), key=message.key)
        return outcome

    async def lookup(self, message: Message, sent_at: datetime) -> Receipt | Accepted | None:  # noqa: ARG002 - of Channel
        """None: WeCom cannot be asked. The same message again is recognised, for `REMEMBERS_FOR`."""
        return None

    async def close(self) -> None:
        """Let connections go."""
        await self._http.aclose()

    def _payload(self, message: Message) -> dict[str, object]:
        return {
            "touser": message.to,
            "agentid": self._agent_id,
            **(card(message) if self._buttons and wants_answer(message) else text(message)),
            "enable_duplicate_check": 1,
            "duplicate_check_interval": int(REMEMBERS_FOR.total_seconds()),
        }

    async def _fetch_token(self) -> httpx.Response:
        return await self._http.get(
            f"{self._where.address}/cgi-bin/gettoken",
            params={"corpid": self._corp_id, "corpsecret": self._secret.get_secret_value()},
        )


def from_settings(chosen: Settings) -> Wecom | None:
    """The application that the settings name, if any. Raises SettingsError where half of it is missing."""
    if not chosen.wecom_corp_id or not chosen.wecom_agent_id:
        return None
    return Wecom(
        endpoint=chosen.wecom_endpoint,
        corp_id=chosen.wecom_corp_id,
        agent_id=chosen.wecom_agent_id,
        secret=SecretStr(required("wecom_secret")),
        buttons=wecom_callback.from_settings(chosen) is not None,
    )
