"""The door before the carriers' callbacks: the secret, the caller's address, how much may come in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Body, FastAPI, Request
from structlog.testing import capture_logs

from api.admission import MOST_BYTES, CarrierRoute, caller_of
from api.carriers import router as shipped
from foundation.errors import SettingsError
from foundation.networks import address, networks, within
from foundation.settings import settings

SECRET = "hush-hush"
ALLOWED, PROXY = "203.0.113.0/24, 2001:db8::/32", "10.0.0.0/8"


def app() -> FastAPI:
    """Routes as they may be written: one that reads by itself, one whose body FastAPI reads, one without."""
    router = APIRouter(prefix="/carriers/{secret}", route_class=CarrierRoute)

    @router.post("/raw")
    async def raw(request: Request) -> int:
        return len(await request.body())

    @router.post("/declared")
    async def declared(some: Annotated[list[str], Body()]) -> int:
        return len(some)

    @router.get("/echo")
    async def echo(secret: str, echostr: str) -> str:
        assert secret == SECRET
        return echostr

    made = FastAPI()
    made.include_router(router)
    return made


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("NUANSHAO_CARRIER_SECRET_PATH", SECRET)
    monkeypatch.setenv("NUANSHAO_CARRIER_ALLOW", ALLOWED)
    monkeypatch.setenv("NUANSHAO_TRUSTED_PROXIES", PROXY)
    settings.cache_clear()
    return monkeypatch


async def ask(
    path: str,
    *,
    peer: str = "203.0.113.7",
    headers: Mapping[str, str] | None = None,
    content: bytes | AsyncIterator[bytes] = b"[]",
) -> int:
    transport = httpx.ASGITransport(app(), client=(peer, 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://n") as http:
        method = "GET" if "echo" in path else "POST"
        answer = await http.request(
            method,
            f"/carriers/{path}",
            headers={"content-type": "application/json"} | dict(headers or {}),
            content=None if method == "GET" else content,
        )
    return answer.status_code


@pytest.mark.parametrize("path", ["{}/raw", "{}/declared", "{}/echo?echostr=1"])
async def test_no_route_has_a_way_around_it(door: pytest.MonkeyPatch, path: str) -> None:
    right = path.format(SECRET)
    assert await ask(right) == 200
    assert await ask(path.format("guess"), content=b"{") == 404, "before anything is read"
    with capture_logs() as events:
        assert await ask(right, peer="198.51.100.1") == 403
    assert [event["event"] for event in events] == ["carrier_refused"]
    assert events[0]["caller"] == "198.51.100.1"
    assert SECRET not in repr(events)


async def test_without_a_list_anybody_who_knows_the_secret_comes_in(door: pytest.MonkeyPatch) -> None:
    door.delenv("NUANSHAO_CARRIER_ALLOW")
    settings.cache_clear()
    assert await ask(f"{SECRET}/raw", peer="198.51.100.1") == 200
    door.delenv("NUANSHAO_CARRIER_SECRET_PATH")
    settings.cache_clear()
    assert await ask(f"{SECRET}/raw") == 404, "none is set: closed"


async def test_a_proxy_that_is_trusted_names_the_caller_and_nobody_else_does(door: pytest.MonkeyPatch) -> None:
    right = f"{SECRET}/raw"
    assert await ask(right, peer="10.1.2.3", headers={"x-forwarded-for": "203.0.113.7"}) == 200
    assert await ask(right, peer="10.1.2.3", headers={"x-forwarded-for": "203.0.113.7, 198.51.100.1"}) == 403
    assert await ask(right, peer="198.51.100.1", headers={"x-forwarded-for": "203.0.113.7"}) == 403
    assert await ask(right, peer="10.1.2.3") == 403, "a proxy that does not say"


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("198.51.100.1", ["203.0.113.7"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["203.0.113.7, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.7", "10.0.0.2"], "203.0.113.7"),
        ("10.0.0.1", ["203.0.113.7, nonsense"], None),
        ("10.0.0.1", ["10.0.0.3"], "10.0.0.3"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["::ffff:203.0.113.7"], "203.0.113.7"),
        ("a-socket", ["203.0.113.7"], None),
    ],
)
def test_who_calls(peer: str, forwarded: list[str], caller: str | None) -> None:
    found = caller_of(address(peer), forwarded, networks(PROXY))
    assert found == (None if caller is None else address(caller))


async def test_a_body_is_bounded_whether_or_not_it_says_how_long_it_is(door: pytest.MonkeyPatch) -> None:
    async def chunks(bytes_: int) -> AsyncIterator[bytes]:
        for _ in range(bytes_ // 1024):
            yield b" " * 1024

    for path in ("raw", "declared"):
        assert await ask(f"{SECRET}/{path}", content=b" " * (MOST_BYTES + 1)) == 413
        assert await ask(f"{SECRET}/{path}", content=chunks(MOST_BYTES + 1024)) == 413
    assert await ask(f"{SECRET}/raw", content=chunks(MOST_BYTES)) == 200


def test_every_callback_that_is_shipped_stands_behind_it() -> None:
    assert shipped.routes
    assert all(
        isinstance(route, CarrierRoute) and route.path.startswith("/carriers/{secret}/") for route in shipped.routes
    )


def test_networks() -> None:
    found = networks(" 203.0.113.7 ,10.1.2.3/8,, 2001:db8::/32")
    assert [str(one) for one in found] == ["203.0.113.7/32", "10.0.0.0/8", "2001:db8::/32"]
    assert within(address("::ffff:10.9.9.9"), found)
    assert not within(address("203.0.113.8"), found)
    assert not within(None, found)
    assert networks("") == ()


def test_a_list_that_cannot_be_read_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUANSHAO_CARRIER_ALLOW", "10.0.0.0/33")
    settings.cache_clear()
    with pytest.raises(SettingsError, match=r"NUANSHAO_CARRIER_ALLOW.*10\.0\.0\.0/33"):
        settings()
