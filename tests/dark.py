"""Whole villages for the tests of incidents: written into the registry by SQL, heard by SQL, looked at by one watch."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql as pg

from alerts.silence import SilenceWatch
from alerts.trouble_watch import TroubleWatch
from catalogue.rules import default_pack
from store.named_sql import sql
from tests.world import NIGHT, one, rows

COUNTY = """
insert into region (code, name, level) values ('150500', '通辽市', 'city');
insert into region (code, name, level, parent_id)
    select '150521', '科尔沁左翼中旗', 'county', id from region where code = '150500';
insert into region (code, name, level, parent_id)
    select '150521101', '宝龙山镇', 'township', id from region where code = '150521';
insert into contact (region_id, name, phone) select id, '李某某', '13800000900' from region where code = '150521';
"""
VILLAGES = """
insert into region (code, name, level, parent_id)
    select '150521101' || lpad(v::text, 3, '0'), v || '村', 'village', id from region, generate_series(1, {villages}) v
    where code = '150521101';
insert into contact (region_id, name, phone)
    select id, '村委会', '1390000' || right(code, 4) from region where level = 'village';
insert into home (code, region_id, address)
    select r.code || '-' || lpad(n::text, 3, '0'), r.id, n || '号'
    from region r, generate_series(0, {homes} - 1) n where r.level = 'village';
insert into device (uid, type, home_id, interval_s, vendor, model)
    select 'hp-' || code, 'air_source_heat_pump', id, 10, 'acme', 'A1' from home
"""


@dataclass
class Dark:
    """A county of villages `villages` (1村, 2村, …), each home with a heat pump `hp-<home>` that reports every 10 s."""

    database: psycopg.AsyncConnection
    watch: SilenceWatch = field(default_factory=lambda: SilenceWatch(default_pack()))
    troubles: TroubleWatch = field(default_factory=TroubleWatch)

    async def settle(self, villages: int, homes: int) -> Dark:
        for statement in (COUNTY + VILLAGES.format(villages=villages, homes=homes)).split(";"):
            await self.database.execute(statement.encode())
        return self

    @staticmethod
    def at(seconds: float) -> datetime:
        return NIGHT + timedelta(seconds=seconds)

    async def heard(self, at: float, which: str = "%", *, but: str = "", **columns: Any) -> None:
        """Devices whose uid is like `which` report, with these columns of `device_latest`."""
        names = [pg.Identifier(name) for name in ("ts", "received_at", *columns)]
        query = pg.SQL(
            "insert into device_latest as held (device_id, {names}) select id, {values} from device"
            " where uid like {which} and uid not like {but} and type <> 'gateway'"
            " on conflict (device_id) do update set ({names}) = row ({new})"
        ).format(
            names=pg.SQL(", ").join(names),
            values=pg.SQL(", ").join(
                [*(pg.Literal(self.at(at)) for _ in range(2)), *map(pg.Literal, columns.values())]
            ),
            new=pg.SQL(", ").join(pg.SQL("excluded.{}").format(name) for name in names),
            which=pg.Literal(which),
            but=pg.Literal(but),
        )
        await self.database.execute(query)

    async def pulse(self, at: float) -> None:
        await self.database.execute(sql("heartbeat"), ("ingest", "i", NIGHT, NIGHT, self.at(at), 0, ""))

    async def look(self, at: float) -> None:
        await self.pulse(at)
        await self.watch.look(self.database, self.at(at))

    async def look_for_troubles(self, at: float) -> None:
        await self.troubles.look(self.database, self.at(at))

    def restart(self) -> None:
        self.watch = SilenceWatch(default_pack())
        self.troubles = TroubleWatch()

    async def told(self) -> list[tuple[str, str]]:
        """(phone, text) of every message, oldest first."""
        query = "select c.phone, n.params from notification n join contact c on c.id = n.contact_id order by n.id"
        found = await rows(self.database, query)
        return [(row["phone"], f"{row['params']['home']}，{row['params']['what']}") for row in found]

    async def incidents(self) -> list[dict[str, Any]]:
        return await rows(self.database, "select * from incident order by id")

    async def count(self, query: str) -> int:
        return int(await one(self.database, query))
