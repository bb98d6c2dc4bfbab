"""Tencent's own judgement of an SMS: application, signature, template, places, number. Pure.

Most of it is said of each number, in SendStatusSet; what is wrong with the whole request is an Error.
Codes: cloud.tencent.com/document/api/382/59177, read 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from carriers.settings import TencentSettings

MOST_NUMBERS = 200
_LONGEST_TEXT = 500
_PLACE = re.compile(r"\{(\d+)\}")
_E164 = re.compile(r"\+86(1[3-9]\d{9})")
_URL = re.compile(r"https?://|www\.", re.IGNORECASE)


@dataclass(frozen=True)
class TencentRefusal:
    """A code and its words; `whole`: of the request, not of one number."""

    code: str
    message: str
    whole: bool = False


@dataclass(frozen=True)
class Batch:
    """A request that broke no rule: its numbers as they were written, and the text as a phone shows it."""

    numbers: list[str]
    template: str
    text: str
    context: str


def national(number: str) -> str:
    """A mainland mobile number in E.164 form as eleven digits, or empty if it is none."""
    found = _E164.fullmatch(number)
    return found[1] if found else ""


def numbers_of(request: Mapping[str, object]) -> list[str] | TencentRefusal:
    """The numbers of a SendSms request."""
    numbers = request.get("PhoneNumberSet")
    if not isinstance(numbers, list) or not all(isinstance(number, str) for number in numbers):
        return TencentRefusal("InvalidParameter", "PhoneNumberSet must be an array of strings.", whole=True)
    if not numbers:
        return TencentRefusal("MissingParameter.EmptyPhoneNumberSet", "the phone number set is empty", whole=True)
    if len(numbers) > MOST_NUMBERS:
        return TencentRefusal("LimitExceeded.PhoneNumberCountLimit", "phone number count exceeds 200", whole=True)
    return numbers


def judge(request: Mapping[str, object], account: TencentSettings) -> Batch | TencentRefusal:
    """Everything that can be said of a SendSms request without counting."""
    numbers = numbers_of(request)
    if isinstance(numbers, TencentRefusal):
        return numbers
    if request.get("SmsSdkAppId") != account.app_id:
        return TencentRefusal("UnauthorizedOperation.SmsSdkAppIdVerifyFail", "SmsSdkAppId verify fail", whole=True)
    if request.get("SignName") != account.sign_name:
        return TencentRefusal("FailedOperation.SignatureIncorrectOrUnapproved", "signature is incorrect or unapproved")
    name = str(request.get("TemplateId"))
    template = account.templates.get(name)
    if template is None:
        return TencentRefusal("FailedOperation.TemplateIncorrectOrUnapproved", "template is incorrect or unapproved")
    values = request.get("TemplateParamSet") or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        return TencentRefusal("InvalidParameter", "TemplateParamSet must be an array of strings.", whole=True)
    if len(values) != len(set(_PLACE.findall(template))):
        return TencentRefusal(
            "FailedOperation.TemplateParamSetNotMatchApprovedTemplate", "template params do not match the template"
        )
    if any(_URL.search(value) for value in values):
        return TencentRefusal(
            "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter", "url is prohibited in template parameter"
        )
    text = f"【{account.sign_name}】" + _PLACE.sub(lambda place: values[int(place[1]) - 1], template)
    if len(text) > _LONGEST_TEXT:
        return TencentRefusal("InvalidParameterValue.ContentLengthLimit", "sms content is too long")
    return Batch(numbers, name, text, str(request.get("SessionContext") or ""))
