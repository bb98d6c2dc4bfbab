"""The canary's detector as the broker meets it: a device with its own login, like any other."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from typing import Final

import aiomqtt
import psycopg

from broker.address import Broker
from catalogue.wire import topic
from foundation.errors import BrokerRefused, BrokerUnavailable
from registry.passwords import mosquitto_hash, new_password
from store.canary import UID
from store.named_sql import sql

ANSWER_WITHIN_S: Final = 10
ADMITTED_WITHIN_S: Final = 15.0
"""A new password goes the way of every device's: registry, `nuanshao broker-access`, the broker's file."""
_REFUSALS: Final = (4, 5, 134, 135)
"""MQTT's codes for a wrong password and for no right to come in."""


class Detector:
    """Publishes one reading a connection. Without `password` it takes a new one, which the registry is told."""

    def __init__(self, broker: Broker, password: str = "") -> None:
        self._password = password or new_password()
        self._broker = replace(broker, username=UID, password=self._password.encode())
        self._sequence = 0

    async def admitted(self, connection: psycopg.AsyncConnection) -> None:
        """Returns when the broker lets it in, after a word to the registry where it does not.

        Raises BrokerUnavailable, BrokerRefused.
        """
        try:
            await self._say(None)
        except BrokerRefused:
            async with connection.transaction():
                await connection.execute(sql("set_credential"), (UID, mosquitto_hash(self._password)))
            await self._wait_until_admitted()

    async def publish(self, ts_ms: int, co_ppm: float) -> None:
        """Returns when the broker has it. Raises BrokerUnavailable, BrokerRefused."""
        self._sequence += 1
        await self._say(json.dumps({"ts": ts_ms, "seq": self._sequence, "boot": 1, "m": {"co_ppm": co_ppm}}).encode())

    async def _wait_until_admitted(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(ADMITTED_WITHIN_S):
                while True:
                    await asyncio.sleep(0.2)
                    with suppress(BrokerRefused):
                        return await self._say(None)
        raise BrokerRefused(
            f"the broker does not let {UID} in",
            do="run `nuanshao broker-access` with NUANSHAO_MQTT_PASSWORD_FILE, or add the account there",
        )

    async def _say(self, payload: bytes | None) -> None:
        """Logs in and publishes; without a payload it only logs in."""
        where = f"{self._broker.host}:{self._broker.port}"
        try:
            async with aiomqtt.Client(
                self._broker.host, self._broker.port, username=UID, password=self._password, identifier=UID,
                tls_context=self._broker.context(), timeout=ANSWER_WITHIN_S,
            ) as client:  # fmt: skip
                if payload is not None:
                    await client.publish(topic(UID, "telemetry"), payload, qos=1, timeout=ANSWER_WITHIN_S)
        except aiomqtt.MqttCodeError as failed:
            code = failed.rc if isinstance(failed.rc, int) else getattr(failed.rc, "value", 0)
            if code in _REFUSALS:
                raise BrokerRefused(f"the MQTT broker at {where} refuses {UID}", do="see its password") from None
            raise BrokerUnavailable(f"the MQTT broker at {where}: {failed}", do="start it") from None
        except (aiomqtt.MqttError, OSError) as failed:
            raise BrokerUnavailable(f"no MQTT broker at {where}: {failed}", do="start it") from None
