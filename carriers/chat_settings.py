"""What the stand-ins for WeCom and the WeChat Official Account are told when they start."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from foundation.settings import Settings


class WecomSettings(BaseModel):
    """One organisation: its group robots, its application and where that one is called back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    robots: dict[str, SecretStr] = Field(default={}, description="name of the group → key of its robot")
    corp_id: str = ""
    agent_id: int = 0
    secret: SecretStr = SecretStr("")
    members: frozenset[str] | None = Field(default=None, description="user ids that exist; None: any")
    callback_url: SecretStr = Field(default=SecretStr(""), description="empty: a pressed button tells nobody")
    callback_token: SecretStr = SecretStr("")
    callback_aes_key: SecretStr = SecretStr("")
    robot_per_minute: int = 20
    member_per_minute: int = 30
    member_per_hour: int = 1000


class WechatSettings(BaseModel):
    """One Official Account. `templates`: template id → text with {{name.DATA}}."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    app_id: str = Field(min_length=1)
    secret: SecretStr
    templates: dict[str, str]
    followers: frozenset[str] | None = Field(default=None, description="openids that follow it; None: any")
    per_day: int = 100_000


class ChatSettings(BaseModel):
    """Which of the two are played."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wecom: WecomSettings | None = None
    wechat: WechatSettings | None = None
    keep: int = Field(default=10_000, ge=1, description="messages remembered; the oldest go first")


def chats_in(chosen: Settings) -> ChatSettings:
    """The accounts that the settings name, so that our processes find them here; the callback goes to our own API."""
    secret = chosen.carrier_secret_path.get_secret_value()
    robots = chosen.wecom_robots.get_secret_value().replace(";", "\n")
    lines = re.findall(r"^\s*([^=#\n]+?)\s*=\s*(\S+)", robots, re.MULTILINE)
    wecom = WecomSettings(
        robots={name: SecretStr(key) for name, key in lines},
        corp_id=chosen.wecom_corp_id,
        agent_id=chosen.wecom_agent_id,
        secret=chosen.wecom_secret,
        callback_url=SecretStr(f"http://127.0.0.1:{chosen.api_port}/carriers/{secret}/wecom" if secret else ""),
        callback_token=chosen.wecom_callback_token,
        callback_aes_key=chosen.wecom_callback_aes_key,
    )
    if not chosen.wechat_app_id:
        return ChatSettings(wecom=wecom)
    fields = {
        chosen.wechat_template_critical: chosen.wechat_fields_critical,
        chosen.wechat_template_routine: chosen.wechat_fields_routine,
    }
    templates = {
        name: "\n".join(f"{{{{{field}.DATA}}}}" for field in re.findall(r"(\w+)=", text))
        for name, text in fields.items()
    }
    account = WechatSettings(app_id=chosen.wechat_app_id, secret=chosen.wechat_app_secret, templates=templates)
    return ChatSettings(wecom=wecom, wechat=account)
