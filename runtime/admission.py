"""Wait until the broker lets a new device in: its account goes the way of `runtime.broker_access`."""

from __future__ import annotations

import time
from urllib.parse import quote, urlsplit, urlunsplit

from broker.probe import probe
from foundation.errors import BrokerRefused

ADMITTED_WITHIN_S = 15.0


def admit(mqtt_url: str, uid: str, password: str) -> None:
    """Returns when the broker lets the device in. Raises BrokerRefused when it has not after a while."""
    parts = urlsplit(mqtt_url)
    host = parts.netloc.rpartition("@")[2]
    url = urlunsplit(parts._replace(netloc=f"{quote(uid, safe='')}:{quote(password, safe='')}@{host}"))
    until = time.monotonic() + ADMITTED_WITHIN_S
    while True:
        try:
            probe(url)
        except BrokerRefused as refused:
            if time.monotonic() > until:
                raise BrokerRefused(
                    f"the broker does not let {uid} in: {refused.what}",
                    do="run `nuanshao broker-access` with NUANSHAO_MQTT_PASSWORD_FILE, or add the account there",
                ) from None
            time.sleep(0.2)
        else:
            return
