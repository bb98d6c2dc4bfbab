"""One Mosquitto broker of our own: its configuration, its password file, its life and death."""

from __future__ import annotations

import os
import secrets
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

from broker.probe import probe
from foundation.errors import BrokerRefused, BrokerUnavailable, ServiceFailed, SettingsError
from registry.passwords import mosquitto_hash
from runtime.account import give, own_folder
from runtime.host import BrokerPrograms
from runtime.passwords import OUR_ACCOUNT, password_file, replace_devices, write_atomically
from runtime.ports import LOOPBACK, claim
from runtime.server import Server
from runtime.spawn import Launch

log = structlog.get_logger()

SAFETY_SETTINGS = Path(__file__).with_name("mosquitto.conf")
ACCESS_LIST = Path(__file__).with_name("mosquitto.acl")
READY_S = 30.0
STOP_S = 30.0
WATCH_S = 0.5
SAVED_S = 10.0
CERTIFICATE, KEY = "server.pem", "server.key"
_POLL_S = 0.03


@dataclass(frozen=True)
class TlsListener:
    """A second door, with TLS: its port, the certificate chain and the key that it is opened with (PEM files)."""

    port: int
    certificate: Path
    key: Path

    def copy_to(self, folder: Path, owner: tuple[int, int] | None) -> bool:
        """Copies both, 0600, to where the broker may read them; whether they are others than before.

        Raises SettingsError for files that are none or do not belong to each other: a broker that has read these lets
        nobody in.
        """
        try:
            # the empty password: for a key that needs one the broker would ask at a terminal
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key, password="")
            texts = {
                folder / CERTIFICATE: self.certificate.read_text(encoding="utf-8"),
                folder / KEY: self.key.read_text(encoding="utf-8"),
            }
        except (OSError, UnicodeDecodeError) as failed:  # ssl.SSLError is an OSError
            raise SettingsError(
                f"cannot use {self.certificate} with {self.key}: {failed}",
                do="give PEM files that belong to each other, the key without a passphrase",
            ) from None
        new = False
        for copy, text in texts.items():
            if not copy.exists() or copy.read_text(encoding="utf-8") != text:
                write_atomically(copy, text, owner=owner)
                new = True
        return new


class Mosquitto(Server):
    """A broker in `folder`, reached at `url` while it runs.

    `port` 0 takes a free one and keeps it over restarts. Whoever replaces `password_file` need not know the broker:
    it is told to read the file again within a second, and so with the files of `tls`. A kill loses what came after the
    last autosave.
    """

    name = "Mosquitto"

    def __init__(
        self,
        folder: Path,
        programs: BrokerPrograms,
        *,
        port: int = 0,
        address: str = LOOPBACK,
        tls: TlsListener | None = None,
    ) -> None:
        self._tls = tls
        super().__init__(folder, port, folder / "mosquitto.log")
        self.password_file = folder / "passwords"
        self._saved = folder / "data" / "mosquitto.db"
        self._address = address
        self._programs = programs
        self._password = ""
        self._told = b""
        self._stop_watching = threading.Event()

    @property
    def url(self) -> str:
        """mqtt://nuanshao:…@127.0.0.1:port, the account that may read and write every device's topics."""
        return f"mqtt://{OUR_ACCOUNT}:{self._password}@{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """As every server; then watch the password file."""
        if self.running:
            return
        super().start()
        self._stop_watching.clear()
        self._told = self.password_file.read_bytes()
        threading.Thread(target=self._watch, args=(self._process,), name="mosquitto-passwords", daemon=True).start()

    def stop(self) -> None:
        """Stop in order: sessions and queues are written down first."""
        self._stop_watching.set()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End the broker at once, as a crash would: what came after the last autosave is lost."""
        self._stop_watching.set()
        super().kill()

    def reload(self) -> None:
        """Make the broker read password file and ACL again; clients whose account is unchanged stay connected."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGHUP)

    def save(self) -> None:
        """Make the broker write sessions and queues down now; returns when it has, or after some seconds.

        A broker that is killed before its first save has forgotten that there is a session, and drops what devices
        publish until ingest has subscribed again.
        """
        before = _stamp_of(self._saved)
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + SAVED_S
        while _stamp_of(self._saved) == before and time.monotonic() < deadline:
            time.sleep(_POLL_S)

    def set_devices(self, rows: Iterable[tuple[str, str]]) -> None:
        """Replace the devices' accounts by (user name, hash) rows and make the broker read them now."""
        replace_devices(self.password_file, rows)
        self._told = self.password_file.read_bytes()
        self.reload()

    def _prepare(self) -> None:
        for folder in (self.folder, self.folder / "data"):
            own_folder(folder, self._account)
        owner = self._owner
        secret = self.folder / "password"
        if not secret.exists():
            write_atomically(secret, secrets.token_urlsafe(24) + "\n", owner=owner)
        self._password = secret.read_text(encoding="ascii").strip()
        if not self.password_file.exists():
            row = (OUR_ACCOUNT, mosquitto_hash(self._password))
            write_atomically(self.password_file, password_file([row]), owner=owner)
        if self._tls is not None:
            self._tls.copy_to(self.folder, owner)
            claim(self._tls.port, f"{self.name} with TLS")
        # below our folder, so that a checkout in a closed home folder is no obstacle
        write_atomically(self.folder / "acl", ACCESS_LIST.read_text(encoding="ascii"), owner=owner)

    @property
    def _owner(self) -> tuple[int, int] | None:
        return (self._account.uid, self._account.gid) if self._account else None

    def _configure(self) -> Launch:
        configuration = self.folder / "mosquitto.conf"
        tls_port = self._tls.port if self._tls is not None else 0
        text = render_configuration(self.folder, self.port, self._address, tls_port=tls_port)
        configuration.write_text(text, encoding="utf-8")
        give(configuration, self._account, 0o600)
        return Launch([self._programs.mosquitto, "-c", configuration], self.folder, self._account, signal.SIGTERM)

    def _await_ready(self, from_here: int) -> None:
        deadline = time.monotonic() + READY_S
        while True:
            if not self.running:
                raise ServiceFailed(f"Mosquitto did not start: {self._said(from_here)}", do=f"see {self.log}")
            try:
                # short: a stranger on our port may accept and say nothing
                probe(self.url, timeout=1.0)
            except BrokerUnavailable as failed:
                if time.monotonic() > deadline:
                    raise ServiceFailed(
                        f"Mosquitto did not become ready: {failed.what}", do=f"see {self.log}"
                    ) from None
                time.sleep(_POLL_S)
            except BrokerRefused as refused:
                # a stranger on our port, or a password file that is not ours
                raise ServiceFailed(f"Mosquitto refuses us: {refused.what}", do=f"see {self.log}") from None
            else:
                return

    def _watch(self, process: subprocess.Popen[bytes] | None) -> None:
        seen = seen_tls = None
        while not self._stop_watching.wait(WATCH_S) and process is self._process:
            if self._tls is not None:
                now_tls = _stamp_of(self._tls.certificate), _stamp_of(self._tls.key)
                if now_tls != seen_tls:
                    seen_tls = now_tls
                    self._renew(self._tls)
            now = _stamp_of(self.password_file)
            if now is None or now == seen:
                continue
            seen = now
            content = self.password_file.read_bytes()
            # a reload makes the broker check every connected device again, so not for the same accounts
            if content != self._told:
                self._told = content
                self.reload()

    def _renew(self, tls: TlsListener) -> None:
        try:
            new = tls.copy_to(self.folder, self._owner)
        except (SettingsError, OSError) as wrong:
            # between the two files of a renewal, or broken, or a full disk: the broker goes on with what it has
            log.warning("certificate_not_taken", why=str(wrong))
        else:
            if new:
                self.reload()


def _stamp_of(file: Path) -> tuple[int, int] | None:
    """Changes whenever the file is replaced or written."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def render_configuration(folder: Path, port: int, address: str = LOOPBACK, *, tls_port: int = 0) -> str:
    """The whole mosquitto.conf of a local broker: where it listens and keeps its files, then the safety settings.

    With `tls_port` it listens there too, with the certificate and the key in its folder.
    """
    place = (
        f"listener {port} {address}\n"
        f"password_file {folder / 'passwords'}\n"
        f"acl_file {folder / 'acl'}\n"
        f"persistence_location {folder / 'data'}{os.sep}\n"
    )
    if tls_port:
        place += (
            f"listener {tls_port} {address}\n"
            f"certfile {folder / CERTIFICATE}\n"
            f"keyfile {folder / KEY}\n"
            "tls_version tlsv1.2\n"  # the least that is spoken
        )
    return f"# written by nuanshao at every start\n{place}\n{SAFETY_SETTINGS.read_text(encoding='ascii')}"
