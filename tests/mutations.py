"""Payloads that no device should send: valid ones, broken in ways that firmware, modems and enemies break them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

from broker.delivery import Delivery
from tests.world import NIGHT, ms

NOW = ms(NIGHT)
UIDS = ("co-000", "co-001", "gb-000", "gb-001", "gb-002", "no-such-device")
CHANNELS = ("telemetry", "telemetry", "telemetry", "telemetry", "backfill", "event", "status")
_TOKENS = (
    b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"9" * 400, b"-0", b"0x1F", b"null", b"true", b"false",
    b'""', b"[]", b"{}", b"[[[[[[[[", b'{"m":' * 30, b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\\u0000", b"\\ud800",
    b'"co_ppm":', b'"ts":', b'"m":{', b'"id":"gb-000"', b'"fault":"', b",", b":", b"}", b"]", "一氧化碳".encode(),
    "一氧化碳".encode("gbk"), b"1795778323702", b"-1", b"9223372036854775808", b"18446744073709551616", b" " * 50,
)  # fmt: skip


def valid(chance: random.Random, number: int) -> tuple[str, bytes]:
    """(channel, payload) as a device would send it."""
    channel = chance.choice(CHANNELS)
    ts = NOW - chance.choice((0, 0, 0, 1_000, 400_000, 40 * 86_400_000, -900_000)) + number % 1_000
    if channel == "event":
        return channel, json.dumps({"ts": ts, "type": chance.choice(("co_alarm", "lockout")), "on": True}).encode()
    if channel == "status":
        return channel, json.dumps({"state": "online", "session": str(number), "ts": ts}).encode()
    readings = [
        {
            "ts": ts + place, "seq": number, "boot": 1,
            "m": {"co_ppm": chance.randint(0, 60), "flow_c": round(chance.uniform(20, 80), 1), "rssi_dbm": -70},
        }
        for place in range(chance.choice((1, 1, 1, 1, 3)))
    ]  # fmt: skip
    return channel, json.dumps(readings[0] if len(readings) == 1 else readings).encode()


def mutated(chance: random.Random, payload: bytes) -> bytes:
    """The payload after one to four accidents."""
    body = bytearray(payload)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(body) + 1)
        match chance.randrange(6):
            case 0:
                del body[at : at + chance.randint(1, 20)]
            case 1:
                body[at:at] = chance.choice(_TOKENS)
            case 2:
                body[at : at + chance.randint(1, 12)] = chance.choice(_TOKENS)
            case 3 if at < len(body):
                body[at] ^= 1 << chance.randrange(8)
            case 4:
                body[at:at] = body[chance.randrange(len(body) + 1) :][:40]
            case _:
                body[at:] = b""
    return bytes(body)


def deliveries(seed: int, many: int) -> Iterator[Delivery]:
    """So many mutated messages; one topic in fifty is broken too."""
    chance = random.Random(seed)
    for number in range(many):
        channel, payload = valid(chance, number)
        topic = f"heat/v1/{chance.choice(UIDS)}/{channel}"
        if number % 50 == 0:
            topic = mutated(chance, topic.encode()).decode(errors="replace")
        yield Delivery(1, number % 65_535 + 1, topic, mutated(chance, payload), number % 97 == 0, NOW + number // 1_000)
