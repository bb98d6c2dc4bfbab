"""What our processes need to reach the stand-ins for WeCom and the WeChat Official Account, with new accounts."""

from __future__ import annotations

import secrets
import string

from foundation.settings import PREFIX

GROUP = "emulated"
"""Name of the one robot: a contact with the endpoint `wecom_robot:emulated` is told in its group."""
_AES_KEY_LETTERS = 43


def emulated_chats(url: str) -> dict[str, str]:
    """The environment for stand-ins that answer at `url`. They tell only those contacts that have an id there."""
    letters = string.ascii_letters + string.digits
    return {
        f"{PREFIX}WECOM_ROBOT_ENDPOINT": url,
        f"{PREFIX}WECOM_ROBOTS": f"{GROUP}={secrets.token_hex(16)}",
        f"{PREFIX}WECOM_ENDPOINT": url,
        f"{PREFIX}WECOM_CORP_ID": "ww-emulated",
        f"{PREFIX}WECOM_AGENT_ID": "1000002",
        f"{PREFIX}WECOM_SECRET": secrets.token_urlsafe(24),
        f"{PREFIX}WECOM_CALLBACK_TOKEN": secrets.token_hex(12),
        f"{PREFIX}WECOM_CALLBACK_AES_KEY": "".join(secrets.choice(letters) for _ in range(_AES_KEY_LETTERS)),
        f"{PREFIX}WECHAT_ENDPOINT": url,
        f"{PREFIX}WECHAT_APP_ID": "wx-emulated",
        f"{PREFIX}WECHAT_APP_SECRET": secrets.token_urlsafe(24),
        f"{PREFIX}WECHAT_TEMPLATE_CRITICAL": "WECHAT_EMULATED_CRITICAL",
        f"{PREFIX}WECHAT_TEMPLATE_ROUTINE": "WECHAT_EMULATED_ROUTINE",
    }
