"""What each session of a worker is subscribed to.

Events have a session of their own: behind a backlog of readings an alarm bit would wait for minutes. Several workers
share readings and events; births and wills, which are retained and rare, go to the first one.

A worker that is alone shares with nobody: Mosquitto (2.0 and 2.1) does not save shared subscriptions, so that after its
restart what is published before a worker is back would reach no session and be lost.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from broker.address import Broker, session_name
from broker.session import Login
from catalogue.wire import TOPIC_ROOT, Channel

GROUP: Final = "nuanshao"
_EVENTS_IN_FLIGHT: Final = 1_000


def client_id(broker: Broker, worker: str, given: str) -> str:
    """The name of a worker's session: one that devices cannot guess, or as the deployment says, its own for each."""
    if not given:
        return session_name(broker, worker)
    number = re.search(r"-([1-9][0-9]*)$", worker)
    return f"{given}-{number[1]}" if number else given


def _every(channel: Channel) -> str:
    return f"{TOPIC_ROOT}/+/{channel}"


def readings_login(client_id: str, index: int, workers: int) -> Login:
    """Readings, live and late; for worker 0 also statuses."""
    return Login(
        client_id,
        filters=(_every("status"),) if index == 0 else (),
        divisible=(_every("telemetry"), _every("backfill")),
        group=GROUP,
        share=workers > 1,
        left=(_every("event"),),  # a session that was made before events had one of their own
    )


def events_login(client_id: str, workers: int) -> Login:
    """The devices' own alarm bits."""
    return Login(
        f"{client_id}-events",
        divisible=(_every("event"),),
        group=GROUP,
        share=workers > 1,
        receive_max=_EVENTS_IN_FLIGHT,
    )


def leaving(login: Login) -> Login:
    """The same session with no subscription any more: what is queued for it still comes."""
    shared = tuple(f"$share/{login.group}/{pattern}" for pattern in login.divisible)
    left = (*login.left, *login.filters, *login.divisible, *shared)
    return replace(login, filters=(), divisible=(), share=False, left=left)
