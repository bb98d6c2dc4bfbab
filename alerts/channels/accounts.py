"""The carriers that this deployment has accounts with, by way, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from alerts.channels import aliyun_sms, aliyun_voice, mail, tencent_sms, webhook, wechat, wecom, wecom_robot
from alerts.channels.channel import Channel, Way
from foundation.errors import SettingsError
from foundation.settings import Settings

_OPENERS: Final[tuple[Callable[[Settings], Channel | None], ...]] = (
    aliyun_sms.from_settings,
    tencent_sms.from_settings,
    aliyun_voice.from_settings,
    wecom_robot.from_settings,
    wecom.from_settings,
    wechat.from_settings,
    mail.from_settings,
    webhook.from_settings,
)
"""Each opens the account that the settings name, or None where they name none. Of one way the first goes first."""


def open_accounts(chosen: Settings) -> dict[Way, list[Channel]]:
    """Every carrier that the settings name. Raises SettingsError where nobody could be reached by SMS or otherwise."""
    found: dict[Way, list[Channel]] = {}
    for opener in _OPENERS:
        channel = opener(chosen)
        if channel is not None:
            found.setdefault(channel.way, []).append(channel)
    if not found:
        raise SettingsError(
            "no carrier is set: nobody could be told",
            do="set NUANSHAO_ALIYUN_ACCESS_KEY_ID and what belongs to it, or another carrier (docs/settings.md)",
        )
    return found
