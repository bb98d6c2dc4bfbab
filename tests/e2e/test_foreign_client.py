"""mosquitto_pub against `nuanshao up`: every payload is stored or in `rejects` with its reason, and nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import httpx
import pytest

from tests.e2e.conftest import Running, wait_for

UID = "foreign-001"
NEIGHBOUR = "foreign-002"


def now_ms(ago_s: float = 0) -> int:
    return int((time.time() - ago_s) * 1000)


@pytest.fixture(scope="module")
def password(up: Running) -> str:
    up.add_device(NEIGHBOUR)
    return up.add_device(UID)


def reading(ago_s: float = 0, **more: object) -> bytes:
    return json.dumps({"ts": now_ms(ago_s), "seq": 1, "boot": 1, "m": {"co_ppm": 3}} | more).encode()


def ledger(up: Running) -> dict[str, int]:
    found: dict[str, int] = up.get("/health")["ledger"]
    return found


STORED: dict[str, tuple[str, Callable[[], bytes], int, list[str]]] = {
    "one reading": ("telemetry", reading, 1, []),
    "an array": ("telemetry", lambda: b"[" + reading(9) + b"," + reading(8) + b"]", 2, []),
    "a backfill": ("backfill", lambda: reading(7200), 1, ["backfill", "late"]),
    "a metric of a wrong type": (
        "telemetry", lambda: reading(1, m={"co_ppm": "much", "battery_pct": 80}), 1, ["wrong_type"],
    ),
    "NaN": ("telemetry", lambda: reading(2, m={"co_ppm": float("nan"), "ch4_lel": 1}), 1, ["not_a_number"]),
    "a time in 1970": ("telemetry", lambda: reading(ts=5000), 1, ["clock_behind"]),
    "a time in 2100": ("telemetry", lambda: reading(ts=4_102_444_800_000), 1, ["clock_ahead"]),
    "an unknown metric": ("telemetry", lambda: reading(3, m={"co_ppm": 2, "noise_db": 40}), 1, ["unknown_metric"]),
    "a fault text in GBK": (
        "telemetry",
        lambda: json.dumps({"ts": now_ms(5), "m": {"co_ppm": 3}, "fault": "过热"}, ensure_ascii=False).encode("gbk"),
        1,
        ["not_utf8"],
    ),
    "an impossible value": ("telemetry", lambda: reading(4, m={"co_ppm": -7, "ch4_lel": 0}), 1, ["out_of_range"]),
}  # fmt: skip


@pytest.mark.parametrize("name", STORED)
def test_what_can_be_understood_is_stored_and_flagged(up: Running, password: str, name: str) -> None:
    channel, make, count, flags = STORED[name]
    before = up.query("select count(*) from telemetry")[0][0]
    up.publish(UID, make(), channel=channel, password=password)
    wait_for(lambda: up.query("select count(*) from telemetry")[0][0] == before + count, name)
    (row,) = up.query("select reading_flags(flags) from telemetry order by received_at desc, ts desc limit 1")
    assert row[0] == flags


REJECTED = {
    "not JSON": (b"{co: 3", "not_json"),
    "no object": (b'"three"', "not_a_reading"),
    "wrong types": (b'{"ts": 1, "m": [1, 2]}', "wrong_type"),
    "an empty payload": (b"", "empty"),
    "an empty array": (b"[]", "not_a_reading"),
    "1 MB of bytes": (b"\x00\xff" * 524_288, "too_large"),
    "invalid UTF-8": (b'{"ts": \xff\xfe}', "not_utf8"),
    "a bottomless pit": (b"[" * 50_000, "not_json"),
    "201 readings": (b"[" + b",".join([b'{"m":{"co_ppm":1}}'] * 201) + b"]", "too_many_readings"),
    "in the name of a neighbour": (json.dumps({"id": NEIGHBOUR, "m": {"co_ppm": 1}}).encode(), "not_behind_gateway"),
}


@pytest.mark.parametrize("name", REJECTED)
def test_what_cannot_is_in_rejects_with_its_reason_and_bytes(up: Running, password: str, name: str) -> None:
    payload, reason = REJECTED[name]
    before = up.query("select coalesce(max(id), 0) from rejects")[0][0]
    up.publish(UID, payload, password=password)
    wait_for(lambda: up.query("select 1 from rejects where id > %s", before), name)
    ((found, detail, size, kept),) = up.query(
        "select reason, detail, payload_size, payload from rejects where id > %s", before
    )
    assert (found, size) == (reason, len(payload))
    assert payload.startswith(bytes(kept))
    assert detail


def test_an_unknown_device_is_rejected_by_name(up: Running, password: str) -> None:
    up.publish("nobody-at-home", reading())
    wait_for(lambda: up.query("select 1 from rejects where reason = 'unknown_device'"), "the reject")
    ((topic, detail),) = up.query("select topic, detail from rejects where reason = 'unknown_device'")
    assert topic == "heat/v1/nobody-at-home/telemetry"
    assert "nobody-at-home" in detail


def test_the_topic_of_another_device_is_refused_by_the_broker(up: Running, password: str) -> None:
    before = ledger(up)["received"]
    assert "not authori" in up.publish(NEIGHBOUR, reading(), password=password, user=UID).lower()
    up.publish(UID, reading(20), password=password)
    wait_for(lambda: ledger(up)["received"] == before + 1, "only the allowed one")
    assert up.query("select 1 from telemetry t join device d on d.id = t.device_id where uid = %s", NEIGHBOUR) == []


def test_after_all_that_everything_lives_and_the_ledger_balances(up: Running, password: str) -> None:
    health = up.get("/health")
    assert (health["status"], health["problems"]) == ("ok", [])
    counts = health["ledger"]
    assert counts["received"] == counts["stored"] + counts["duplicate"] + counts["rejected"]
    assert counts["rejected"] == up.query("select count(*) from rejects")[0][0]
    assert counts["stored"] == up.query("select count(*) from telemetry")[0][0]
    latest = up.get(f"/v1/devices/{UID}/latest")
    assert latest["type"] == "co_detector"
    assert up.query("select hypertable_name from timescaledb_information.hypertables where hypertable_name='telemetry'")


def test_a_co_alarm_is_told_acknowledged_and_closed(up: Running) -> None:
    with_home = "foreign-003"
    up.query(
        "with v as (insert into region (code, name, level) values ('150521101299', '试验嘎查村', 'village')"
        " returning id)"
        " insert into home (code, region_id, address) select 'try-1', id, '1组1号' from v returning id"
    )
    contacts = up.folder / "contacts.csv"
    contacts.write_text("region,name,phone\n150521101299,李某某,13800000299\n", encoding="utf-8")
    up.run("registry", "import", str(contacts))  # with the key that `up` has made
    assert "13800000299" not in str(up.query("select * from contact"))
    secret = up.add_device(with_home, "co_detector", "--home", "try-1", "--interval", "10")
    for value in (320, 350):
        up.publish(with_home, reading(m={"co_ppm": value}), password=secret)

    def delivered() -> bool:
        return any(n["state"] == "delivered" and "350" in n["text"] for n in up.get("/v1/notifications"))

    wait_for(delivered, "the receipt")
    (told,) = [n for n in up.get("/v1/notifications") if "350" in n["text"]]
    assert told["phone"] == "138****0299"
    phones = httpx.get(up.env["NUANSHAO_CARRIER_URL"] + "/messages.json", trust_env=False).json()
    assert any("试验嘎查村" in message["text"] and "一氧化碳超过300ppm" in message["text"] for message in phones)
    (alarm,) = [a for a in up.get("/v1/alarms") if a["device"] == with_home and a["rule"] == "co_300"]
    assert (alarm["condition"], alarm["title_zh"]) == ("active", "一氧化碳超过300ppm")
    answer = httpx.post(f"{up.api}/v1/alarms/{alarm['id']}/acknowledge", json={"by": "李某某"}, trust_env=False).json()
    assert answer == {"result": "acknowledged"}
    (alarm,) = [a for a in up.get("/v1/alarms") if a["id"] == alarm["id"]]
    assert alarm["acknowledged_by"] == "李某某"


def test_the_commands_beside_it_say_what_is_well(up: Running) -> None:
    said = json.loads(up.run("doctor", "--json").stdout)
    assert {finding["what"]: finding["well"] for finding in said} == dict.fromkeys(
        ("database", "broker", "broker queue", "duty", "health", "canary"), True
    )
    assert up.run("doctor", "--only", "alerts").returncode == 0
    wrong = up.run("device", "add", "Not A Name", "--type", "room_sensor", check=False)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "use 4-32 of a-z" in wrong.stderr
    twice = up.run("device", "add", UID, "--type", "room_sensor", check=False)
    assert "registered already" in twice.stderr
    unknown = up.run("device", "add", "new-device", "--type", "hot_tub", check=False)
    assert "there is no device type 'hot_tub'" in unknown.stderr


def test_a_second_up_in_the_same_folder_is_one_clear_line(up: Running) -> None:
    second = up.run("up", "--api-port", "0", check=False)
    assert second.returncode != 0
    assert second.stderr.strip().count("\n") == 0
    assert up.get("/health")["status"] == "ok", "and the first one lives on"
