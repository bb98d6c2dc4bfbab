"""What can be broken: one row a kind of fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

Part = Literal["ingest", "alerts", "database", "broker", "devices"]
"""What a fault hits. Two faults that hit the same part do not overlap: each is to be seen alone there."""
Link = Literal["ingest-broker", "ingest-database", "alerts-database", "devices-broker"]
"""A TCP connection that has a proxy of ours in it: who opens it, and to whom."""
LINKS: Final[tuple[Link, ...]] = get_args(Link)
Kind = Literal[
    "ingest_killed",
    "alerts_killed",
    "database_killed",
    "disk_stalled",
    "broker_restarted",
    "connections_cut",
    "connections_half_open",
    "reconnect_storm",
    "client_id_shared",
    "session_taken_over",
    "broker_killed",
]

PARTS_OF: Final[dict[Link, frozenset[Part]]] = {
    "ingest-broker": frozenset({"ingest", "broker"}),
    "ingest-database": frozenset({"ingest", "database"}),
    "alerts-database": frozenset({"alerts", "database"}),
    "devices-broker": frozenset({"devices", "broker"}),
}


@dataclass(frozen=True)
class FaultKind:
    """One kind of fault. It lasts between `shortest_s` and `longest_s`; 0 is a moment.

    `heals_s`: how long its parts are left alone afterwards (our choice, from what restarts take on two cores).
    `on_a_link`: it hits one of LINKS, and that link's parts instead of `parts`.
    """

    name: Kind
    does: str
    parts: frozenset[Part] = frozenset()
    shortest_s: float = 0.0
    longest_s: float = 0.0
    heals_s: float = 3.0
    on_a_link: bool = False
    only_when_asked: bool = False


KINDS: Final = (
    FaultKind("ingest_killed", "kill -9 of ingest", frozenset({"ingest"}), heals_s=4.0),
    FaultKind("alerts_killed", "kill -9 of alerts", frozenset({"alerts"}), heals_s=4.0),
    FaultKind("database_killed", "kill -9 of the database", frozenset({"database"}), heals_s=8.0),
    FaultKind("disk_stalled", "the disk stalls: the database stands still", frozenset({"database"}), 2.0, 10.0),
    FaultKind("broker_restarted", "the broker is restarted", frozenset({"broker"}), heals_s=5.0),
    FaultKind("connections_cut", "connections are cut (RST)", on_a_link=True),
    FaultKind("connections_half_open", "connections are half open", frozenset(), 3.0, 12.0, on_a_link=True),
    FaultKind("reconnect_storm", "all devices are cut off and come back at once", frozenset({"devices"}), 1.0, 6.0),
    FaultKind("client_id_shared", "two publishers have one client id", frozenset({"devices"}), 3.0, 8.0),
    FaultKind("session_taken_over", "ingest's client id is taken over", frozenset({"ingest", "broker"}), 1.0, 4.0),
    FaultKind("broker_killed", "kill -9 of the broker", frozenset({"broker"}), heals_s=5.0, only_when_asked=True),
)
KIND: Final[dict[Kind, FaultKind]] = {row.name: row for row in KINDS}
