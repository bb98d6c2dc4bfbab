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


class VoiceSettings(BaseModel):
    """Voice of the same Aliyun account: its approved texts, the numbers that it has bought, and where it calls back.

    Calls per callee, those that nobody answered among them: 1 a minute, 5 an hour, 20 in 24 hours (`CHANNELS.md`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    templates: dict[str, str] = Field(description="TTS code → approved text with ${name} placeholders")
    show_numbers: frozenset[str] = Field(
        default=frozenset(), description="numbers bought; a call without one takes a number of the shared pool"
    )
    callback_url: SecretStr = Field(default=SecretStr(""), description="where VoiceReport is posted; empty: nowhere")
    call_lasts_s: float = Field(default=2.0, ge=0, description="from ringing to the end of a call")
    limits: Limits = Limits(per_minute=1, per_hour=5, per_day=20)
    variable_length: int = Field(default=100, description="longest value of a variable (unconfirmed: not published)")


class TencentLimits(BaseModel):
    """Tencent's defaults for one number; an operator may change them in the console. None lifts a limit.

    cloud.tencent.com/document/product/382/13303, read 2026.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    same_text_in_30_s: int | None = 1
    per_china_day: int | None = 10


class TencentSettings(BaseModel):
    """One Tencent account and its SMS application."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret_id: str = Field(min_length=1)
    secret_key: SecretStr
    app_id: str = Field(min_length=1, description="SmsSdkAppId")
    sign_name: str = Field(min_length=1)
    templates: dict[str, str] = Field(description="template id → approved text with places {1}, {2} …")
    callback_url: SecretStr = Field(default=SecretStr(""), description="where receipts are posted; empty: nowhere")
    reply_url: SecretStr = Field(default=SecretStr(""), description="where replies are posted; empty: nowhere")
    echoes_context: bool = Field(
        default=True, description="whether pulled receipts hold the SessionContext, which Tencent opens on request"
    )
    limits: TencentLimits = TencentLimits()


class CarrierSettings(BaseModel):
    """One Aliyun account: its key, its approved signature and templates, and where it calls back; others beside it."""

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
    voice: VoiceSettings | None = Field(default=None, description="Aliyun voice; None: not subscribed")
    tencent: TencentSettings | None = Field(default=None, description="a Tencent account; None: nobody has one")
