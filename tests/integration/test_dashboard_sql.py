"""Every query of every board, as Grafana would send it, against TimescaleDB and as the role that Grafana has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql as pg

from catalogue.metrics import METRICS
from dashboards.build import build
from store.reader import READER, set_reader_password

END = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=30)
START = END - timedelta(hours=24)
VARIABLES = {"county": "'*'", "village": "'150522-v1'", "home": "'h-1'", "device": "'*'"}

MEASURED = {"indoor_c", "flow_c", "return_c", "power_w", "heat_w", "defrost", "energy_kwh", "co_ppm"}
"""What ROWS below fill in."""

ROWS = """
insert into region (code, name, level) values ('1505', '通辽市', 'city');
insert into region (code, name, level, parent_id)
    select '150522', '科左后旗', 'county', id from region where code = '1505';
insert into region (code, name, level, parent_id)
    select '150522-t', '甘旗卡镇', 'township', id from region where code = '150522';
insert into region (code, name, level, parent_id)
    select '150522-v' || n, '嘎查' || n, 'village', id from region, generate_series(1, 4) n where code = '150522-t';
insert into home (code, region_id, address)
    select 'h-' || n, (select id from region where code = '150522-v' || (1 + n % 4)), n || ' 号'
    from generate_series(0, 99) n;
update home set region_id = (select id from region where code = '150522-v1') where code = 'h-1';
insert into device (uid, type, home_id, interval_s)
    select 'hp-' || h.code, 'air_source_heat_pump', h.id, 60 from home h
    union all select 'co-' || h.code, 'co_detector', h.id, 300 from home h;
insert into contact (region_id, name, role, phone) select id, '王委员', '村委会', '13800000001' from region
    where level = 'village';
insert into telemetry (ts, device_id, received_at, flags, fault, indoor_c, flow_c, return_c, power_w, heat_w, defrost,
                       energy_kwh, co_ppm)
    select t, d.id, t + interval '1 second', case when d.uid = 'hp-h-1' then 8 else 0 end,
           case when d.uid = 'co-h-1' then 'E1' end, 18, 41, 35, 1500 + d.id, 4500, 0,
           extract(epoch from t - now() + interval '3 days') / 3600,
           case when d.type = 'co_detector' then d.id % 90 end
    from device d, generate_series(now() - interval '2 days', now(), interval '5 minutes') t;
insert into device_latest (ts, device_id, received_at, indoor_c, flow_c, power_w, co_ppm)
    select distinct on (device_id) ts, device_id, received_at, indoor_c, flow_c, power_w, co_ppm
    from telemetry order by device_id, ts desc;
insert into device_event (ts, device_id, type, is_on, received_at)
    select now() - interval '1 hour', id, 'co_alarm', true, now() from device where uid = 'co-h-1';
insert into incident (kind, region_id, began_at, recorded_at, homes, of_homes)
    select 'village_silent', id, now() - interval '20 minutes', now(), 37, 40 from region where code = '150522-v1';
insert into alarm (device_id, rule, pack, priority, condition, latching, since, raised_at, recorded_at, last_ts,
                   last_value, peak_value, reason)
    select id, 'co_300', 'default-1', 'critical', 'active', true, now() - interval '9 minutes',
           now() - interval '8 minutes', now(), now(), 412, 500, 'raised' from device where uid = 'co-h-1';
insert into notification (alarm_id, kind, contact_id, channel, template, params, body, idempotency_key, state)
    select a.id, 'raised', (select min(id) from contact), 'sms', 'critical', '{}', 'CO', 'k1', 'delivered' from alarm a;
insert into rejects (received_at, topic, reason, payload, payload_size)
    values (now(), 'heat/v1/x/telemetry', 'not_json', '', 0);
insert into worker (kind, name, started_at, connected_since, heartbeat_at) values ('ingest', 'i', now(), now(), now());
insert into ledger (worker, started_at, received, stored, duplicate, rejected) values ('ingest-0', now(), 10, 8, 1, 1);
analyze;
"""


@pytest.fixture
def reader(database_url: str) -> Iterator[psycopg.Connection]:
    """The reader's own connection to an empty database."""
    with psycopg.connect(database_url) as owner:
        set_reader_password(owner, "made-up-for-this-test")
    parts = urlsplit(database_url)
    address = urlunsplit(parts._replace(netloc=f"{READER}:made-up-for-this-test@{parts.netloc.rpartition('@')[2]}"))
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


@pytest.fixture
def filled(database_url: str, reader: psycopg.Connection) -> psycopg.Connection:
    """The same with 200 devices and two days of readings in it."""
    with psycopg.connect(database_url) as owner:
        owner.execute(ROWS)
    return reader


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    """All panels, those in folded rows too."""
    return [inner for panel in board["panels"] for inner in panel.get("panels", [panel])]


def queries() -> Iterator[tuple[str, str]]:
    """(where it is, SQL) of every panel, variable and annotation."""
    for file, text in build().items():
        board: dict[str, Any] = json.loads(text)
        for panel in panels(board):
            for target in panel["targets"]:
                yield f"{file}: {panel['title']}", target["rawSql"]
        for variable in board["templating"]["list"]:
            yield f"{file}: ${variable['name']}", variable["query"]
        for annotation in board["annotations"].get("list", []):
            yield f"{file}: {annotation['name']}", annotation["target"]["rawSql"]


def expanded(query: str, interval: str = "1m", **variables: str) -> bytes:
    """What Grafana sends: variables by its front end, then macros as its PostgreSQL data source writes them."""
    seconds = {"1m": 60, "10m": 600, "1h": 3600}
    for name, value in {**VARIABLES, **variables}.items():
        query = query.replace(f"${{{name}:sqlstring}}", value)
    query = query.replace("$__interval", interval)

    def macro(found: re.Match[str]) -> str:
        name, arguments = found[1], [part.strip().strip("'") for part in found[2].split(",")]
        bucket = f"time_bucket('{seconds[arguments[1]]:.3f}s',{arguments[0]})" if len(arguments) > 1 else ""
        start, end = (f"'{moment.isoformat().replace('+00:00', 'Z')}'" for moment in (START, END))
        return {
            "timeFilter": f"{arguments[0]} BETWEEN {start} AND {end}",
            "timeFrom": start,
            "timeTo": end,
            "timeGroup": bucket,
            "timeGroupAlias": f'{bucket} AS "time"',
        }[name]

    done = re.sub(r"\$__(\w+)\(([^)]*)\)", macro, query)
    assert "$" not in done, done
    assert "@" not in done, done
    return done.encode()


def test_every_query_answers_the_reader(filled: psycopg.Connection) -> None:
    silent = []
    for where, query in queries():
        for device in ("'*'", "'hp-h-1','co-h-1'"):
            rows = filled.execute(expanded(query, device=device)).fetchall()
        if not rows or all(value is None for row in rows for value in row):
            silent.append((where, query))
    assert not [where for where, query in silent if MEASURED & asked_for(query) or not asked_for(query)]


def asked_for(query: str) -> set[str]:
    """The metrics that a panel draws."""
    return set(re.findall(r"\(t\.(\w+)\)", query)) & {metric.name for metric in METRICS}


def test_one_county_sees_only_its_own(filled: psycopg.Connection) -> None:
    wall = {where.partition(": ")[2]: query for where, query in queries() if where.startswith("county-wall")}
    registered = {
        county: filled.execute(expanded(wall["设备在报 Devices reporting"], county=county)).fetchall()[0][1]
        for county in ("'*'", "'150522'", "'150521'")
    }
    assert registered == {"'*'": 200, "'150522'": 200, "'150521'": 0}


def test_time_series_are_in_order_and_named(filled: psycopg.Connection) -> None:
    boards = [json.loads(text) for text in build().values()]
    for target in (t for board in boards for panel in panels(board) for t in panel["targets"]):
        if target["format"] != "time_series":
            continue
        cursor = filled.execute(expanded(target["rawSql"]))
        assert [column.name for column in cursor.description or ()] == ["time", "metric", "value"]
        times = [row[0] for row in cursor]
        assert times == sorted(times)


def test_readings_are_found_by_index(filled: psycopg.Connection) -> None:
    for where, query in queries():
        if "from telemetry" not in query:
            continue
        plan = "\n".join(row[0] for row in filled.execute(b"explain " + expanded(query)).fetchall())
        assert not re.search(r"Seq Scan on _hyper", plan), f"{where}\n{plan}"


def test_series_leave_out_what_nobody_measures(filled: psycopg.Connection) -> None:
    query = next(query for where, query in queries() if "温度 Temperatures" in where)
    names = {row[1] for row in filled.execute(expanded(query))}
    shown = {metric.name: f"{metric.zh} {metric.en}" for metric in METRICS}
    heat_pump = {f"{shown[name]} · hp-h-1" for name in ("indoor_c", "flow_c", "return_c")}
    assert heat_pump <= names
    assert not [name for name in names if "core" in name]


@pytest.mark.parametrize(
    "statement",
    [
        "select phone from contact",
        "select phone_mark from contact",
        "select wecom_id from contact",
        "select wechat_id from contact",
        "select email from contact",
        "select endpoint from contact",
        "select * from contact",
        "select * from device_credential",
        "delete from alarm",
        "select * from short_code",
        "select * from answer",
    ],
)
def test_the_reader_may_not(reader: psycopg.Connection, statement: LiteralString) -> None:
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
        reader.execute(statement)


def test_the_reader_sees_tables_that_come_later(reader: psycopg.Connection, database_url: str) -> None:
    with psycopg.connect(database_url) as owner:
        owner.execute("create table later (n integer)")
    assert reader.execute("select * from later").fetchall() == []


def test_a_reader_password_can_be_changed(reader: psycopg.Connection, database_url: str) -> None:
    odd = "it's \\ 暖 $1"
    with psycopg.connect(database_url) as owner:
        set_reader_password(owner, odd)
        stored = owner.execute(
            pg.SQL("select rolpassword from pg_authid where rolname = {}").format(pg.Literal(READER))
        ).fetchone()
    assert stored is not None
    assert stored[0].startswith("SCRAM-SHA-256$")
