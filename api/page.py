"""The page behind the link in a message: what is wrong, who has it, three buttons. No account, no script, no number.

Reading it changes nothing, because phones and mail programs look at links by themselves. The address is the secret: it
is in no log of ours.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from psycopg import OperationalError
from psycopg_pool import PoolTimeout

from alerts.answer import AnswerResult, answer
from alerts.answers.verbs import DIGIT, Verb
from alerts.links import read
from api.allowance import Allowance
from api.page_words import words
from catalogue.rules import pack_in_force
from foundation.clock import utc_now
from foundation.logs import mask_phone
from foundation.settings import settings
from store.connect import Pool
from store.rows import rows

router = APIRouter(include_in_schema=False)

_PAGES: Final = Path(__file__).parent / "pages"
_STYLE: Final = (_PAGES / "page.css").read_text(encoding="utf-8")
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Final = {
    # browsers that know no hashes go by 'unsafe-inline', all others ignore it beside one
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}' 'unsafe-inline'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
_TEMPLATES: Final = Environment(loader=FileSystemLoader(_PAGES), autoescape=True, undefined=StrictUndefined)
_EITHER: Final = "en"
"""Beside Chinese where it is not known who reads."""
_MOST_BYTES: Final = 2048
_ONCE: Final = re.compile(r"[A-Za-z0-9_-]{8,32}")
_MOBILE: Final = re.compile(r"(?<!\d)1[3-9](?:[ -]?\d){9}(?!\d)")
_COLOURS: Final = {
    "dangerous": "bad", "under_way": "bad", "unheard": "bad", "recovering": "watch", "normal": "watch", "over": "good",
}  # fmt: skip
_SHOWN: Final = ("what", "place", "home", "since", "do")
"""Of what the message said."""


def allowance() -> Allowance:
    """Of one message's page, in each process (our choice): a person reloads, a program hammers."""
    return Allowance(most=30, within_s=60)


@router.api_route("/a/{token}", methods=["GET", "HEAD"])
async def show(token: str, request: Request) -> HTMLResponse:
    """The page, as it stands now."""
    return await _answered(token, request, None, "")


@router.post("/a/{token}")
async def take(token: str, request: Request) -> HTMLResponse:
    """A button was pressed. The same form again changes nothing."""
    form = await _form(request)
    verb = next((known for known in DIGIT if known == form.get("verb")), None)
    once = form.get("once", "")
    return await _answered(token, request, verb, once if _ONCE.fullmatch(once) else "")


async def _answered(token: str, request: Request, verb: Verb | None, once: str) -> HTMLResponse:
    now = utc_now()
    notification_id = read(token, now)
    if notification_id == "expired":
        return _instead("expired", 410)
    if notification_id == "forged":
        return _instead("unknown", 404)
    if not cast("Allowance", request.app.state.page_allowance).take(notification_id, time.monotonic()):
        return _instead("too_often", 429)
    try:
        async with cast("Pool", request.app.state.pool).connection() as database:
            found = await rows(database, "answer_page", (notification_id,))
            result = ""
            if found and verb is not None:
                name = f"page-{notification_id}-{verb}-{once}" if once else ""
                key = found[0]["key"]
                done = await answer(database, key=key, verb=verb, how="page", now=now, name=name)
                found = await rows(database, "answer_page", (notification_id,))
                result = what_it_did(verb, done, own=found[0]["acknowledged_by"] == found[0]["reader"])
    except (OperationalError, PoolTimeout):
        return _instead("away", 503)
    return _page(found[0], result) if found else _instead("unknown", 404)


def _page(told: Mapping[str, Any], result: str) -> HTMLResponse:
    rule = pack_in_force().by_id.get(told["rule"] or "")
    standing = how_it_stands(told)
    params = {name: _without_numbers(str(told["params"].get(name, ""))) for name in _SHOWN}
    filled = _TEMPLATES.get_template("answer.html").render(
        params,
        style=Markup(_STYLE),  # noqa: S704 (our own file)
        words=words,
        language=told["language"],
        drill=told["drill"],
        standing=standing,
        colour="" if told["drill"] else _COLOURS[standing],
        over=told["over"],
        result=result,
        has_it=_said(told, "acknowledged"),
        false_alarm=_said(told, "false_alarm"),
        help=_said(told, "help_asked"),
        buttons=buttons(told),
        once=secrets.token_urlsafe(12),
        emergency=rule is not None and rule.life_safety and not told["drill"] and not told["over"],
    )
    return HTMLResponse(filled, headers=_HEADERS)


def how_it_stands(told: Mapping[str, Any]) -> str:
    """Named state of a row of `answer_page`: a word of the page."""
    if told["over"]:
        return "over"
    if told["incident_id"] is not None:
        return "under_way"
    condition = str(told["condition"])
    if condition == "active":
        return "unheard" if told["stale"] else "dangerous"
    return condition


def buttons(told: Mapping[str, Any]) -> list[Verb]:
    """What can still be said: nothing of what is over, and nothing twice but a call for help."""
    if told["over"]:
        return []
    said = {"have_it": told["acknowledged_at"], "false_alarm": told["false_alarm_at"], "need_help": None}
    return [verb for verb in DIGIT if said[verb] is None]


def what_it_did(verb: Verb, done: AnswerResult, *, own: bool) -> str:
    """Word of the page for what a button has done; `own`: the reader is who has it, perhaps by pressing twice."""
    if done in {"acknowledged", "acknowledged_before"} and verb == "false_alarm":
        return "noted_false"
    return "acknowledged" if done == "acknowledged_before" and own else done


def _said(told: Mapping[str, Any], what: str) -> dict[str, str] | None:
    at: datetime | None = told[f"{what}_at"]
    if at is None:
        return None
    who = _without_numbers(told[f"{what}_by"] or "")
    return {"who": who, "at": f"{at.astimezone(ZoneInfo(settings().timezone)):%m-%d %H:%M}"}


def _instead(why: str, status: int) -> HTMLResponse:
    filled = _TEMPLATES.get_template("instead.html").render(
        style=Markup(_STYLE),  # noqa: S704 (our own file)
        words=words,
        language=_EITHER,
        why=why,
    )
    return HTMLResponse(filled, status, headers=_HEADERS)


def _without_numbers(text: str) -> str:
    """Whoever acknowledges at the API may have written a telephone number for a name."""
    return _MOBILE.sub(lambda found: mask_phone(re.sub(r"\D", "", found[0])), text)


async def _form(request: Request) -> dict[str, str]:
    """The fields of a small form; of a large or odd one none."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            return {}
    try:
        return {name: values[0] for name, values in parse_qs(body.decode("latin-1"), max_num_fields=8).items()}
    except ValueError:  # more fields than the form has
        return {}
