"""Whatever good rows the registry holds: written to CSV or a workbook and read again they are the same."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalogue.building_classes import BUILDING_CLASS
from catalogue.device_types import DEVICE_TYPE
from catalogue.organisation_kinds import ORGANISATION_KIND
from registry.cells import Wrong, code, is_blank, text, uid
from registry.column import AnyRow, KindName
from registry.columns import KIND, KINDS
from registry.exporting import write_csv, write_workbook
from registry.lifecycle import STATE
from registry.merging import Merged, merge
from registry.people import LANGUAGES, zones
from registry.rows import Parsed, parse
from registry.sheets import Grid, read_csv, read_xlsx
from registry.tables import tables
from store.registry_people import DutyRow, OrganisationRow, SubstituteRow
from store.registry_rows import LEVELS, ContactRow, DeviceRow, HomeRow, RegionRow

TODAY = date(2026, 1, 15)


def kept(parse_one: Callable[[str], object]) -> Callable[[str], bool]:
    """Whether the registry would hold a text just so."""

    def same(found: str) -> bool:
        try:
            return parse_one(found) == found
        except Wrong:
            return False

    return same


DANGEROUS = (
    "=1+1", "+86", "-1", "@x", "'x", "''", "＝x", "0475", "1.50521E+11", "2024-1", "#1", "_x0041_", '="x"', "TRUE",
)  # fmt: skip
dangerous = st.sampled_from(DANGEROUS)
texts = (st.text(max_size=8) | dangerous).filter(kept(text))
some_text = texts.filter(lambda found: not is_blank(found))
codes = st.integers(100_000, 999_999_999_999).map(str) | st.text(min_size=1, max_size=8).filter(kept(code))
uids = st.text("abcxyz0189-", min_size=4, max_size=32).filter(kept(uid))
phones = st.integers(10**8, 10**9 - 1).map(lambda n: f"13{n}") | st.sampled_from(
    ["04758234567", "01062345678", "+97699112233"]
)
numbers = st.none() | st.floats(1, 500).map(lambda found: round(found, 3))
days = st.none() | st.dates(date(1990, 1, 1), TODAY)

regions = st.builds(RegionRow, codes, some_text, st.sampled_from(LEVELS), st.none() | codes)
homes = st.builds(
    HomeRow, codes, codes, texts, texts, st.booleans(), st.booleans(), st.sampled_from([*BUILDING_CLASS]),
    numbers, numbers, texts, texts,
)  # fmt: skip
owners = st.tuples(codes, st.none()) | st.tuples(st.none(), codes)
contacts = st.builds(
    lambda owner, name, role, phone, language, wecom, openid: ContactRow(
        owner[0], name, role, phone, language, wecom if phone else wecom or "w1", openid, "a@b.cn", None, owner[1]
    ),
    owners, some_text, texts, st.none() | phones, st.sampled_from([*LANGUAGES]), st.none() | codes, st.none() | codes,
)  # fmt: skip
organisations = st.builds(
    OrganisationRow, codes, some_text, st.sampled_from([*ORGANISATION_KIND]),
    st.sets(codes, max_size=3).map(lambda some: " ".join(sorted(some))).filter(kept(zones)),
)  # fmt: skip
times = st.times().map(lambda at: f"{at:%H:%M}")
duty_days = st.sampled_from(["every", "workdays", "rest_days", "mon", "mon,thu,sun"])
duties = st.builds(
    lambda owner, *rest: DutyRow(*owner, *rest),
    owners, phones, st.dates(date(2020, 1, 1), TODAY), st.none() | st.dates(TODAY), duty_days, times, times,
    st.booleans(),
)  # fmt: skip
substitutes = st.builds(
    lambda owner, *rest: SubstituteRow(*owner, *rest),
    owners, phones, st.just("wang-li"), st.dates(date(2020, 1, 1), TODAY), st.none() | st.dates(TODAY), st.booleans(),
)  # fmt: skip
devices = st.builds(
    DeviceRow, uids, st.sampled_from([*DEVICE_TYPE]), texts, texts, texts, st.none() | codes, st.none() | uids,
    st.none() | uids, st.integers(1, 86_400), st.sampled_from([*STATE]), days, days, texts, texts,
)  # fmt: skip
gateways = devices.map(lambda row: dataclasses.replace(row, type="gateway", gateway=None, part_of=None))
STRATEGY: dict[KindName, st.SearchStrategy[AnyRow]] = {
    "regions": regions, "homes": homes, "gateways": gateways, "devices": devices, "organisations": organisations,
    "contacts": contacts, "duties": duties, "substitutes": substitutes,
}  # fmt: skip


def through_csv(kind: KindName, rows: list[AnyRow]) -> Grid:
    file = io.StringIO(newline="")
    write_csv(file, KIND[kind], rows)
    return read_csv(file.getvalue().encode("utf-8-sig"), f"{kind}.csv")


def through_a_workbook(kind: KindName, rows: list[AnyRow]) -> Grid:
    file = io.BytesIO()
    write_workbook(file, {one.name: rows if one.name == kind else [] for one in KINDS})
    return next(grid for grid in read_xlsx(file.getvalue(), "registry.xlsx") if grid.sheet == kind)


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_good_rows_survive(kind: KindName, data: st.DataObject) -> None:
    rows = data.draw(st.lists(STRATEGY[kind], min_size=1, max_size=2, unique_by=lambda row: key_of(kind, row)))
    for through in (through_csv, through_a_workbook):
        (table,) = tables([through(kind, rows)], None)
        back = []
        for row in parse(table):
            assert isinstance(row, Parsed), row
            merged = merge(row, None, TODAY)
            assert isinstance(merged, Merged), merged
            back.append(merged.after)
        assert back == rows


@pytest.mark.parametrize("hard", DANGEROUS)
def test_a_text_that_a_spreadsheet_would_mangle_survives(hard: str) -> None:
    rows: list[AnyRow] = [HomeRow("h1", "v1", hard, owner=hard)]
    for through in (through_csv, through_a_workbook):
        (table,) = tables([through("homes", rows)], None)
        (row,) = parse(table)
        assert isinstance(row, Parsed)
        assert (row.given["address"], row.given["owner"]) == (hard, hard)


def key_of(kind: KindName, row: AnyRow) -> tuple[object, ...]:
    return KIND[kind].key_of(dataclasses.asdict(row))
