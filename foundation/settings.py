"""Every setting, read from the environment (`NUANSHAO_…`) or, for secrets, from a file (`NUANSHAO_…_FILE`).

Empty means "not set". Nothing here has a secret as its default.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from foundation.errors import SettingsError
from foundation.networks import networks

PREFIX = "NUANSHAO_"
SHORTEST_RETENTION_DAYS = 35
"""Above the 30 days that a reading may be late, with some for a batch that waits for the database."""
WECHAT_FIELDS = "thing1=place+home,thing2=what,thing3=since,thing4=do"


class Settings(BaseSettings):
    """What a deployment can set. `docs/settings.md` is generated from these rows."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore")

    database_url: SecretStr = Field(
        default=SecretStr(""), description="PostgreSQL with TimescaleDB: postgresql://user:password@host:port/database"
    )
    reader_password: SecretStr = Field(
        default=SecretStr(""),
        description="Password of nuanshao_reader, the dashboards' read-only account; `nuanshao migrate` sets it",
    )
    mqtt_url: SecretStr = Field(
        default=SecretStr(""), description="MQTT broker, our own account: mqtt://user:password@host:port"
    )
    mqtt_ca_file: str = Field(
        default="",
        description="PEM file of the authority that signed the broker's certificate (mqtts://); empty: the system's",
    )
    mqtt_client_id: str = Field(
        default="",
        description="Name of ingest's persistent session at the broker; empty: one that devices cannot guess",
    )
    mqtt_password_file: str = Field(
        default="", description="Where the broker reads device passwords; kept in step with the registry when set"
    )
    worker: str = Field(default="ingest-0", description="Name of this ingest worker in the ledger")
    metrics_host: str = Field(
        default="127.0.0.1", description="Address of `/metrics` and `/health` of ingest and alerts"
    )
    metrics_port: int = Field(
        default=0, ge=0, le=65_000,
        description="Port of ingest's `/metrics` and `/health`; 0: none. Each further worker takes the next one",
    )  # fmt: skip
    alerts_metrics_port: int = Field(
        default=0, ge=0, le=65_535, description="Port of the alerts process's `/metrics` and `/health`; 0: none"
    )
    alerts_worker: str = Field(default="alerts-0", description="Name of this alerts process in its heartbeat")
    standby_dir: str = Field(
        default="",
        description="Folder in which alerts keeps what it needs to tell CO, gas and fire without the database (sealed"
        " phone numbers among it); needs MQTT_URL. Empty: nobody is told while the database is down",
    )
    api_host: str = Field(default="127.0.0.1", description="Address that the API listens on")
    api_port: int = Field(default=8080, description="Port that the API listens on; 0 takes a free one")
    api_token: SecretStr = Field(
        default=SecretStr(""), description="Bearer token of the API; required unless it listens on loopback only"
    )
    public_url: str = Field(
        default="",
        description="Where people's phones reach the API, for the links in messages: https://host, http:// on loopback"
        " only. Empty: messages have no links",
    )
    link_key: SecretStr = Field(
        default=SecretStr(""),
        description="Signs those links, 32 characters or more, the same for alerts and API. A new one ends all links",
    )
    phone_key: SecretStr = Field(
        default=SecretStr(""),
        description="Key with which telephone numbers are sealed in the database and in files: 32 bytes as 64 hex"
        " digits or base64, from `openssl rand -hex 32`. Without it nobody can be told; if it is lost, the contacts"
        " must be imported again",
    )
    phone_key_old: SecretStr = Field(
        default=SecretStr(""),
        description="The key before that one: it still opens numbers until `nuanshao migrate` has sealed them anew",
    )
    carrier_secret_path: SecretStr = Field(
        default=SecretStr(""),
        description="Secret part of the addresses that carriers call back: /carriers/<secret>/aliyun/sms-report,"
        " …/aliyun/sms-up, …/aliyun/voice-report, …/tencent/sms-report, …/tencent/sms-up and …/wecom",
    )
    carrier_allow: str = Field(
        default="",
        description="From where carriers may call back: addresses or networks (CIDR), with commas. Empty: anywhere",
    )
    trusted_proxies: str = Field(
        default="",
        description="Reverse proxies before the API, as CARRIER_ALLOW: only they are believed in X-Forwarded-For",
    )
    aliyun_sms_endpoint: str = Field(
        default="https://dysmsapi.aliyuncs.com",
        description="Aliyun SMS, or an emulator on loopback (http://127.0.0.1:…)",
    )
    aliyun_access_key_id: str = Field(default="", description="Aliyun access key id")
    aliyun_access_key_secret: SecretStr = Field(default=SecretStr(""), description="Aliyun access key secret")
    aliyun_sms_sign_name: str = Field(default="", description="Approved SMS signature (签名), e.g. 暖哨")
    aliyun_sms_template_critical: str = Field(
        default="", description="Template code for CO, gas and fire: its own quota (CHANNELS.md lesson 3)"
    )
    aliyun_sms_template_routine: str = Field(
        default="", description="Template code for all other alarms and recoveries"
    )
    wecom_robot_endpoint: str = Field(
        default="https://qyapi.weixin.qq.com", description="WeCom for group robots, or a stand-in on loopback"
    )
    wecom_robots: SecretStr = Field(
        default=SecretStr(""),
        description="WeCom group robots: `name=key`, one a line or separated by semicolons; a contact with the endpoint"
        " wecom_robot:name is told in its group",
    )
    wecom_endpoint: str = Field(
        default="https://qyapi.weixin.qq.com", description="WeCom for the application, or a stand-in on loopback"
    )
    wecom_corp_id: str = Field(default="", description="WeCom's id of the organisation (企业 ID)")
    wecom_agent_id: int = Field(default=0, ge=0, description="AgentId of the WeCom application; 0: none")
    wecom_secret: SecretStr = Field(default=SecretStr(""), description="Secret of the WeCom application")
    wecom_callback_token: SecretStr = Field(
        default=SecretStr(""),
        description="Token of the WeCom application's callback, /carriers/<secret>/wecom; with it, messages have"
        " buttons",
    )
    wecom_callback_aes_key: SecretStr = Field(
        default=SecretStr(""), description="EncodingAESKey of the WeCom application's callback: 43 letters and digits"
    )
    wechat_endpoint: str = Field(
        default="https://api.weixin.qq.com", description="WeChat for the Official Account, or a stand-in on loopback"
    )
    wechat_app_id: str = Field(
        default="", description="AppID of the WeChat Official Account (verified service account)"
    )
    wechat_app_secret: SecretStr = Field(default=SecretStr(""), description="AppSecret of the WeChat Official Account")
    wechat_template_critical: str = Field(default="", description="Template id for CO, gas and fire")
    wechat_template_routine: str = Field(default="", description="Template id for all other alarms and recoveries")
    wechat_fields_critical: str = Field(
        default=WECHAT_FIELDS,
        description="Which values (place, home, what, since, do) stand in which field of the critical template",
    )
    wechat_fields_routine: str = Field(default=WECHAT_FIELDS, description="The same for the routine template")
    aliyun_voice_endpoint: str = Field(
        default="https://dyvmsapi.aliyuncs.com",
        description="Aliyun voice, or an emulator on loopback (http://127.0.0.1:…)",
    )
    aliyun_voice_template: str = Field(
        default="", description="Code of the approved text that a call speaks (TTS_…); empty: nobody is called"
    )
    aliyun_voice_answer_template: str = Field(
        default="",
        description="Code of the text that is spoken after a key; with it calls wait for a key, and"
        " ALIYUN_VOICE_TEMPLATE must ask for one",
    )
    aliyun_voice_show_number: str = Field(
        default="", description="Number of your own that calls show; empty: one of Aliyun's shared pool, without keys"
    )
    tencent_sms_endpoint: str = Field(
        default="https://sms.tencentcloudapi.com",
        description="Tencent SMS, or an emulator on loopback (http://127.0.0.1:…)",
    )
    tencent_sms_region: str = Field(default="ap-guangzhou", description="Tencent's region of that address")
    tencent_secret_id: str = Field(default="", description="Tencent Cloud SecretId")
    tencent_secret_key: SecretStr = Field(default=SecretStr(""), description="Tencent Cloud SecretKey")
    tencent_sms_app_id: str = Field(default="", description="SmsSdkAppId of the SMS application")
    tencent_sms_sign_name: str = Field(
        default="", description="Approved SMS signature at Tencent; empty: SMS go over Aliyun alone"
    )
    tencent_sms_template_critical: str = Field(default="", description="Template id for CO, gas and fire")
    tencent_sms_template_routine: str = Field(default="", description="Template id for all other alarms and recoveries")
    webhooks: SecretStr = Field(
        default=SecretStr(""),
        description="Receivers of signed webhooks, one a line: `name=https://host/path whsec_<base64>`. A contact's"
        " endpoint `webhook:<name>` names one",
    )
    smtp_endpoint: str = Field(
        default="",
        description="Mail server: smtps://host (465), smtp+starttls://host (587), or smtp://127.0.0.1:… on loopback."
        " Empty: no e-mail",
    )
    smtp_user: str = Field(default="", description="Account at the mail server; empty: none is needed")
    smtp_password: SecretStr = Field(default=SecretStr(""), description="Its password")
    smtp_from: str = Field(default="", description="Sender of e-mails, e.g. 暖哨 <alarm@example.cn>")
    smtp_ca_file: str = Field(
        default="",
        description="PEM file of the authority that signed the mail server's certificate; empty: the system's",
    )
    aliyun_sms_template_critical_en: str = Field(
        default="",
        description="The same for readers of English; empty: English values in the Chinese template",
    )
    aliyun_sms_template_routine_en: str = Field(default="", description="The same for all other messages in English")
    aliyun_sms_template_critical_mn: str = Field(
        default="", description="Template code for CO, gas and fire for readers of Mongolian"
    )
    aliyun_sms_template_routine_mn: str = Field(default="", description="The same for all other messages in Mongolian")
    rule_pack: str = Field(
        default="default",
        description="The rules in force: a shipped pack (default, ul_2034, gb_15322) or a YAML file, the same"
        " for ingest, alerts and API. `nuanshao rules try` and `backtest` show what one would do",
    )
    canary_phone: SecretStr = Field(
        default=SecretStr(""),
        description="Test recipient of the canary, a number that no contact has. Empty: no canary runs",
    )
    canary_every_minutes: int = Field(default=15, ge=1, le=1440, description="Minutes between two runs of the canary")
    canary_sms_every_minutes: int = Field(
        default=60,
        ge=36,
        le=1440,
        description="Minutes between two runs that end in an SMS, at most 40 a day; the others only ask the carrier",
    )
    canary_ping_url: SecretStr = Field(
        default=SecretStr(""),
        description="Dead man's switch that hears of each run: POST there when all is well, to `<it>/fail` when not."
        " https:// beyond loopback",
    )
    canary_password: SecretStr = Field(
        default=SecretStr(""),
        description="The canary's password at the broker; empty: a new one at each start, which needs the database",
    )
    canary_metrics_port: int = Field(
        default=0, ge=0, le=65_535, description="Port of the canary's `/metrics` and `/health`; 0: none"
    )
    quiet_hours: str = Field(
        default="22-7",
        description="Hours, in TIMEZONE, in which alarms of medium and low priority wait for the morning's digest, as"
        " 22-7; none: every hour is alike. Critical and high ones and incidents are told at any hour",
    )
    timezone: str = Field(default="Asia/Shanghai", description="Zone of the clock times in messages to people")
    retention_days: int = Field(
        default=0,
        description=f"Days after which readings are removed, at least {SHORTEST_RETENTION_DAYS}; 0 keeps them."
        " Rollups stay",
    )

    @field_validator("carrier_allow", "trusted_proxies")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        networks(text)
        return text

    @field_validator("retention_days")
    @classmethod
    def _keeps_what_may_still_change(cls, days: int) -> int:
        if days and days < SHORTEST_RETENTION_DAYS:
            raise ValueError(f"at least {SHORTEST_RETENTION_DAYS}, or 0 to keep everything")
        return days


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once.

    Raises SettingsError with one line per wrong setting.
    """
    try:
        return Settings(**_secret_files())
    except ValidationError as refused:
        wrong = "; ".join(f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in refused.errors())
        raise SettingsError(wrong, do="correct it in the environment") from None


def required(name: str) -> str:
    """The setting `name` as text, or SettingsError that names the environment variable."""
    value = getattr(settings(), name)
    text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    if not text:
        raise SettingsError(f"{PREFIX}{name.upper()} is not set", do="set it, or start everything with `nuanshao up`")
    return text


def _secret_files() -> dict[str, Any]:
    """What `NUANSHAO_X_FILE=/run/secrets/x` hands over; not copied into the environment, which children inherit."""
    found: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        if field.annotation is not SecretStr:
            continue
        variable = f"{PREFIX}{name.upper()}"
        path = os.environ.get(f"{variable}_FILE", "")
        if path and not os.environ.get(variable):
            try:
                found[name] = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, ValueError) as failed:  # missing, or no text
                raise SettingsError(f"{variable}_FILE: {failed}", do="point it at a readable file") from None
    return found
