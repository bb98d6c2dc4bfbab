"""Whether an address is this machine's own: what no network carries may go in clear."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Of `127.0.0.1`, `::1` and their like, and of `localhost`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
