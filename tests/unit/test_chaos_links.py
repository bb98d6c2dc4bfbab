"""Which process is led through a proxy, and that a faulty address gives nothing away. No I/O."""

from __future__ import annotations

import asyncio

import pytest

from chaos.county import MOST_TOLD, county
from chaos.kinds import Link
from chaos.links import host_and_port, rerouted, with_port
from chaos.proxy import Proxy

ENVIRONMENT = {
    "NUANSHAO_DATABASE_URL": "postgresql://nuanshao:p%40ss@127.0.0.1:5001/nuanshao",
    "NUANSHAO_MQTT_URL": "mqtt://nuanshao:secret@127.0.0.1:1883",
    "NUANSHAO_API_PORT": "8080",
}


PORTS: dict[Link, int] = {"ingest-broker": 9001, "ingest-database": 9002, "alerts-database": 9003}


def test_each_process_gets_the_proxies_of_its_own_links() -> None:
    ingest, alerts = (rerouted(process, ENVIRONMENT, PORTS) for process in ("ingest", "alerts"))
    assert ingest["NUANSHAO_MQTT_URL"] == "mqtt://nuanshao:secret@127.0.0.1:9001"
    assert ingest["NUANSHAO_DATABASE_URL"] == "postgresql://nuanshao:p%40ss@127.0.0.1:9002/nuanshao"
    assert alerts["NUANSHAO_DATABASE_URL"] == "postgresql://nuanshao:p%40ss@127.0.0.1:9003/nuanshao"
    assert alerts["NUANSHAO_MQTT_URL"] == ENVIRONMENT["NUANSHAO_MQTT_URL"]
    assert rerouted("api", ENVIRONMENT, PORTS) == ENVIRONMENT, "nobody breaks its connections"


def test_an_address_is_read_and_changed_without_its_account() -> None:
    assert host_and_port(ENVIRONMENT["NUANSHAO_MQTT_URL"]) == ("127.0.0.1", 1883)
    assert with_port("mqtt://127.0.0.1:1", 2) == "mqtt://127.0.0.1:2"
    with pytest.raises(ValueError, match="without host or port") as refused:
        host_and_port("mqtt://nuanshao:secret@")
    assert "secret" not in str(refused.value)


def test_no_number_is_told_of_more_than_its_carrier_takes() -> None:
    large = county(600, 900)
    each = [sum(device.village == village for device in large.detectors) for village in range(large.villages)]
    assert max(each) <= MOST_TOLD
    assert {device.gateway for device in large.devices} > {None}
    assert all(
        len({device.village for device in large.devices if device.gateway == uid}) == 1 for uid in large.gateways
    )


async def test_a_proxy_that_has_nothing_to_break_breaks_nothing() -> None:
    proxy = Proxy(("127.0.0.1", 1))
    assert (proxy.cut(), proxy.freeze(), proxy.forget_frozen(), proxy.open) == (0, 0, 0, 0)
    await asyncio.wait_for(proxy.close(), 1)
