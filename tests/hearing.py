"""What reaches the broker, heard by our own account."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiomqtt

Reading = dict[str, Any]


@dataclass
class Hearing:
    """Messages in the order of their arrival: (uid of the topic, channel, payload)."""

    messages: list[tuple[str, str, bytes]] = field(default_factory=list)

    def payloads(self, uid: str, channel: str) -> list[bytes]:
        """What came on one topic."""
        return [payload for one, where, payload in self.messages if (one, where) == (uid, channel)]

    def readings(self, *channels: str) -> Iterator[tuple[str, Reading]]:
        """(device, reading) of `telemetry`, or of these channels; arrays taken apart."""
        for uid, channel, payload in self.messages:
            if channel in (channels or ("telemetry",)):
                found = json.loads(payload)
                for reading in found if isinstance(found, list) else [found]:
                    yield reading.get("id", uid), reading

    def of(self, uid: str, *channels: str) -> list[Reading]:
        """The readings of one device."""
        return [reading for device, reading in self.readings(*channels) if device == uid]

    def states(self, uid: str) -> list[str]:
        """Births and goodbyes of one client."""
        return [json.loads(payload)["state"] for payload in self.payloads(uid, "status")]

    def many(self, expected: int) -> Callable[[], bool]:
        """Whether so many readings have come."""
        return lambda: sum(1 for _ in self.readings()) == expected

    def all_say(self, uids: Iterable[str], states: list[str]) -> Callable[[], bool]:
        """Whether each of these clients has said exactly this."""
        return lambda: all(self.states(uid) == states for uid in uids)

    async def until(self, condition: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
        """Waits until the condition holds."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"waited {seconds} s for {what}"
            await asyncio.sleep(0.02)


@asynccontextmanager
async def hearing(broker_url: str) -> AsyncIterator[Hearing]:
    """Hears everything until the end of the block; what was retained before is not news."""
    parts, heard = urlsplit(broker_url), Hearing()

    async def listen(client: aiomqtt.Client) -> None:
        async for message in client.messages:
            if not message.retain:
                _, _, uid, channel = str(message.topic).split("/")
                heard.messages.append((uid, channel, bytes(message.payload)))

    async with aiomqtt.Client(
        str(parts.hostname), parts.port or 1883, username=parts.username, password=parts.password
    ) as client:
        await client.subscribe("heat/v1/#", qos=1)
        listening = asyncio.create_task(listen(client))
        try:
            yield heard
        finally:
            listening.cancel()
