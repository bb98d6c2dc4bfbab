"""One alerts process that is killed at a stage: `python -m tests.killed <database> <carrier> <stage> <late_s>`.

It does what the service does, one turn of each: the courier, the escalator five minutes later, the courier again. At
the stage it ends itself with SIGKILL, as `kill -9` does: nothing is written, flushed or closed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import SecretStr

from alerts import outbox
from alerts.channels.aliyun_sms import AliyunSms
from alerts.courier import Courier
from alerts.escalation import watch
from alerts.escalation.watch import Escalator
from catalogue.rules import default_pack
from foundation.clock import utc_now
from store.connect import connect_async, pool

SECRET: Final = "made-up-for-the-test"
STAGES: Final = ("claimed", "cleared", "sent", "written", "climbing", "climbed", "climbed_and_sent")
STEP: Final = timedelta(minutes=5, seconds=30)


def channel(url: str) -> AliyunSms:
    """The account that the tests' stand-in has."""
    return AliyunSms(
        endpoint=url, access_key_id="id", secret=SecretStr(SECRET), sign_name="暖哨",
        templates={"critical": "SMS_1", "routine": "SMS_2"},
    )  # fmt: skip


def die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def dies_after(work: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def last(*args: Any, **more: Any) -> Any:
        result = await work(*args, **more)
        die()
        return result

    return last


def dies_once_written(courier: Courier) -> Callable[..., Awaitable[None]]:
    write_ended = courier._write_ended

    async def last(patience_s: float) -> None:
        before = len(courier._under_way)
        await write_ended(patience_s)
        if len(courier._under_way) < before:
            die()

    return last


async def turn(database_url: str, carrier_url: str, stage: str, ahead: timedelta) -> None:
    """One turn of everything, with clocks that are `ahead`."""
    now = utc_now() + ahead

    def clock() -> datetime:
        return now

    connections, sms = pool(database_url), channel(carrier_url)
    await connections.open()
    courier = Courier(connections, {"sms": sms}, clock)
    victim: Any = sms if "sent" in stage else courier
    if stage == "claimed":
        victim._clear = die
    elif stage == "cleared":
        victim._hand_over = die
    elif stage == "sent":
        victim.send = dies_after(victim.send)
    elif stage == "written":
        victim._write_ended = dies_once_written(victim)
    await courier.round()
    now += STEP
    if stage == "climbing":
        escalator: Any = watch
        escalator.outbox.put = dies_after(outbox.put)
    async with await connect_async(database_url, autocommit=True) as connection:
        await Escalator(default_pack()).look(connection, now)
    if stage == "climbed":
        die()
    if stage == "climbed_and_sent":
        victim.send = dies_after(victim.send)
    await courier.round()
    await sms.close()
    await connections.close()


if __name__ == "__main__":
    asyncio.run(turn(sys.argv[1], sys.argv[2], sys.argv[3], timedelta(seconds=float(sys.argv[4]))))
