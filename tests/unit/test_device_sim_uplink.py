"""Who speaks for whom, and who keeps what while somebody is cut off. No broker: nothing is ever acknowledged."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from device_sim.fleet.plan import plan
from device_sim.network.broker import Broker, parse_address
from device_sim.network.gateway import Gateway
from device_sim.network.mqtt_device import MqttDevice
from device_sim.network.outbox import Item
from device_sim.network.uplink import Uplink
from device_sim.runs.cast import Asked, cast_scenario, cast_story, fleet_for
from device_sim.scenario.scenario import FleetWish
from foundation.clock import utc_now
from foundation.errors import NotFound, SettingsError

BEHIND = plan(1, 6, villages=2, gateways=True)
GATEWAYS = np.flatnonzero(BEHIND.device_gateway < 0).tolist()
FIRST = next(row for row, gateway in enumerate(BEHIND.device_gateway.tolist()) if gateway == GATEWAYS[0])
NONE = np.zeros(0, dtype=np.int64)


class Everybody(dict[str, str]):
    """A password for whoever asks."""

    def __contains__(self, uid: object) -> bool:
        return True

    def __missing__(self, uid: str) -> str:
        return "x"


def uplink(fleet: Any = BEHIND) -> Uplink:
    return Uplink(fleet, Everybody(), Broker(parse_address("mqtt://127.0.0.1"), 1), utc_now, lambda _: None)


def rows(*numbers: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array(numbers, dtype=np.int64)


def up_but(*down: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    links = np.ones(len(BEHIND.device_home), dtype=np.bool_)
    links[list(down)] = False
    return links


def waiting(client: MqttDevice | None) -> list[str]:
    """Readings and events that a client holds, as text."""
    assert client is not None
    lanes = (client._telemetry, client._events, client._backfill)
    return [item.payload.decode() for lane in lanes if lane is not None for item in lane._waiting]


def test_each_device_speaks_for_itself_or_its_gateway_does() -> None:
    direct = uplink(plan(1, 6, villages=2))
    assert not any(isinstance(client, Gateway) for client in direct.clients)
    behind = uplink()
    assert [type(client) for client in behind.clients] == [Gateway, Gateway]
    assert behind.own_client(FIRST) is None
    assert behind.own_client(GATEWAYS[0]) is behind.clients[0]


def test_who_logs_in_needs_a_password_and_nobody_else() -> None:
    broker = Broker(parse_address("mqtt://127.0.0.1"), 1)
    Uplink(BEHIND, {BEHIND.uid(row): "x" for row in GATEWAYS}, broker, utc_now, lambda _: None)
    with pytest.raises(NotFound, match=f"no password for {BEHIND.uid(GATEWAYS[0])} and 1 more"):
        Uplink(BEHIND, {}, broker, utc_now, lambda _: None)


def test_an_event_behind_a_gateway_names_its_device() -> None:
    behind = uplink()
    behind.event(FIRST, 5, "co_alarm", on=True)
    (text,) = waiting(behind.clients[0])
    assert json.loads(text) == {"id": BEHIND.uid(FIRST), "ts": 5, "type": "co_alarm", "on": True}
    assert waiting(behind.clients[1]) == []


def test_a_device_whose_link_is_down_keeps_what_it_has_in_its_order() -> None:
    behind = uplink()
    behind.links(up_but(FIRST))
    behind.reading(Item(b"1", FIRST))
    behind.event(FIRST, 5, "co_alarm", on=True)
    behind.reading(Item(b"2", FIRST))
    assert waiting(behind.clients[0]) == []
    behind.links(up_but())
    assert waiting(behind.clients[0])[:2] == ["1", "2"]
    assert len(waiting(behind.clients[0])) == 3


def test_a_gateway_without_network_takes_readings_all_the_same() -> None:
    behind = uplink()
    behind.links(up_but(GATEWAYS[0], FIRST))
    behind.reading(Item(b"1", FIRST))
    assert waiting(behind.clients[0]) == ["1"]
    assert behind.clients[0].lacks("network")
    behind.links(up_but(FIRST))
    behind.reading(Item(b"2", FIRST))
    assert waiting(behind.clients[0]) == ["1"], "the gateway is back, the device is not yet"


def test_a_gateway_without_power_takes_nothing_until_it_is_back() -> None:
    behind = uplink()
    behind.power(rows(GATEWAYS[0]), NONE)
    behind.reading(Item(b"1", FIRST))
    assert waiting(behind.clients[0]) == []
    behind.power(NONE, rows(GATEWAYS[0]))
    assert waiting(behind.clients[0]) == ["1"]


def test_at_the_end_everything_that_was_kept_is_handed_over() -> None:
    behind = uplink()
    behind.power(rows(GATEWAYS[0]), NONE)
    behind.links(up_but(FIRST))
    behind.reading(Item(b"1", FIRST))
    behind.open_all()
    assert waiting(behind.clients[0]) == ["1"]
    assert not behind.clients[0].lacks("power")


def test_history_goes_by_itself() -> None:
    client = uplink().clients[0]
    client.offer_reading(Item(b"1", FIRST, history=True))
    client.offer_reading(Item(b"2", FIRST))
    assert (len(client._telemetry), client.outstanding) == (1, 2)
    assert client._backfill is not None
    assert client._backfill.channel == "backfill"


def test_what_a_cut_off_device_keeps_is_bounded_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device_sim.network.uplink.MOST_KEPT", 2)
    behind = uplink()
    behind.links(up_but(FIRST))
    for number in range(5):
        behind.reading(Item(b"%d" % number, FIRST))
    assert behind.dropped == 3
    behind.links(up_but())
    assert waiting(behind.clients[0]) == ["3", "4"]


def test_more_devices_than_connections_go_through_gateways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device_sim.network.uplink.MOST_DEVICES", 20)
    few, _ = fleet_for(Asked(1, 5), FleetWish())
    many, why = fleet_for(Asked(1, 50), FleetWish())
    assert (few.device_gateway < 0).all()
    assert (many.device_gateway < 0).sum() == 1
    assert "through village gateways: more than 20 connections" in why


def test_a_scenario_that_needs_gateways_gets_them() -> None:
    fleet, why = fleet_for(Asked(1, 5), FleetWish(gateways=True))
    assert (fleet.device_gateway < 0).sum() == 1
    assert "the scenario's wish" in why
    with pytest.raises(SettingsError, match="needs village gateways"):
        fleet_for(Asked(1, 5, through="devices"), FleetWish(gateways=True))


def test_a_scenario_gets_the_fleet_that_it_wishes() -> None:
    cast = cast_scenario(Asked(1, 300), "co-night")
    assert cast.scenario is not None
    assert cast.lasts_s == cast.scenario.lasts_s == 16 * 60
    assert len(cast.show.fleet.villages) == 4
    assert cast.show.starts == cast.scenario.starts
    assert cast.show.weather.offset_k == -12
    assert len(cast.show.injections) >= len(cast.scenario.timeline)
    assert set(cast.show.fleet.device_interval_s.tolist()) == {10}
    faster = cast_scenario(Asked(1, 300, interval_s=5), "co-night")
    assert set(faster.show.fleet.device_interval_s.tolist()) == {5}


def test_a_story_needs_its_time_and_a_fleet_its_villages() -> None:
    assert cast_story(Asked(1, 10), 0.1, events=False).show.injections == ()
    assert len(cast_story(Asked(1, 300), None, events=True).show.injections) == 3
    with pytest.raises(SettingsError, match="three events need 2 simulated minutes, not 1"):
        cast_story(Asked(1, 10), 1.0, events=True)
    with pytest.raises(SettingsError, match="plan 1–999 homes a village"):
        cast_story(Asked(1, 10, villages=11), None, events=False)
