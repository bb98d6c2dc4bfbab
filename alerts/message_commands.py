"""`nuanshao messages …`. Thin: options, one call, what came of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from alerts.messages.preview import Shown

messages_app = typer.Typer(help="What people are told, and whether it reaches them.", no_args_is_help=True)
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_MOST_MISSING = 12


@messages_app.callback()
def _messages() -> None:
    """A group, also while it has one command."""


@messages_app.command("reach")
def show_reach(
    day: Annotated[str | None, typer.Option(help="As 2026-01-15, the villages' own day; without: today.")] = None,
    region: Annotated[str | None, typer.Option(help="Code of a region; what lies below it counts.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Whether people were reached: messages sent, delivered and failed, alarms told and acknowledged, by village."""
    from zoneinfo import ZoneInfo

    from alerts.reach import Reach
    from alerts.reach_print import as_data, show
    from alerts.reach_read import reach
    from foundation import logs
    from foundation.clock import utc_now
    from foundation.settings import settings
    from store.connect import connect_async, database_url

    logs.configure(process="messages", level="WARNING")
    zone = settings().timezone
    asked = utc_now().astimezone(ZoneInfo(zone)).date() if day is None else _day(day)

    async def read() -> Reach:
        async with await connect_async(database_url(), autocommit=True) as database:
            return await reach(database, asked, zone, region)

    found = asyncio.run(read())
    if as_json:
        typer.echo(json.dumps(as_data(found), ensure_ascii=False))
    else:
        show(found, zone)


def _day(text: str) -> date:
    from foundation.errors import SettingsError

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{text[:40]!r} is no day", do="write 2026-01-15") from None


@messages_app.command("preview")
def preview(
    rule: Annotated[str | None, typer.Option(help="All messages of this rule, in full.")] = None,
    way: Annotated[str | None, typer.Option(help="sms, voice, wecom, wecom_robot, wechat, email or webhook.")] = None,
    language: Annotated[str, typer.Option(help="zh-CN, en or mn.")] = "zh-CN",
    template: Annotated[str | None, typer.Option(help="critical or routine.")] = None,
    sign: Annotated[str, typer.Option(help="The SMS signature; without: the one that is set.")] = "",
    *,
    as_json: _Json = False,
) -> None:
    """Each message as its reader will see it, with its length. Exit code 1 when a carrier would refuse one."""
    from alerts.channels.aliyun_templates import approved_codes
    from alerts.channels.channel import WAYS
    from alerts.messages.preview import missing, templates
    from alerts.messages.preview import preview as look
    from catalogue.language import LANGUAGE
    from catalogue.rules import pack_in_force
    from foundation.errors import NotFound, SettingsError
    from foundation.settings import settings

    pack, chosen = pack_in_force(), settings()
    if language not in LANGUAGE:
        raise SettingsError(f"there is no language {language!r}", do=f"one of {', '.join(LANGUAGE)}")
    ways = [one for one in WAYS if way in {None, one}]
    if not ways:
        raise SettingsError(f"there is no way {way!r}", do=f"one of {', '.join(WAYS)}")
    if template is not None and template not in templates():
        raise SettingsError(f"there is no template {template!r}", do=f"one of {', '.join(templates())}")
    if rule is not None and rule not in pack.by_id:
        raise NotFound(f"{pack.label} has no rule {rule!r}", do="nuanshao rules, or docs/catalogue.md, names them")
    rules = pack.rules if rule is None else (pack.by_id[rule],)
    codes = approved_codes(chosen)
    shown = [
        one
        for one in look(
            rules, ways, language, codes=codes if codes["zh-CN"] else None,
            sign=sign or chosen.aliyun_sms_sign_name or "暖哨", incidents=rule is None,
        )
        if template in {None, one.template}
    ]  # fmt: skip
    lacking = missing(LANGUAGE[language], pack.rules)
    refused = [one for one in shown if one.refused]
    if as_json:
        answer = {"messages": [one.as_json() for one in shown], "missing": lacking}
        typer.echo(json.dumps(answer, ensure_ascii=False, indent=1))
    else:
        typer.echo("\n".join(_in_full(shown) if rule is not None else _table(shown)))
        if lacking:
            typer.echo(f"\n{language} lacks {len(lacking)} phrases, which are told in Chinese or in general words:")
            typer.echo("\n".join(f"  {one}" for one in lacking[:_MOST_MISSING]))
            if len(lacking) > _MOST_MISSING:
                typer.echo(f"  … and {len(lacking) - _MOST_MISSING} more (--json names all)")
    for one in refused:
        typer.echo(f"refused: {one.about} {one.kind} {one.way}: {'; '.join(one.refused)}", err=True)
    raise typer.Exit(1 if refused else 0)


@messages_app.command("templates")
def show_templates(
    carrier: Annotated[str, typer.Option(help="aliyun writes ${place}, tencent {1}.")] = "aliyun",
    language: Annotated[str | None, typer.Option(help="zh-CN, en or mn; without: all that are written.")] = None,
    *,
    as_json: _Json = False,
) -> None:
    """The texts that a carrier has to approve, to be copied into its form."""
    from alerts.channels.aliyun_voice_templates import ANSWERS, ASKS, SPEAKS
    from alerts.channels.sms_templates import NAMES, named, numbered
    from catalogue.language import LANGUAGE, SOURCE
    from foundation.errors import SettingsError

    if carrier not in {"aliyun", "tencent"}:
        raise SettingsError(f"there is no carrier {carrier!r}", do="aliyun or tencent")
    if language is not None and language not in LANGUAGE:
        raise SettingsError(f"there is no language {language!r}", do=f"one of {', '.join(LANGUAGE)}")
    texts = [
        {"language": one.code, "way": "sms", "template": name, "text": text}
        for one in LANGUAGE.values()
        if language in {None, one.code}
        for name in NAMES
        if f"sms_{name}" not in one.missing
        for text in [named(name, one.code) if carrier == "aliyun" else numbered(name, one.code)]
    ]
    if carrier == "aliyun" and language in {None, SOURCE}:
        calls = {"without keys": SPEAKS, "with keys": ASKS, "after a key": ANSWERS}
        texts += [{"language": SOURCE, "way": "voice", "template": name, "text": text} for name, text in calls.items()]
    if as_json:
        typer.echo(json.dumps(texts, ensure_ascii=False, indent=1))
        return
    for each in texts:
        typer.echo(f"{each['language']} {each['way']} {each['template']}\n{each['text']}\n")


def _in_full(shown: Sequence[Shown]) -> list[str]:
    lines = []
    for one in shown:
        size = f"{one.segments} SMS, " if one.segments else ""
        cut = f", shortened: {', '.join(one.cut)}" if one.cut else ""
        lines.append(
            f"-- {one.kind}, {one.way}, {one.template}: {size}{one.characters} characters, {one.bytes} bytes{cut}"
        )
        lines += [one.text, ""]
    return lines[:-1]


def _table(shown: Sequence[Shown]) -> list[str]:
    """A line for each rule and incident; of each way its longest message."""
    rows: dict[str, dict[str, list[Shown]]] = {}
    for one in shown:
        of_ways = rows.setdefault(one.kind if one.about == "incident" else one.about, {})
        of_ways.setdefault(one.way, []).append(one)
    ways = list(dict.fromkeys(one.way for one in shown))
    lines = [
        "The longest message of each. SMS as billed (when raised → at most), its characters; WeCom in bytes.",
        "",
        f"{'':24}{''.join(f'{way:>14}' for way in ways)}   refused  shortened",
    ]
    for name, of_ways in rows.items():
        every = [one for messages in of_ways.values() for one in messages]
        refused, cut = sum(bool(one.refused) for one in every), sum(bool(one.cut) for one in every)
        cells = "".join(f"{_longest(of_ways[way]):>14}" for way in ways)
        lines.append(f"{name:24}{cells}   {refused or '-':>7}  {cut or '-':>9}")
    return lines


def _longest(messages: Sequence[Shown]) -> str:
    longest = max(messages, key=lambda one: one.characters)
    if longest.way == "sms":
        raised = next((one.segments for one in messages if one.kind == "raised"), longest.segments)
        return f"{raised} → {max(one.segments for one in messages)} {longest.characters:5}"
    return f"{longest.bytes} B" if longest.way.startswith("wecom") else str(longest.characters)
