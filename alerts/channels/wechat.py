"""Template messages of a WeChat Official Account (公众号模板消息): a tap opens the link with the answer page.

They need a verified service account; who is told must follow it. 100 000 a day (CHANNELS.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

import httpx
import structlog
from pydantic import SecretStr

from alerts.channels.access_token import AccessToken
from alerts.channels.channel import Accepted, Message, Outcome, Receipt, Refused, TemplateName, Unknown, Way
from alerts.channels.endpoint import client
from alerts.channels.endpoint import endpoint as endpoint_of
from alerts.channels.errcode import errcode
from alerts.channels.wechat_fields import Field, data, fields_in
from alerts.channels.wechat_outcomes import judge
from foundation.clock import Clock, utc_now
from foundation.settings import PREFIX, Settings, required

log = structlog.get_logger(__name__)

REMEMBERS_FOR = timedelta(minutes=10)
"""For so long the carrier takes one message of an openid and a client_msg_id only once."""


class Wechat:
    """One Official Account. `templates` and `fields`: by our template names. `timeout_s` bounds each request.

    Raises SettingsError for an endpoint that would carry the secret in clear over a network.
    """

    name = "wechat"
    way: Way = "wechat"
    receipts = False
    remembers = True

    def __init__(
        self,
        *,
        endpoint: str,
        app_id: str,
        secret: SecretStr,
        templates: Mapping[TemplateName, str],
        fields: Mapping[TemplateName, tuple[Field, ...]],
        clock: Clock = utc_now,
        timeout_s: float = 10.0,
    ) -> None:
        self._where = endpoint_of("NUANSHAO_WECHAT_ENDPOINT", endpoint)
        self._app_id = app_id
        self._secret = secret
        self._templates = dict(templates)
        self._fields = dict(fields)
        self._token = AccessToken(self._fetch_token, judge, clock)
        self._http = client(self._where, timeout_s)

    def __repr__(self) -> str:
        return f"Wechat({self._where.host})"

    async def send(self, message: Message) -> Outcome:
        """Hand the message over once. A time-out, a lost connection and a 5xx are Unknown: it may have been taken.

        A token that is not known any more is fetched again, once, and the message sent again with it.
        """
        body = self._payload(message)

        async def post(token: SecretStr) -> httpx.Response:
            return await self._http.post(
                f"{self._where.address}/cgi-bin/message/template/send",
                params={"access_token": token.get_secret_value()},
                json=body,
            )

        answer = await self._token.carry(post)
        if isinstance(answer, Refused | Unknown):
            return answer
        outcome = judge(*answer)
        if not isinstance(outcome, Accepted):
            log.warning("wechat_not_accepted", reason=outcome.reason, code=errcode(answer[1]), key=message.key)
        return outcome

    async def lookup(self, message: Message, sent_at: datetime) -> Receipt | Accepted | None:  # noqa: ARG002 - of Channel
        """None: the carrier cannot be asked. The same message again is recognised, for `REMEMBERS_FOR`."""
        return None

    async def close(self) -> None:
        """Let connections go."""
        await self._http.aclose()

    def _payload(self, message: Message) -> dict[str, object]:
        body: dict[str, object] = {
            "touser": message.to,
            "template_id": self._templates[message.template],
            "client_msg_id": hashlib.sha256(message.key.encode()).hexdigest()[:32],
            "data": data(self._fields[message.template], message.params),
        }
        if message.link:
            body["url"] = message.link
        return body

    async def _fetch_token(self) -> httpx.Response:
        """The stable token: several processes share it, where each plain one ends that of the others.

        A proxy that knows the plain address only is asked there.
        """
        secret = self._secret.get_secret_value()
        asked = {"grant_type": "client_credential", "appid": self._app_id, "secret": secret}
        answer = await self._http.post(f"{self._where.address}/cgi-bin/stable_token", json=asked)
        if answer.status_code in (httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED):
            log.info("wechat_without_stable_token", status=answer.status_code)
            answer = await self._http.get(f"{self._where.address}/cgi-bin/token", params=asked)
        return answer


def from_settings(chosen: Settings) -> Wechat | None:
    """The account that the settings name, if any. Raises SettingsError where half of it is missing."""
    if not chosen.wechat_app_id:
        return None
    return Wechat(
        endpoint=chosen.wechat_endpoint,
        app_id=chosen.wechat_app_id,
        secret=SecretStr(required("wechat_app_secret")),
        templates={"critical": required("wechat_template_critical"), "routine": required("wechat_template_routine")},
        fields={
            "critical": fields_in(f"{PREFIX}WECHAT_FIELDS_CRITICAL", chosen.wechat_fields_critical),
            "routine": fields_in(f"{PREFIX}WECHAT_FIELDS_ROUTINE", chosen.wechat_fields_routine),
        },
    )
