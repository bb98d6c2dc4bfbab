"""The real TimescaleDB and the real Mosquitto, started, used, hurt and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import aiomqtt
import psycopg
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from broker.probe import connect_packet, probe
from foundation.errors import (
    BrokerRefused,
    DatabaseUnavailable,
    DatabaseUnfit,
    ServiceFailed,
    ServiceMissing,
)
from registry.passwords import mosquitto_hash
from runtime import services as services_module
from runtime.mosquitto import Mosquitto
from runtime.passwords import replace_devices
from runtime.ports import LOOPBACK, free_port
from runtime.postgres import Postgres, processes_in
from runtime.services import Services, check_database

PASSWORD = "device-password"
HOME = "home-0001"
NEIGHBOUR = "home-0002"


def quiet(_: str) -> None:
    return


@contextlib.contextmanager
def reachable_folder() -> Iterator[Path]:
    """A folder that the services' own account can reach; pytest's tmp_path is closed to it."""
    folder = Path(tempfile.mkdtemp(prefix="nuanshao-services-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def folder() -> Iterator[Path]:
    with reachable_folder() as made:
        yield made


@pytest.fixture(scope="module", autouse=True)
def nothing_from_outside() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("NUANSHAO_DATABASE_URL", "NUANSHAO_MQTT_URL", "NUANSHAO_MQTT_CLIENT_ID"):
            patch.delenv(name, raising=False)
            patch.delenv(f"{name}_FILE", raising=False)
        yield


@pytest.fixture(scope="module")
def running(nothing_from_outside: None) -> Iterator[Services]:
    with reachable_folder() as made, Services(made / "state", quiet, durable=False) as services:
        assert services.mosquitto is not None
        services.mosquitto.set_devices([(name, mosquitto_hash(PASSWORD)) for name in (HOME, NEIGHBOUR)])
        yield services


@pytest.fixture
def broker(running: Services) -> Mosquitto:
    assert running.mosquitto is not None
    return running.mosquitto


@pytest.fixture
def database(running: Services) -> Postgres:
    assert running.postgres is not None
    return running.postgres


def eventually(true: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def url_of(broker: Mosquitto, user: str, password: str = PASSWORD) -> str:
    return f"mqtt://{user}:{password}@127.0.0.1:{broker.port}"


def accepts(broker: Mosquitto, user: str, password: str = PASSWORD) -> bool:
    try:
        probe(url_of(broker, user, password))
    except BrokerRefused:
        return False
    return True


def at(running: Services, user: str, password: str, program: str = "mosquitto_pub") -> list[str]:
    broker = running.mosquitto
    assert broker is not None
    path = str(getattr(running.programs, program))
    return [path, "-h", "127.0.0.1", "-p", str(broker.port), "-u", user, "-P", password]


def publish(running: Services, user: str, topic: str, payload: str, password: str = PASSWORD) -> int:
    """The exit code of mosquitto_pub."""
    command = [*at(running, user, password), "-q", "1", "-t", topic, "-m", payload]
    return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode


@contextlib.contextmanager
def heard(broker: Mosquitto, topics: list[str], user: str, password: str) -> Iterator[list[str]]:
    """What `user` hears on `topics`: "topic payload" each."""
    lines: list[str] = []
    subscribed = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set(user, password)

    def subscribe(client: Client, *_: object) -> None:
        client.subscribe([(topic, 1) for topic in topics])

    client.on_connect = subscribe
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = lambda _, __, message: lines.append(f"{message.topic} {message.payload.decode()}")
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        assert subscribed.wait(10)
        yield lines
        time.sleep(0.3)
    finally:
        client.disconnect()
        client.loop_stop()


def ours(broker: Mosquitto) -> tuple[str, str]:
    return "nuanshao", broker.url.split(":")[2].split("@")[0]


def test_a_hypertable_can_be_made(running: Services) -> None:
    with psycopg.connect(running.database_url) as connection:
        connection.execute("create table t (at timestamptz not null, v real)")
        made = connection.execute("select create_hypertable('t', by_range('at'))").fetchone()
        connection.rollback()
    assert made is not None


def test_the_programs_are_complete(running: Services) -> None:
    assert running.programs.psql.exists()
    assert int(running.programs.versions["postgres"].split(".")[0]) >= 15
    command = [str(running.programs.pg_dump), "--schema-only", running.database_url]
    dumped = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert dumped.returncode == 0, dumped.stderr


def test_nobody_enters_without_the_right_password(running: Services, broker: Mosquitto) -> None:
    assert publish(running, HOME, f"heat/v1/{HOME}/telemetry", "x") == 0
    assert publish(running, HOME, f"heat/v1/{HOME}/telemetry", "x", password="wrong") != 0
    assert not accepts(broker, HOME, "wrong")
    with pytest.raises(BrokerRefused) as refused:
        probe(f"mqtt://127.0.0.1:{broker.port}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", ["telemetry", "backfill", "event", "status", "cmd_ack"])
def test_a_device_writes_below_its_own_topic_only(running: Services, broker: Mosquitto, kind: str) -> None:
    with heard(broker, ["heat/v1/#"], *ours(broker)) as lines:
        assert publish(running, HOME, f"heat/v1/{HOME}/{kind}", "mine") == 0
        for stolen in (f"heat/v1/{NEIGHBOUR}/{kind}", f"heat/v1/{HOME}/{kind}/below", f"heat/v1/{HOME}/cmd"):
            publish(running, HOME, stolen, "stolen")
    assert lines == [f"heat/v1/{HOME}/{kind} mine"]


def test_a_device_hears_its_own_commands_only(running: Services, broker: Mosquitto) -> None:
    topics = [f"heat/v1/{HOME}/cmd", f"heat/v1/{NEIGHBOUR}/cmd", "heat/v1/+/event"]
    with heard(broker, topics, HOME, PASSWORD) as lines:
        for uid in (NEIGHBOUR, HOME):
            assert publish(running, "nuanshao", f"heat/v1/{uid}/cmd", "on", ours(broker)[1]) == 0
        assert publish(running, NEIGHBOUR, f"heat/v1/{NEIGHBOUR}/event", "private") == 0
    assert lines == [f"heat/v1/{HOME}/cmd on"]


def test_a_payload_of_1_mb_reaches_ingest(running: Services, broker: Mosquitto, tmp_path: Path) -> None:
    payload = tmp_path / "payload"
    payload.write_text("x" * 1_000_000, encoding="ascii")
    command = [*at(running, HOME, PASSWORD), "-q", "1", "-t", f"heat/v1/{HOME}/backfill", "-f", str(payload)]
    with heard(broker, ["heat/v1/+/backfill"], *ours(broker)) as lines:
        subprocess.run(command, check=True, timeout=30)
        assert eventually(lambda: bool(lines))
    assert len(lines[0]) > 1_000_000


def test_a_new_device_is_let_in_without_a_restart_and_nobody_is_thrown_out(broker: Mosquitto) -> None:
    pid = broker.pid
    with connected(broker) as alive:
        rows = [(name, mosquitto_hash(PASSWORD)) for name in (HOME, NEIGHBOUR, "home-new")]
        assert not accepts(broker, "home-new")
        broker.set_devices(rows)
        assert eventually(lambda: accepts(broker, "home-new"))
        # another process replaces the file and knows nothing of the broker
        replace_devices(broker.password_file, rows[:2])
        assert eventually(lambda: not accepts(broker, "home-new"))
        assert alive()
    assert broker.pid == pid


@contextlib.contextmanager
def connected(broker: Mosquitto) -> Iterator[Callable[[], bool]]:
    """A device that stays connected; yields a question: is it still?"""
    with socket.create_connection(("127.0.0.1", broker.port), 5) as connection:
        connection.sendall(connect_packet("stays", HOME, PASSWORD))
        assert connection.recv(4)[3] == 0

        def alive() -> bool:
            connection.sendall(b"\xc0\0")
            return connection.recv(2) == b"\xd0\0"

        yield alive


async def published(broker: Mosquitto, messages: int) -> None:
    """Not with `mosquitto_pub -l`: where the machine is busy, it goes before the broker has taken all."""
    async with aiomqtt.Client(LOOPBACK, broker.port, username=HOME, password=PASSWORD) as device:
        topic = f"heat/v1/{HOME}/event"
        await asyncio.gather(*(device.publish(topic, str(number), qos=1, timeout=60) for number in range(messages)))


def test_what_ingest_has_not_taken_survives_a_restart_of_the_broker(running: Services, broker: Mosquitto) -> None:
    session = [*at(running, *ours(broker), "mosquitto_sub"), "-i", "slow", "-c", "-q", "1", "-t", "heat/v1/+/event"]
    subprocess.run([*session, "-E"], check=True, timeout=30)
    asyncio.run(published(broker, 1500))
    port = broker.port
    broker.restart()
    assert broker.port == port
    got = subprocess.run([*session, "-C", "1500", "-W", "20"], capture_output=True, check=False, timeout=30)
    assert [int(line) for line in got.stdout.split()] == list(range(1500))


def test_a_session_that_was_saved_is_known_to_a_broker_that_was_killed(running: Services, broker: Mosquitto) -> None:
    session = [*at(running, *ours(broker), "mosquitto_sub"), "-i", "saved", "-c", "-q", "1", "-t", "heat/v1/+/status"]
    subprocess.run([*session, "-E"], check=True, timeout=30)
    broker.save()
    broker.kill()
    broker.start()
    command = [*at(running, HOME, PASSWORD), "-q", "1", "-t", f"heat/v1/{HOME}/status", "-m", "while you were away"]
    subprocess.run(command, check=True, timeout=30)
    got = subprocess.run([*session, "-C", "1", "-W", "20"], capture_output=True, check=False, timeout=30)
    assert got.stdout.strip() == b"while you were away"


def test_a_killed_database_comes_back_with_what_was_committed(database: Postgres) -> None:
    with psycopg.connect(database.url()) as connection:
        connection.execute("create table kept (v int)")
        connection.execute("insert into kept values (7)")
    port = database.port
    database.kill()
    assert not database.running
    assert (database.data / "postmaster.pid").exists()
    database.start()
    assert database.port == port
    with psycopg.connect(database.url()) as connection:
        assert connection.execute("select v from kept").fetchone() == (7,)
        connection.execute("drop table kept")


def test_a_pid_file_whose_number_is_now_somebody_elses_is_no_obstacle(database: Postgres) -> None:
    database.kill()
    assert eventually(lambda: not processes_in(database.data))
    pid_file = database.data / "postmaster.pid"
    other = subprocess.Popen(["/bin/sleep", "60"], user=pid_file.stat().st_uid if os.geteuid() == 0 else None, cwd="/")
    try:
        first, rest = pid_file.read_text(encoding="ascii").split("\n", 1)
        assert int(first) != other.pid
        pid_file.write_text(f"{other.pid}\n{rest}", encoding="ascii")
        database.start()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_broken_configuration_is_told_in_one_line(folder: Path, running: Services) -> None:
    server = Postgres(folder / "postgres", running.programs.database, durable=False)
    server.start()
    server.stop()
    (server.data / "PG_VERSION").write_text("9\n", encoding="ascii")
    with pytest.raises(ServiceFailed, match="made by PostgreSQL 9") as refused:
        server.start()
    assert "\n" not in str(refused.value)
    (server.data / "PG_VERSION").write_text(running.programs.versions["postgres"].split(".")[0], encoding="ascii")
    (server.data / "global" / "pg_control").unlink()
    with pytest.raises(ServiceFailed, match="pg_control") as refused:
        server.start()
    assert "\n" not in str(refused.value)
    assert not processes_in(server.data)


def test_asked_ports_that_are_taken_give_one_line(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for asked in ({"postgres_port": port}, {"mqtt_port": port}):
            with (
                pytest.raises(ServiceMissing, match=f"port {port} on 127.0.0.1 is taken") as refused,
                Services(folder, quiet, durable=False, **asked),
            ):
                pass
            assert "\n" not in str(refused.value)
    assert not processes_in(folder / "postgres" / "data")


def test_a_free_port_that_is_taken_meanwhile_is_chosen_again(
    folder: Path, running: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        offered = [taken.getsockname()[1]]
        for made in (
            Postgres(folder / "p", running.programs.database, durable=False),
            Mosquitto(folder / "m", running.programs.broker),
        ):
            ports = [*offered, free_port()]
            monkeypatch.setattr("runtime.server.claim", lambda *_, ports=ports: ports.pop(0))
            made.start()
            try:
                assert made.port != offered[0]
            finally:
                made.stop()


def test_signal_handlers_are_given_back(running: Services, folder: Path) -> None:
    # `running` has taken SIGTERM already
    def mine(*_: object) -> None:
        return

    original = signal.getsignal(signal.SIGTERM)
    outside = {"NUANSHAO_DATABASE_URL": running.database_url, "NUANSHAO_MQTT_URL": running.mqtt_url}
    try:
        for handler in (original, signal.SIG_DFL, mine):
            signal.signal(signal.SIGTERM, handler)
            interrupt = signal.getsignal(signal.SIGINT)
            with pytest.MonkeyPatch.context() as patch:
                for name, value in outside.items():
                    patch.setenv(name, value)
                with Services(folder, quiet):
                    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
            assert signal.getsignal(signal.SIGTERM) is handler
            assert signal.getsignal(signal.SIGINT) is interrupt
    finally:
        signal.signal(signal.SIGTERM, original)


def test_two_cannot_use_one_folder(running: Services) -> None:
    with pytest.raises(ServiceFailed, match="already running") as refused, Services(running.state_dir, quiet):
        pass
    assert "\n" not in str(refused.value)


def test_what_is_named_outside_is_not_started(running: Services, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUANSHAO_DATABASE_URL", running.database_url)
    address = folder / "address"
    address.write_text(running.mqtt_url + "\n", encoding="ascii")
    monkeypatch.setenv("NUANSHAO_MQTT_URL_FILE", str(address))
    with Services(folder / "state", quiet) as second:
        assert second.postgres is None
        assert second.mosquitto is None
        assert second.environment["NUANSHAO_MQTT_URL"] == running.mqtt_url
        assert second.database_url == running.database_url
    assert sorted(entry.name for entry in (folder / "state").iterdir()) == ["lock"]


def test_an_outside_database_must_answer(database: Postgres) -> None:
    with pytest.raises(DatabaseUnavailable) as refused:
        check_database(database.url().replace(f":{database.port}/", ":1/"))
    password = database.url().split(":")[2].split("@")[0]
    assert password not in str(refused.value)
    assert "\n" not in str(refused.value)
    with pytest.raises(DatabaseUnfit, match="no address"):
        check_database("nonsense")


def test_an_outside_database_must_have_timescaledb(database: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(url: str, **_: object) -> psycopg.Connection[tuple[object, ...]]:
        connection = psycopg.connect(url)
        # a view of that name in front of the real one: this server offers nothing
        connection.execute("create temporary view pg_available_extensions as select 'plpgsql' as name")
        connection.execute("set search_path = pg_temp, pg_catalog")
        return connection

    class Psycopg:
        connect = staticmethod(without)
        ProgrammingError = psycopg.ProgrammingError
        OperationalError = psycopg.OperationalError

    monkeypatch.setattr(services_module, "psycopg", Psycopg)
    with pytest.raises(DatabaseUnfit, match="TimescaleDB and nothing less"):
        check_database(database.url())


HOLDER = """
import sys, time
from pathlib import Path
from runtime.services import Services
with Services(Path(sys.argv[1]), print, durable=False) as services:
    print(services.postgres.pid, services.mosquitto.pid, flush=True)
    time.sleep(120)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_behind(folder: Path, how: signal.Signals) -> None:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", HOLDER, str(folder / "state")]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as holder:
        assert holder.stdout is not None
        try:
            pids = [int(pid) for pid in holder.stdout.readline().split()]
            assert len(pids) == 2
            holder.send_signal(how)
            code = holder.wait(30)
        finally:
            holder.kill()
    assert code == {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: -2}[how]
    assert eventually(lambda: not any(lives(pid) for pid in pids))
    assert eventually(lambda: not processes_in(folder / "state" / "postgres" / "data"))
    # and the next one starts on what was left
    with Services(folder / "state", quiet, durable=False) as again, psycopg.connect(again.database_url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_services_may_be_started_in_a_thread_that_ends(folder: Path) -> None:
    held: list[Services] = []

    def begin() -> None:
        held.append(Services(folder, quiet, durable=False).__enter__())

    thread = threading.Thread(target=begin)
    thread.start()
    thread.join()
    time.sleep(0.3)
    (services,) = held
    try:
        assert services.postgres is not None
        assert services.mosquitto is not None
        assert services.postgres.running
        assert services.mosquitto.running
    finally:
        services.__exit__(None, None, None)


def test_fresh_forgets_what_was(folder: Path) -> None:
    with Services(folder, quiet, durable=False) as services, psycopg.connect(services.database_url) as connection:
        connection.execute("create table old ()")
    with Services(folder, quiet, durable=False, fresh=True) as services:
        with psycopg.connect(services.database_url) as connection:
            assert connection.execute("select to_regclass('old')").fetchone() == (None,)
        password = services.database_url
    with Services(folder, quiet, durable=False) as services:
        assert services.database_url.split("@")[0] == password.split("@")[0]


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
