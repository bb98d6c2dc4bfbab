"""The proxies between us and what we connect to: each process of ours gets the address of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from chaos.kinds import LINKS, Link
from chaos.proxy import Proxy
from chaos.schedule import Fault
from chaos.stage import Stage
from foundation.errors import ServiceFailed

DATABASE_VARIABLE: Final = "NUANSHAO_DATABASE_URL"
BROKER_VARIABLE: Final = "NUANSHAO_MQTT_URL"
_VARIABLE_OF: Final[dict[Link, tuple[str, str]]] = {
    "ingest-broker": ("ingest", BROKER_VARIABLE),
    "ingest-database": ("ingest", DATABASE_VARIABLE),
    "alerts-database": ("alerts", DATABASE_VARIABLE),
}


class Links:
    """One proxy a link, made when the addresses behind them are known."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._proxies: dict[Link, Proxy] = {}

    def lay(self, database_url: str, broker_url: str) -> None:
        """Start all proxies."""
        for link in LINKS:
            proxy = Proxy(host_and_port(database_url if link.endswith("database") else broker_url))
            self._stage.run(proxy.start())
            self._proxies[link] = proxy

    def close(self) -> None:
        """End all proxies."""
        for proxy in self._proxies.values():
            self._stage.run(proxy.close())

    def __getitem__(self, link: Link) -> Proxy:
        """The proxy in this link."""
        return self._proxies[link]

    def of(self, fault: Fault) -> Proxy:
        """The proxy that a fault is about. Raises ServiceFailed for one that is about none."""
        if fault.link is None:
            raise ServiceFailed(f"{fault.kind} at {fault.at_s} s names no link")
        return self[fault.link]

    def detour(self, process: str, environment: Mapping[str, str]) -> dict[str, str]:
        """The environment of a process of ours, with proxies' addresses where it has a link of its own."""
        if not self._proxies:
            self.lay(environment[DATABASE_VARIABLE], environment[BROKER_VARIABLE])
        return rerouted(process, environment, {link: proxy.port for link, proxy in self._proxies.items()})


def rerouted(process: str, environment: Mapping[str, str], ports: Mapping[Link, int]) -> dict[str, str]:
    """The environment in which the process reaches what it has a link to at these ports."""
    changed = dict(environment)
    for link, (whose, variable) in _VARIABLE_OF.items():
        if whose == process:
            changed[variable] = with_port(environment[variable], ports[link])
    return changed


def host_and_port(url: str) -> tuple[str, int]:
    """Where an address leads. Raises ValueError for one without a port."""
    parts = urlsplit(url)
    if parts.hostname is None or parts.port is None:
        raise ValueError("an address without host or port")  # not the address itself: it holds a password
    return parts.hostname, parts.port


def with_port(url: str, port: int) -> str:
    """The same address on this machine, at another port."""
    parts = urlsplit(url)
    account, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{account}{at}127.0.0.1:{port}"))
