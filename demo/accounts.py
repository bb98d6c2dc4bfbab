"""The accounts that the stand-in carriers have when a person starts them: those that the settings name.

The texts are ours as they are to be approved; the stand-ins may not know them by themselves.
"""

from __future__ import annotations

from pydantic import SecretStr

from alerts.channels import aliyun_templates, aliyun_voice_templates, tencent_templates
from alerts.channels.sms_templates import named
from carriers.chat_settings import chats_in
from carriers.settings import CarrierSettings, TencentSettings, VoiceSettings
from foundation.settings import Settings, required

_RECEIPT_AFTER_S = 1.0
_CALL_LASTS_S = 20.0
"""Time for a person to press a key on the page (our choice)."""


def emulated_accounts(chosen: Settings) -> CarrierSettings:
    """Aliyun SMS, and what else the settings name. Raises SettingsError where half of an account is missing."""
    return CarrierSettings(
        access_key_id=required("aliyun_access_key_id"),
        access_key_secret=SecretStr(required("aliyun_access_key_secret")),
        sign_name=required("aliyun_sms_sign_name"),
        templates={
            required("aliyun_sms_template_critical"): aliyun_templates.TEMPLATES["critical"],
            required("aliyun_sms_template_routine"): aliyun_templates.TEMPLATES["routine"],
            **{
                code: named(name, language)
                for language, codes in aliyun_templates.approved_codes(chosen).items()
                for name, code in codes.items()
            },
        },
        callback_url=_calls_back(chosen, "aliyun/sms-report"),
        reply_url=_calls_back(chosen, "aliyun/sms-up"),
        receipt_delay_s=_RECEIPT_AFTER_S,
        voice=_voice(chosen) if chosen.aliyun_voice_template else None,
        tencent=_tencent(chosen) if chosen.tencent_secret_id else None,
        chats=chats_in(chosen),
    )


def _voice(chosen: Settings) -> VoiceSettings:
    asks = bool(chosen.aliyun_voice_answer_template)
    templates = {chosen.aliyun_voice_template: aliyun_voice_templates.ASKS if asks else aliyun_voice_templates.SPEAKS}
    if asks:
        templates[chosen.aliyun_voice_answer_template] = aliyun_voice_templates.ANSWERS
    return VoiceSettings(
        templates=templates,
        show_numbers=frozenset({chosen.aliyun_voice_show_number} - {""}),
        callback_url=_calls_back(chosen, "aliyun/voice-report"),
        call_lasts_s=_CALL_LASTS_S,
    )


def _tencent(chosen: Settings) -> TencentSettings:
    return TencentSettings(
        secret_id=required("tencent_secret_id"),
        secret_key=SecretStr(required("tencent_secret_key")),
        app_id=required("tencent_sms_app_id"),
        sign_name=required("tencent_sms_sign_name"),
        templates={
            required("tencent_sms_template_critical"): tencent_templates.TEMPLATES["critical"],
            required("tencent_sms_template_routine"): tencent_templates.TEMPLATES["routine"],
        },
        callback_url=_calls_back(chosen, "tencent/sms-report"),
        reply_url=_calls_back(chosen, "tencent/sms-up"),
    )


def _calls_back(chosen: Settings, where: str) -> SecretStr:
    secret = chosen.carrier_secret_path.get_secret_value()
    return SecretStr(f"http://127.0.0.1:{chosen.api_port}/carriers/{secret}/{where}" if secret else "")
