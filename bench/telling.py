"""What the outbox can carry: messages wait, several alerts processes send them to the stand-in carrier, each once.

Beside it, in the same run, the same channel without an outbox: the difference is what it costs to ask whether a message
is still true, and to write down what became of it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
from pydantic import SecretStr

from alerts.channels.aliyun_sms import AliyunSms
from alerts.channels.aliyun_templates import fit
from alerts.channels.channel import Accepted, Message
from alerts.courier import AT_ONCE
from bench.bed import Bed
from bench.county import County
from bench.machine import machine
from foundation.clock import utc_now
from foundation.settings import PREFIX
from store.connect import connect
from store.named_sql import sql

MOST_MESSAGES: Final = 10_000
"""The stand-in remembers so many."""
WITHIN_S: Final = 600.0
_PARAMS: Final = fit({"place": "基准村", "home": "1号", "what": "一氧化碳超过300ppm（现350ppm）", "do": "立即开窗"})


@dataclass(frozen=True)
class Options:
    """`messages` wait, each for a number of its own; `bare` are sent without an outbox, for comparison."""

    messages: int = MOST_MESSAGES
    processes: int = 2
    bare: int = 2_000


def bench_telling(project: Path, options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    """Fills the outbox, has it carried, and counts what the carrier has. `shortcomings` is empty when all is well."""
    with Bed(project, say) as bed:
        with connect(bed.database_url) as connection:
            County(devices=30, detectors=options.messages // 2 + 1).register(connection)
            places = {"now": utc_now(), "messages": options.messages, "params": psycopg.types.json.Jsonb(_PARAMS)}
            connection.execute(sql("bench_fill_outbox"), places)
            connection.commit()
        say(f"{options.messages:,} messages wait; {options.processes} processes begin")
        with bed.carrying(options.processes) as environment, connect(bed.database_url, autocommit=True) as connection:
            bed.wait(lambda: _carried(connection), "the outbox to be carried", WITHIN_S)
            row = connection.execute(sql("bench_carried")).fetchone()
            assert row is not None  # noqa: S101 (an aggregate always answers)
            carried, attempts, took_s = row
            cpu = {name: used.cpu_s for name, used in bed.usage().items()}
            copies = _copies(environment, options.messages)
            bare_s = asyncio.run(_bare(environment, options.bare))
        rate, bare_rate = carried / took_s, options.bare / bare_s
        twice = sum(times > 1 for times in copies.values())
        return {
            "messages": options.messages,
            "processes": options.processes,
            "sends_per_s": round(rate, 1),
            "took_s": round(took_s, 2),
            "attempts": attempts,
            "sent_twice": twice,
            "missing": options.messages - len(copies),
            "bare_sends_per_s": round(bare_rate, 1),
            "ratio": round(rate / bare_rate, 2),
            "cpu_ms_a_message": {name: round(seconds * 1000 / carried, 2) for name, seconds in cpu.items()},
            "machine": machine(bed.versions),
            "shortcomings": [
                wrong
                for wrong in (
                    f"{twice} messages were sent twice" if twice else "",
                    f"{options.messages - len(copies)} messages are missing" if len(copies) < options.messages else "",
                )
                if wrong
            ],
        }


def _carried(connection: psycopg.Connection) -> bool:
    row = connection.execute(sql("bench_outbox_left")).fetchone()
    return row is not None and not row[0]


def _copies(environment: Mapping[str, str], messages: int) -> Counter[str]:
    """How often the carrier has each message."""
    url = environment[f"{PREFIX}ALIYUN_SMS_ENDPOINT"]
    with httpx.Client(trust_env=False, timeout=60) as http:
        found = http.get(f"{url}/messages.json", params={"limit": messages}).json()
    return Counter(message["out_id"] for message in found)


async def _bare(environment: Mapping[str, str], messages: int) -> float:
    """Seconds for so many messages through the channel alone, as many at once as a courier has."""
    channel = AliyunSms(
        endpoint=environment[f"{PREFIX}ALIYUN_SMS_ENDPOINT"],
        access_key_id=environment[f"{PREFIX}ALIYUN_ACCESS_KEY_ID"],
        secret=SecretStr(environment[f"{PREFIX}ALIYUN_ACCESS_KEY_SECRET"]),
        sign_name=environment[f"{PREFIX}ALIYUN_SMS_SIGN_NAME"],
        templates={"critical": environment[f"{PREFIX}ALIYUN_SMS_TEMPLATE_CRITICAL"], "routine": ""},
    )
    places = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> bool:
        async with places:
            message = Message(f"139{number:08d}", "critical", _PARAMS, f"bare-{number}")
            return isinstance(await channel.send(message), Accepted)

    began = time.monotonic()
    taken = await asyncio.gather(*map(one, range(messages)))
    took_s = time.monotonic() - began
    await channel.close()
    assert all(taken)  # noqa: S101 (or the figure would be one of refusals)
    return took_s
