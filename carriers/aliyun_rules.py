"""Aliyun's own judgement of a message: signature, template, variables, numbers. Pure; wording as the vendor's."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from carriers.settings import CarrierSettings

MOST_NUMBERS = 1000
_PLACEHOLDER = re.compile(r"\$\{([A-Za-z][A-Za-z0-9_]*)\}")
_MAINLAND = re.compile(r"(?:\+86|0086|86)?(1[3-9]\d{9})")
_MOBILE_INSIDE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
_URL_INSIDE = re.compile(r"https?://|www\.", re.IGNORECASE)


@dataclass(frozen=True)
class Refusal:
    """A business error: it travels in an HTTP 200."""

    code: str
    message: str


@dataclass(frozen=True)
class Submission:
    """A message that broke no rule: to whom, and the text as a phone shows it."""

    phones: list[str]
    template: str
    text: str


def judge(params: Mapping[str, str], settings: CarrierSettings) -> Submission | Refusal:
    """Everything that can be said of a SendSms call without counting."""
    phones = [normal(number) for number in params["PhoneNumbers"].split(",")]
    if len(phones) > MOST_NUMBERS:
        return Refusal("isv.MOBILE_COUNT_OVER_LIMIT", "手机号码数量超过限制")
    if not all(phones):
        return Refusal("isv.MOBILE_NUMBER_ILLEGAL", f"{params['PhoneNumbers']}invalid mobile number")
    if params["SignName"] != settings.sign_name:
        return Refusal("isv.SMS_SIGNATURE_ILLEGAL", "短信签名不合法")
    template = settings.templates.get(params["TemplateCode"])
    if template is None:
        return Refusal("isv.SMS_TEMPLATE_ILLEGAL", "短信模板不合法")
    values = _values(params.get("TemplateParam", ""))
    if values is None:
        return Refusal("isv.INVALID_JSON_PARAM", "参数格式错误，请修改为字符串值")
    wanted = _PLACEHOLDER.findall(template)
    refusal = _judge_values({name: values.get(name, "") for name in wanted}, settings.variable_length)
    if refusal is not None:
        return refusal
    text = _PLACEHOLDER.sub(lambda match: values[match[1]], template)
    return Submission(phones, params["TemplateCode"], f"【{settings.sign_name}】{text}")


def normal(number: str) -> str:
    """A mainland mobile number as eleven digits, or empty if it is none."""
    found = _MAINLAND.fullmatch(number.strip())
    return found[1] if found else ""


def _values(raw: str) -> dict[str, str] | None:
    try:
        values = json.loads(raw or "{}")
    except ValueError:
        return None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        return None
    return values


def _judge_values(values: Mapping[str, str], longest: int) -> Refusal | None:
    for name, value in values.items():
        if not value.strip():
            return Refusal("isv.TEMPLATE_MISSING_PARAMETERS", f"模板变量中存在未赋值变量: {name}")
        if len(value) > longest:
            return Refusal("isv.PARAM_LENGTH_LIMIT", f"参数超过长度限制: {name}")
        if _URL_INSIDE.search(value):
            return Refusal("isv.PARAM_NOT_SUPPORT_URL", "变量不支持传入URL")
        if "【" in value or "】" in value or _MOBILE_INSIDE.search(value):
            return Refusal("isv.TEMPLATE_PARAMS_ILLEGAL", "传入的变量内容和实际申请模板时变量所选择的属性类型不配")
    return None
