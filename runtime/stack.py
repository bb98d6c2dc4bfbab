"""Everything on one machine: the services, our processes beside them, and the addresses that others need."""

from __future__ import annotations

import os
import secrets
import shlex
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from foundation.errors import NuanshaoError, ServiceFailed
from foundation.sealing import SETTING
from foundation.settings import PREFIX, Settings
from runtime.emulated_chats import emulated_chats
from runtime.mosquitto import TlsListener
from runtime.ports import LOOPBACK, claim
from runtime.process import Process
from runtime.services import Services
from runtime.spawn import last_line
from store.connect import connect
from store.migrate import Migrated, migrate

ENV_FILE = Path(".nuanshao") / "env"
"""While everything runs: what another client needs, as lines for a shell."""
EMULATED_SIGN_NAME = "暖哨"
READY_WITHIN_S = 30.0
Detour = Callable[[str, Mapping[str, str]], Mapping[str, str]]
"""Takes a process's name and environment, and returns the environment that it is to have."""


class Stack:
    """Services, migrations and our processes, from enter to exit.

    The carriers are the emulator unless NUANSHAO_ALIYUN_ACCESS_KEY_ID names a real account. `detour`: for who wants to
    stand between our processes and the services. `canary`: run one where NUANSHAO_CANARY_PHONE is set.
    """

    def __init__(
        self,
        project: Path,
        state_dir: Path,
        say: Callable[[str], None],
        *,
        fresh: bool = False,
        api_port: int = 0,
        mqtt_port: int = 0,
        mqtt_address: str = LOOPBACK,
        mqtt_tls: TlsListener | None = None,
        detour: Detour | None = None,
        canary: bool = False,
    ) -> None:
        self.project = project
        self.services = Services(
            state_dir, say, fresh=fresh, mqtt_port=mqtt_port, mqtt_address=mqtt_address, mqtt_tls=mqtt_tls
        )
        self.logs = state_dir / "logs"
        self.processes: dict[str, Process] = {}
        self.deaths: list[str] = []
        """Who died meanwhile, in order; all of them were started again."""
        self.migrated: Migrated | None = None
        self.api_url = ""
        self.carrier_url = ""
        self._say = say
        self._api_port = api_port
        self._detour = detour
        self._canary = canary
        self._environment: dict[str, str] = {}
        self._stack = ExitStack()
        self._settings = Settings()

    @property
    def database_url(self) -> str:
        """Where the database is."""
        return self.services.database_url

    @property
    def mqtt_url(self) -> str:
        """Where the broker is, with our own account."""
        return self.services.mqtt_url

    def __enter__(self) -> Self:
        """Start everything, in the order of need; undone when anything of it fails."""
        with ExitStack() as undo:
            undo.enter_context(self.services)
            self.logs.mkdir(parents=True, exist_ok=True)
            self._say("migrating the database")
            with connect(self.database_url) as connection:
                self.migrated = migrate(connection)
            self._start_processes(undo)
            self._write_env(undo)
            self._await_ready()
            if self._canary and self._settings.canary_phone.get_secret_value():
                self._start(undo, "canary", self._environment)  # not before the others are up
            if self.services.mosquitto is not None:
                self.services.mosquitto.save()
            self._stack = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop our processes, then the services."""
        self._stack.close()

    def mend(self) -> None:
        """Starts database and broker again if they died; to be called now and then. Our processes mend themselves."""
        for name, service in (("the database", self.services.postgres), ("the broker", self.services.mosquitto)):
            if service is None or service.running:
                continue
            self.deaths.append(name)
            self._say(f"{name} died and is started again")
            try:
                service.start()
            except NuanshaoError as failed:
                self._say(f"{name} does not start: {failed}")

    def _start_processes(self, undo: ExitStack) -> None:
        api_port = claim(self._api_port, "the API")
        self.api_url = f"http://127.0.0.1:{api_port}"
        environment = {
            **self.services.environment,
            f"{PREFIX}API_HOST": "127.0.0.1",
            f"{PREFIX}API_PORT": str(api_port),
            f"{PREFIX}STANDBY_DIR": self._settings.standby_dir or str(self.services.state_dir / "standby"),
        }
        if not self._settings.aliyun_access_key_id:
            carrier = emulated_carrier(claim(0, "the carrier emulator"))
            self.carrier_url = carrier[f"{PREFIX}ALIYUN_SMS_ENDPOINT"]
            environment |= carrier
        self._environment = environment
        self._start(undo, "api", environment)
        if f"{PREFIX}MQTT_PASSWORD_FILE" in environment or self._settings.mqtt_password_file:
            self._start(undo, "broker-access", environment)
        if self.carrier_url:
            port = self.carrier_url.rpartition(":")[2]
            self._start(undo, "carriers", environment, "--port", port)
        self._start(undo, "alerts", environment)
        self._start(undo, "ingest", environment)

    def _start(self, undo: ExitStack, name: str, environment: dict[str, str], *arguments: str) -> None:
        process = Process(
            name,
            ["-m", "cli", name, *arguments],
            self.logs / f"{name}.log",
            folder=self.project,
            environment=environment if self._detour is None else self._detour(name, environment),
            on_death=self._note_death,
        )
        self.processes[name] = process
        undo.callback(process.stop)
        process.start()

    def _note_death(self, name: str, code: int) -> None:
        self.deaths.append(name)
        log = self.logs / f"{name}.log"
        last = last_line(log.read_text(encoding="utf-8", errors="replace")[-2000:]) if log.exists() else ""
        self._say(f"{name} died ({code}) and is started again; its last words: {last[:300]}")

    def _write_env(self, undo: ExitStack) -> None:
        """For any other client: lines for a shell, readable by this user only, gone when we are."""
        path = self.project / ENV_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = {
            f"{PREFIX}DATABASE_URL": self.database_url,
            f"{PREFIX}MQTT_URL": self.mqtt_url,
            SETTING: self.services.phone_key,
            f"{PREFIX}API_URL": self.api_url,
            f"{PREFIX}CARRIER_URL": self.carrier_url,
        }
        undo.callback(_remove_own, path, "".join(f"{name}={shlex.quote(value)}\n" for name, value in lines.items()))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("".join(f"{name}={shlex.quote(value)}\n" for name, value in lines.items()))

    def _await_ready(self) -> None:
        """Returns when the API says that ingest is connected and alerts live."""
        until = time.monotonic() + READY_WITHIN_S
        said = "the API does not answer"
        with httpx.Client(trust_env=False, timeout=2.0) as http:
            while time.monotonic() < until:
                try:
                    answer = http.get(f"{self.api_url}/health")
                    if answer.status_code == httpx.codes.OK:
                        return
                    said = "; ".join(answer.json().get("problems", [])) or answer.text[:200]
                except (httpx.HTTPError, ValueError):
                    pass
                time.sleep(0.1)
        raise ServiceFailed(f"not ready within {READY_WITHIN_S:.0f} s: {said}", do=f"look into {self.logs}")


def emulated_carrier(port: int) -> dict[str, str]:
    """What our processes need in their environment to reach the carrier emulator on `port`, with new accounts."""
    address = f"http://{LOOPBACK}:{port}"
    return {
        f"{PREFIX}ALIYUN_SMS_ENDPOINT": address,
        f"{PREFIX}ALIYUN_ACCESS_KEY_ID": "emulator",
        f"{PREFIX}ALIYUN_ACCESS_KEY_SECRET": secrets.token_urlsafe(24),
        f"{PREFIX}ALIYUN_SMS_SIGN_NAME": EMULATED_SIGN_NAME,
        f"{PREFIX}ALIYUN_SMS_TEMPLATE_CRITICAL": "SMS_EMULATED_CRITICAL",
        f"{PREFIX}ALIYUN_SMS_TEMPLATE_ROUTINE": "SMS_EMULATED_ROUTINE",
        f"{PREFIX}ALIYUN_VOICE_ENDPOINT": address,
        f"{PREFIX}ALIYUN_VOICE_TEMPLATE": "TTS_EMULATED_ASKS",
        f"{PREFIX}ALIYUN_VOICE_ANSWER_TEMPLATE": "TTS_EMULATED_ANSWERS",
        f"{PREFIX}ALIYUN_VOICE_SHOW_NUMBER": "04750000000",
        f"{PREFIX}TENCENT_SMS_ENDPOINT": address,
        f"{PREFIX}TENCENT_SECRET_ID": "emulator",
        f"{PREFIX}TENCENT_SECRET_KEY": secrets.token_urlsafe(24),
        f"{PREFIX}TENCENT_SMS_APP_ID": "1400000000",
        f"{PREFIX}TENCENT_SMS_SIGN_NAME": EMULATED_SIGN_NAME,
        f"{PREFIX}TENCENT_SMS_TEMPLATE_CRITICAL": "1000001",
        f"{PREFIX}TENCENT_SMS_TEMPLATE_ROUTINE": "1000002",
        f"{PREFIX}CARRIER_SECRET_PATH": secrets.token_urlsafe(24),
        # nobody sleeps beside an emulated phone, and a demo at night shows what one by day does
        f"{PREFIX}QUIET_HOURS": "none",
        **emulated_chats(f"http://{LOOPBACK}:{port}"),
    }


def _remove_own(path: Path, text: str) -> None:
    """Removes the addresses, unless somebody who started later has written theirs."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        path.unlink()
