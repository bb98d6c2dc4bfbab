"""The door with TLS: who comes in, as whom, and who does not. Certificates are made here."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import shutil
import socket
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from broker.address import Broker
from broker.probe import probe
from catalogue.wire import topic
from foundation.errors import BrokerUnavailable, ServiceMissing, SettingsError
from registry.passwords import mosquitto_hash
from runtime.mosquitto import CERTIFICATE, KEY, Mosquitto, TlsListener
from runtime.ports import claim
from runtime.services import Services
from tests.hearing import hearing
from tests.integration.test_ingest import reading, stored, until
from tests.integration.test_services import eventually
from tests.integration.test_workers import at_work


def authority(folder: Path, name: str) -> tuple[Path, Path, Path]:
    """(authority's certificate, server certificate, server key) for 127.0.0.1."""
    now = dt.datetime.now(dt.UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (name, "127.0.0.1")]
    certificates = []
    for place in range(2):
        builder = (
            x509.CertificateBuilder()
            .subject_name(names[place])
            .issuer_name(names[0])
            .public_key(keys[place].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=place == 0, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(keys[place].public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key()), critical=False
            )
        )  # fmt: skip
        if place:
            address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        certificates.append(builder.sign(keys[0], hashes.SHA256()))
    files = [folder / f"{name}-{kind}" for kind in ("ca.pem", "server.pem", "server.key")]
    for file, certificate in zip(files, certificates, strict=False):
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[2].write_bytes(
        keys[1].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files[0], files[1], files[2]


@dataclass
class Door:
    broker: Mosquitto
    port: int
    ca: Path
    other_ca: Path

    @property
    def url(self) -> str:
        return self.broker.url.replace("mqtt://", "mqtts://").replace(f":{self.broker.port}", f":{self.port}")


@pytest.fixture
def door(services: Services) -> Iterator[Door]:
    folder = Path(tempfile.mkdtemp(prefix="nuanshao-tls-"))
    folder.chmod(0o755)
    ca, certificate, key = authority(folder, "ours")
    other, _, _ = authority(folder, "other")
    port = claim(0, "the TLS port")
    broker = Mosquitto(folder / "mosquitto", services.programs.broker, tls=TlsListener(port, certificate, key))
    broker.start()
    broker.set_devices([(uid, mosquitto_hash(f"password-of-{uid}")) for uid in ("co-000", "co-001")])
    yield Door(broker, port, ca, other)
    broker.stop()
    shutil.rmtree(folder)


def client(door: Door, uid: str, password: str | None = None, *, client_id: str | None = None) -> aiomqtt.Client:
    return aiomqtt.Client(
        "127.0.0.1", door.port, username=uid, password=password or f"password-of-{uid}", identifier=client_id or uid,
        tls_context=ssl.create_default_context(cafile=str(door.ca)), protocol=aiomqtt.ProtocolVersion.V5,
    )  # fmt: skip


async def test_a_device_and_ingest_meet_over_tls(
    door: Door, registered: str, database: psycopg.AsyncConnection
) -> None:  # fmt: skip
    url = Broker.parse(door.url, str(door.ca))

    class Ours:
        """What `at_work` asks of a broker."""

        url = door.url

    async with at_work(registered, Ours(), "tls", ca_file=url.ca_file), client(door, "co-000") as device:  # type: ignore[arg-type]
        await device.publish(topic("co-000", "telemetry"), reading(0), qos=1)
        await until(lambda: stored(database, 1))


async def test_a_wrong_password_is_refused_over_tls_too(door: Door) -> None:
    with pytest.raises(aiomqtt.MqttError, match=r"(?i)not authori[sz]ed|bad user"):
        async with client(door, "co-000", "password-of-co-001"):
            pass


async def test_rights_are_those_of_the_account_and_not_of_the_client_id(door: Door) -> None:
    async with hearing(door.broker.url) as heard:
        async with client(door, "co-000", client_id="co-001") as device:
            await device.publish(topic("co-001", "telemetry"), b'{"m": {"co_ppm": 1}}', qos=1)
            await device.publish(topic("co-000", "telemetry"), b'{"m": {"co_ppm": 2}}', qos=1)
        await heard.until(lambda: bool(heard.of("co-000", "telemetry")), "its own")
        assert heard.of("co-001", "telemetry") == [], "the other one came first, and was refused"


def test_who_trusts_another_authority_does_not_speak_to_us(door: Door) -> None:
    probe(door.url, ca_file=str(door.ca))
    with pytest.raises(BrokerUnavailable, match="certificate"):
        probe(door.url, ca_file=str(door.other_ca))
    with pytest.raises(SettingsError, match="NUANSHAO_MQTT_CA_FILE"):
        probe(door.url, ca_file=str(door.ca.parent / "nothing.pem"))


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_an_old_tls_and_no_tls_at_all_get_nothing(door: Door) -> None:
    old = ssl.create_default_context(cafile=str(door.ca))
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", door.port), 5) as plain, pytest.raises(ssl.SSLError):
        old.wrap_socket(plain, server_hostname="127.0.0.1")
    in_clear = door.broker.url.replace(f":{door.broker.port}", f":{door.port}")
    with pytest.raises(BrokerUnavailable):
        await asyncio.to_thread(probe, in_clear)


def test_what_is_no_certificate_is_one_clear_error(services: Services, tmp_path: Path) -> None:
    for text in (None, "no certificate"):
        file = tmp_path / "server.pem"
        if text:
            file.write_text(text)
        broken = Mosquitto(tmp_path / "mosquitto", services.programs.broker, tls=TlsListener(8883, file, file))
        with pytest.raises(SettingsError, match="PEM"):
            broken.start()


def shown(door: Door) -> str:
    return ssl.get_server_certificate(("127.0.0.1", door.port), timeout=10)


def test_a_renewed_certificate_is_taken_while_the_broker_runs(door: Door) -> None:
    before, pid = shown(door), door.broker.pid
    _, certificate, _ = authority(door.ca.parent, "ours")
    assert eventually(lambda: shown(door) != before, 20)
    assert shown(door).split() == certificate.read_text(encoding="ascii").split()
    assert door.broker.pid == pid


def test_half_a_renewal_shuts_nobody_out(door: Door) -> None:
    before = shown(door)
    certificate = door.ca.parent / "ours-server.pem"
    with capture_logs() as said:
        shutil.copy(door.ca.parent / "other-server.pem", certificate)
        assert eventually(lambda: any(line["event"] == "certificate_not_taken" for line in said), 20)
    door.broker.reload()
    probe(door.url, ca_file=str(door.ca))
    assert shown(door) == before


def test_files_that_do_not_belong_together_are_told_before_the_broker_starts(door: Door, tmp_path: Path) -> None:
    folder = door.ca.parent
    tls = TlsListener(door.port, folder / "ours-server.pem", folder / "other-server.key")
    broker = Mosquitto(tmp_path / "mosquitto", door.broker._programs, tls=tls)
    with pytest.raises(SettingsError, match=r"(?i)key.values.mismatch") as told:
        broker.start()
    assert "\n" not in str(told.value)
    assert not broker.running


def test_a_port_that_is_taken_is_one_clear_error(door: Door, tmp_path: Path) -> None:
    folder = door.ca.parent
    tls = TlsListener(door.port, folder / "ours-server.pem", folder / "ours-server.key")
    with pytest.raises(ServiceMissing, match="with TLS: port"):
        Mosquitto(tmp_path / "mosquitto", door.broker._programs, tls=tls).start()


def test_the_brokers_copies_are_for_the_broker_alone(door: Door) -> None:
    for name in (CERTIFICATE, KEY):
        assert (door.broker.folder / name).stat().st_mode & 0o777 == 0o600


def test_a_certificate_for_a_broker_that_is_not_ours_is_refused(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUANSHAO_MQTT_URL", door.broker.url)
    monkeypatch.setenv("NUANSHAO_DATABASE_URL", "")
    folder = door.ca.parent
    tls = TlsListener(door.port, folder / "ours-server.pem", folder / "ours-server.key")
    with pytest.raises(SettingsError, match="not ours to start"), Services(tmp_path, lambda _: None, mqtt_tls=tls):
        pass
