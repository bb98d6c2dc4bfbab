"""What each session subscribes to and gives up, as the packets say it."""

from __future__ import annotations

import mqtt5

from broker.address import Broker, session_name
from broker.session import Login
from ingest.sessions import client_id, events_login, leaving, readings_login


def said(login: Login) -> tuple[list[str], list[str]]:
    """(subscribed, unsubscribed)"""
    subscribed: list[str] = []
    unsubscribed: list[str] = []
    for raw in login.subscriptions():
        packet, _ = mqtt5.read(memoryview(raw))
        if isinstance(packet, mqtt5.SubscribePacket):
            subscribed += [one.pattern for one in packet.topic_filters]
        elif isinstance(packet, mqtt5.UnsubscribePacket):
            unsubscribed += packet.patterns
    return subscribed, unsubscribed


def test_a_worker_that_is_alone_shares_nothing_and_gives_up_what_it_shared_before() -> None:
    subscribed, unsubscribed = said(readings_login("w", 0, 1))
    assert subscribed == ["heat/v1/+/status", "heat/v1/+/telemetry", "heat/v1/+/backfill"]
    assert "$share/nuanshao/heat/v1/+/telemetry" in unsubscribed
    assert "heat/v1/+/event" in unsubscribed, "events have a session of their own now"
    assert said(events_login("w", 1)) == (["heat/v1/+/event"], ["$share/nuanshao/heat/v1/+/event"])


def test_several_workers_share_and_the_first_alone_hears_births_and_wills() -> None:
    first, _ = said(readings_login("w0", 0, 3))
    second, unsubscribed = said(readings_login("w1", 1, 3))
    shared = ["$share/nuanshao/heat/v1/+/telemetry", "$share/nuanshao/heat/v1/+/backfill"]
    assert first == ["heat/v1/+/status", *shared]
    assert second == shared
    assert "heat/v1/+/telemetry" in unsubscribed


def test_sessions_of_one_worker_have_different_names() -> None:
    assert readings_login("w", 0, 1).client_id != events_login("w", 1).client_id


def test_a_worker_that_goes_gives_up_everything_it_may_have() -> None:
    for login in (readings_login("w", 0, 3), readings_login("w", 0, 1), events_login("w", 2)):
        subscribed, unsubscribed = said(leaving(login))
        assert subscribed == []
        for pattern in login.divisible:
            assert {pattern, f"$share/nuanshao/{pattern}"} <= set(unsubscribed)
        assert set(login.filters) <= set(unsubscribed)


def test_each_worker_has_a_session_of_its_own_also_under_a_given_name() -> None:
    broker = Broker("broker", 1883, "ingest", b"s3cr3t", tls=False)
    workers = [f"ingest-{number}" for number in range(12)]
    assert len({client_id(broker, worker, "") for worker in workers}) == 12
    assert [client_id(broker, worker, "ours") for worker in workers[:3]] == ["ours", "ours-1", "ours-2"]
    assert client_id(broker, "ingest-0", "") == session_name(broker, "ingest-0")
