"""Metrics and health of a process over real HTTP on loopback."""

from __future__ import annotations

import socket

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from foundation.errors import ServiceMissing
from foundation.exposition import exposed


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


async def test_metrics_and_health_are_served_until_the_block_ends() -> None:
    registry, wrong = CollectorRegistry(), list[str]()
    Counter("nuanshao_test_things", "Things", registry=registry).inc(3)
    port = free_port()
    async with (
        exposed(registry, lambda: wrong, "127.0.0.1", port),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http,
    ):
        assert "nuanshao_test_things_total 3.0" in (await http.get("/metrics")).text
        well = await http.get("/health")
        assert (well.status_code, well.json()) == (200, {"status": "ok", "problems": []})
        wrong.append("the ledger does not balance")
        ill = await http.get("/health")
        assert (ill.status_code, ill.json()["problems"]) == (503, ["the ledger does not balance"])
        assert (await http.get("/")).status_code == 404
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 1)


async def test_port_0_serves_nothing() -> None:
    async with exposed(CollectorRegistry(), list, "127.0.0.1", 0) as port:
        assert port == 0


async def test_a_taken_port_is_one_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServiceMissing, match=f"127.0.0.1:{port}.*NUANSHAO_METRICS_PORT"):
            async with exposed(CollectorRegistry(), list, "127.0.0.1", port):
                pass
