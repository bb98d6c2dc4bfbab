"""Networks as settings write them, and whether an address belongs to one of them. Pure."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@lru_cache(maxsize=16)
def networks(text: str) -> tuple[Network, ...]:
    """`10.0.0.0/8, 203.0.113.7` → networks; an address is one of its own. Raises ValueError."""
    return tuple(ipaddress.ip_network(one.strip(), strict=False) for one in text.split(",") if one.strip())


def address(text: str) -> Address | None:
    """An address, or None where the text is none. An IPv4 address in IPv6's clothes is an IPv4 address."""
    try:
        found = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def within(one: Address | None, several: tuple[Network, ...]) -> bool:
    """Whether the address lies in any of the networks; none at all lies in none."""
    return one is not None and any(one in network for network in several)
