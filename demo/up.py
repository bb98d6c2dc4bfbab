"""`nuanshao up`: services and our processes in the foreground, for a person who has a device or wants to look."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path

from runtime.mosquitto import TlsListener
from runtime.places import state_dir
from runtime.stack import ENV_FILE, Stack

MEND_EVERY_S = 1.0


def run(
    project: Path,
    *,
    api_port: int,
    mqtt_port: int,
    mqtt_address: str,
    say: Callable[[str], None],
    mqtt_tls: TlsListener | None = None,
) -> None:
    """Runs until Ctrl-C or SIGTERM."""
    with Stack(
        project,
        state_dir(project, "data"),
        say,
        api_port=api_port,
        mqtt_port=mqtt_port,
        mqtt_address=mqtt_address,
        mqtt_tls=mqtt_tls,
        canary=True,
    ) as stack:
        if stack.services.mosquitto is not None:
            where = f"{mqtt_address}:{stack.services.mosquitto.port}"
            say(f"MQTT           {where}   (without TLS: for a network you trust)")
            if mqtt_tls is not None:
                say(f"MQTT, TLS      {mqtt_address}:{mqtt_tls.port}")
        say(f"API            {stack.api_url}/docs")
        if stack.carrier_url:
            say(f"phones         {stack.carrier_url}   (emulated carrier: what the village committees received)")
        say(f"addresses      {ENV_FILE}   (for a shell: set -a; . {ENV_FILE}; set +a)")
        say(f"logs           {stack.logs}")
        say("add a device   nuanshao device add my-device-1 --type co_detector")
        if "canary" in stack.processes:
            say("canary         a test alarm travels the whole path: nuanshao canary --once")
        say("Ctrl-C stops everything")
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):  # a shell's background job ignores the latter unless told
            signal.signal(number, lambda *_: stop.set())
        while not stop.wait(MEND_EVERY_S):
            stack.mend()
        say("stopping")
