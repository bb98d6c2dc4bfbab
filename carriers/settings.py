"""What a stand-in carrier is told when it starts."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from carriers.chat_settings import ChatSettings


class Limits(BaseModel):
    """Messages per number + signature + template in a rolling window; None lifts the limit.

    Notifications: 50 a day. Verification codes would be 1 a minute, 5 an hour, 10 a day (Aliyun, `CHANNELS.md`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = 50


class CarrierSettings(BaseModel):
    """One Aliyun account: its key, its approved signature and templates, and where it calls back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    access_key_id: str = Field(min_length=1)
    access_key_secret: SecretStr
    sign_name: str = Field(min_length=1)
    templates: dict[str, str] = Field(description="template code → approved text with ${name} placeholders")
    callback_url: SecretStr = Field(
        default=SecretStr(""), description="where SmsReport is posted; empty: receipts can only be queried"
    )
    reply_url: SecretStr = Field(default=SecretStr(""), description="where SmsUp is posted; empty: nobody can reply")
    receipt_delay_s: float = Field(default=2.0, ge=0)
    retry_after_s: tuple[float, ...] = Field(
        default=(60.0, 300.0, 600.0), description="waits between callbacks that were not answered with code 0"
    )
    limits: Limits = Limits()
    variable_length: int = Field(default=35, description="longest value of a free variable, in characters")
    chats: ChatSettings = ChatSettings()
    keep: int = Field(default=10_000, ge=1, description="messages remembered; the oldest go first")
