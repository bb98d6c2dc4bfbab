"""The page behind a link, as a phone and as a link preview meet it."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from html.parser import HTMLParser

import httpx
import pytest

from alerts.links import LASTS, link_for
from foundation.clock import utc_now
from foundation.settings import settings
from tests.world import COMMITTEE_PHONE, World, one, rows


class Page(HTMLParser):
    """What a page holds: its text, the fields of its form, its buttons, its addresses."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.buttons: list[str] = []
        self.addresses: list[str] = []
        self.words = ""
        self._in_style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._in_style = tag == "style"
        if tag == "input":
            self.fields[given["name"]] = given["value"]
        if tag == "button":
            self.buttons.append(given["value"])
        self.addresses += [given[name] for name in ("href", "src", "action") if name in given]
        assert tag not in {"script", "img", "link", "iframe"}, "nothing from elsewhere"
        assert not [name for name in given if name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        self._in_style = self._in_style and tag != "style"

    def handle_data(self, data: str) -> None:
        self.words += "" if self._in_style else data


@pytest.fixture(autouse=True)
def _links(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUANSHAO_PUBLIC_URL", "https://warm.example.cn")
    monkeypatch.setenv("NUANSHAO_LINK_KEY", "k" * 40)
    settings.cache_clear()


async def path_of(world: World, alarm: str = "gb-000", *, made_ago: timedelta = timedelta()) -> str:
    number = await one(
        world.database,
        "select n.id from notification n join alarm a on a.id = n.alarm_id join device d on d.id = a.device_id"
        " where d.uid = %s order by n.id limit 1",
        (alarm,),
    )
    return link_for(number, utc_now() - made_ago).removeprefix("https://warm.example.cn")


async def test_looking_changes_nothing_and_a_button_acknowledges(world: World, http: httpx.AsyncClient) -> None:
    await world.read("gb-000", 0, flow_c=110)
    path = await path_of(world)
    for _ in range(3):
        seen = await http.get(path)
    assert seen.status_code == 200
    assert (await http.head(path)).status_code == 200
    page = Page(seen.text)
    assert await one(world.database, "select count(*) from answer") == 0
    assert await one(world.database, "select count(*) from alarm where acknowledged_at is not null") == 0
    for word in ("仍有危险", "巴彦塔拉嘎查村 1组0号", "1月16日03:00", "还没有人确认收到"):
        assert word in page.words
    assert "I have it" not in page.words, "the reader speaks Chinese"
    assert page.buttons == ["have_it", "false_alarm", "need_help"]
    assert page.addresses == []
    policy = seen.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert (seen.headers["cache-control"], seen.headers["referrer-policy"]) == ("no-store", "no-referrer")

    done = Page((await http.post(path, data=page.fields | {"verb": "have_it"})).text)
    assert "已记下：由您处理" in done.words
    assert "王某某" in done.words
    assert done.buttons == ["false_alarm", "need_help"]
    (row,) = await rows(world.database, "select * from alarm where acknowledged_at is not null")
    assert (row["acknowledged_by"], row["acknowledged_how"]) == ("王某某", "page")
    again = Page((await http.post(path, data=page.fields | {"verb": "have_it"})).text)
    assert "王某某" in again.words
    assert await one(world.database, "select count(*) from answer") == 1, "the same form once more"

    await http.post(path, data=done.fields | {"verb": "need_help"})
    helped = Page((await http.post(path, data=done.fields | {"verb": "false_alarm"})).text)
    assert "已记下：您认为是误报" in helped.words
    assert "请求了支援" in helped.words
    assert helped.buttons == ["need_help"]
    (row,) = await rows(world.database, "select * from alarm where acknowledged_at is not null")
    assert (row["help_asked_by"], row["false_alarm_by"], row["closed_at"]) == ("王某某", "王某某", None)


async def test_who_comes_second_sees_who_has_it_and_no_number(world: World, http: httpx.AsyncClient) -> None:
    await world.read("co-000", 0, co_ppm=400)
    await world.read("co-000", 20, co_ppm=400)
    path = await path_of(world, "co-000")
    before = Page((await http.get(path)).text)
    assert before.addresses == ["tel:119", "tel:120"], "carbon monoxide: who is hurt needs an ambulance"
    await world.database.execute(
        "update alarm set acknowledged_at = %s, acknowledged_by = '张三 138 0000 0301'", (world.at(60),)
    )
    await world.database.execute("update contact set language = 'en'")
    await world.database.execute("update notification set language = 'en'")
    after = (await http.post(path, data=before.fields | {"verb": "have_it"})).text
    assert "张三 138****0301" in after
    assert "Somebody has it already" in after
    assert "已有人确认收到" in after, "Chinese stands first"
    assert COMMITTEE_PHONE not in after
    assert not re.search(r"1[3-9]\d{9}", after)
    await world.database.execute("update alarm set closed_at = %s, condition = 'normal'", (world.at(90),))
    over = Page((await http.post(path, data=before.fields | {"verb": "false_alarm"})).text)
    assert "已结束" in over.words
    assert over.buttons == []
    assert over.addresses == []


async def test_expired_forged_and_unknown_links_say_what_to_do_instead(
    world: World, http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "uvicorn")
    await world.read("gb-000", 0, flow_c=110)
    good = await path_of(world)
    for path, status, why in (
        (await path_of(world, made_ago=LASTS), 410, "链接已过期"),
        (f"{good[:-6]}AAAAAA", 404, "链接无效"),
        ("/a/nonsense", 404, "链接无效"),
        (link_for(999_999, utc_now()).removeprefix("https://warm.example.cn"), 404, "链接无效"),
    ):
        for answer in (await http.get(path), await http.post(path, data={"verb": "have_it", "once": "abcdefgh"})):
            page = Page(answer.text)
            assert (answer.status_code, page.buttons) == (status, [])
            assert why in page.words
            assert "1 收到" in page.words
            assert page.addresses == ["tel:119", "tel:120"]
    for odd in ({"verb": "rm"}, {}, {f"f{n}": "1" for n in range(20)}, {"verb": "have_it" + "x" * 5000}):
        assert (await http.post(good, data=odd)).status_code == 200
    assert await one(world.database, "select count(*) from answer") == 0
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("uvicorn"))
    assert 'POST /a/… HTTP/1.1" 200' in logged
    assert good.rpartition(".")[2] not in logged, "an address is as good as a password"


async def test_a_page_is_not_shown_without_end(world: World, http: httpx.AsyncClient) -> None:
    await world.read("gb-000", 0, flow_c=110)
    path = await path_of(world)
    found = [(await http.get(path)).status_code for _ in range(31)]
    assert (found[:30], found[30]) == ([200] * 30, 429)


async def test_a_drill_says_so_and_sends_nobody_to_an_ambulance(world: World, http: httpx.AsyncClient) -> None:
    await world.read("co-000", 0, co_ppm=400)
    await world.read("co-000", 20, co_ppm=400)
    await world.database.execute("update notification set drill = true")
    page = Page((await http.get(await path_of(world, "co-000"))).text)
    assert "演练：没有真实险情" in page.words
    assert page.addresses == []
