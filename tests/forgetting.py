"""Sessions that the tests' broker is to forget: it would go on to keep, or to share out, other tests' messages."""

from __future__ import annotations

from broker.address import Broker
from broker.session import Connection, Login, connect


async def forget_sessions(broker_url: str, *client_ids: str) -> None:
    """Ends the sessions of these workers, both of each."""
    address = Broker.parse(broker_url)
    for name in [name for client_id in client_ids for name in (client_id, f"{client_id}-events")]:
        connection = Connection(1, lambda _: None)
        await connect(connection, address, Login(name, keep=False))
        connection.disconnect()
