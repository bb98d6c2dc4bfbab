"""TCP ports on loopback."""

from __future__ import annotations

import random
import socket
from pathlib import Path

from foundation.errors import ServiceMissing

LOOPBACK = "127.0.0.1"
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 15_000
_TRIES = 50


def free_port() -> int:
    """A port that nobody listens on at this moment.

    Taken from below the ephemeral range where possible: while a service is down, a client that keeps
    reconnecting to an ephemeral port can be given that very port as its own and occupy it.
    """
    try:
        ceiling = int(_EPHEMERAL.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        ceiling = 0
    if ceiling > _LOWEST + 1000:
        for _ in range(_TRIES):
            port = random.SystemRandom().randrange(_LOWEST, ceiling)
            if is_free(port):
                return port
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server could listen on the loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # servers set it too: connections in TIME_WAIT must not count as taken
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def claim(port: int, service: str) -> int:
    """The explicitly asked `port`, or a free one for 0.

    Raises ServiceMissing when the asked port is taken or not allowed.
    """
    if port == 0:
        return free_port()
    if not is_free(port):
        raise ServiceMissing(
            f"{service}: port {port} on {LOOPBACK} is taken or not allowed", do="free it, or choose another"
        )
    return port
