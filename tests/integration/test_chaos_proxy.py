"""A proxy before a local echo: it leads through, cuts off with a reset, and keeps silent when it is half open."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chaos.proxy import Proxy
from chaos.stall import stall

SILENCE_S = 0.3
"""Long enough for an echo, which takes less than a millisecond."""
PATIENCE_S = 10.0


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    made = Proxy(("127.0.0.1", server.sockets[0].getsockname()[1]))
    await made.start()
    yield made
    await made.close()
    server.close()


async def dial(proxy: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, said: bytes) -> bytes:
    writer.write(said)
    return await asyncio.wait_for(reader.readexactly(len(said)), PATIENCE_S)


async def until_none_is_open(proxy: Proxy) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while proxy.open:  # noqa: ASYNC110 - the proxy tells nobody
            await asyncio.sleep(0.01)


async def test_what_is_said_comes_back_however_much_it_is(proxy: Proxy) -> None:
    reader, writer = await dial(proxy)
    assert await answer(reader, writer, b"hello") == b"hello"
    much = os.urandom(5_000_000)
    assert await answer(reader, writer, much) == much
    writer.close()
    await writer.wait_closed()
    await until_none_is_open(proxy)
    assert proxy.carried == 1


async def test_many_that_come_at_once_all_get_their_answer(proxy: Proxy) -> None:
    async def ask(number: int) -> bytes:
        reader, writer = await dial(proxy)
        heard = await answer(reader, writer, b"%04d" % number)
        writer.close()
        return heard

    heard = await asyncio.gather(*map(ask, range(200)))
    assert heard == [b"%04d" % number for number in range(200)]


async def test_a_cut_is_a_reset_and_a_new_connection_works(proxy: Proxy) -> None:
    reader, writer = await dial(proxy)
    assert await answer(reader, writer, b"before") == b"before"
    assert proxy.cut() == 1
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(1), PATIENCE_S)
    writer.close()
    assert proxy.open == 0
    reader, writer = await dial(proxy)
    assert await answer(reader, writer, b"after") == b"after"
    writer.close()


async def test_half_open_says_nothing_until_it_is_forgotten(proxy: Proxy) -> None:
    reader, writer = await dial(proxy)
    assert await answer(reader, writer, b"before") == b"before"
    assert proxy.freeze() == 1
    writer.write(b"is anybody there?")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), SILENCE_S)
    other_reader, other_writer = await dial(proxy)
    assert await answer(other_reader, other_writer, b"new") == b"new", "only what was open is half open"
    assert proxy.forget_frozen() == 1
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(1), PATIENCE_S)
    assert await answer(other_reader, other_writer, b"still") == b"still"
    writer.close()
    other_writer.close()


async def test_who_hangs_up_a_half_open_connection_is_not_missed_by_the_other_side(proxy: Proxy) -> None:
    reader, writer = await dial(proxy)
    assert await answer(reader, writer, b"before") == b"before"
    proxy.freeze()
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(SILENCE_S)
    assert proxy.open == 1, "the echo has not been told"
    proxy.forget_frozen()
    assert proxy.open == 0


async def test_a_target_that_is_away_is_a_reset(proxy: Proxy) -> None:
    lonely = Proxy(("127.0.0.1", 1))
    await lonely.start()
    reader, writer = await dial(lonely)
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(1), PATIENCE_S)
    writer.close()
    await until_none_is_open(lonely)
    await lonely.close()


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def eventually(pid: int, wanted: str) -> bool:
    until = time.monotonic() + PATIENCE_S
    while state(pid) != wanted and time.monotonic() < until:
        time.sleep(0.02)
    return state(pid) == wanted


def test_what_stood_still_goes_on_also_when_it_is_ended_early(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], cwd=tmp_path) as worker:
        stop = threading.Event()
        thread = threading.Thread(target=stall, args=(tmp_path, 60.0, stop))
        thread.start()
        assert eventually(worker.pid, "T")
        stop.set()
        thread.join(PATIENCE_S)
        assert eventually(worker.pid, "S")
        stall(tmp_path, 0.0, threading.Event())
        assert eventually(worker.pid, "S")
        worker.kill()


def test_what_stands_still_does_not_stay_so_when_everybody_else_is_killed(tmp_path: Path) -> None:
    asked = (
        "import pathlib, sys, threading; from chaos.stall import stall;"
        " stall(pathlib.Path(sys.argv[1]), 60.0, threading.Event())"
    )
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], cwd=tmp_path) as worker:
        with subprocess.Popen([sys.executable, "-c", asked, str(tmp_path)]) as breaker:
            assert eventually(worker.pid, "T")
            breaker.send_signal(signal.SIGKILL)
        assert eventually(worker.pid, "S")
        worker.kill()
