"""What rows refer to: order in the file does not matter, and what refers to nothing says so."""

from __future__ import annotations

import random

import pytest

from registry.references import Arranged, Known, arrange, named
from registry.results import Result
from registry.rows import Parsed, parse
from registry.sheets import read_csv
from registry.tables import tables
from store.registry_rows import Ties

COUNTY = """code,name,level,parent
150500,通辽市,city,
150521,科左中旗,county,150500
150521101,宝龙山镇,township,150521
v1,巴彦塔拉嘎查村,village,150521101
"""


def rows(**files: str) -> list[Parsed]:
    """Good rows of CSV texts by kind."""
    found = []
    for kind, text in files.items():
        (table,) = tables([read_csv(text.encode(), f"{kind}.csv")], None)
        found += list(parse(table))
    assert not [row for row in found if isinstance(row, Result)]
    return [row for row in found if isinstance(row, Parsed)]


def keys(arranged: Arranged) -> list[list[str]]:
    return [[row.key[0] for row in group] for group in arranged.groups if group]


def the(arranged: Arranged) -> tuple[str, str]:
    (result,) = arranged.refused
    return result.column, result.why


def test_parents_come_first_whatever_the_order_in_the_files() -> None:
    everything = rows(
        regions=COUNTY,
        homes="code,village\nh1,v1\n",
        gateways="uid,home\nkz01-gw,h1\n",
        devices="uid,type,home,gateway,part_of\nmec-1,multi_energy_centre,h1,,\n"
        "mec-1-hp,air_source_heat_pump,h1,kz01-gw,mec-1\nkz01-co,co_detector,h1,kz01-gw,\n",
        contacts="region,name,phone\nv1,王某某,13800000201\n",
    )
    random.Random(4).shuffle(everything)
    arranged = arrange(everything, Known())
    assert arranged.refused == []
    assert [sorted(group) for group in keys(arranged)] == [
        ["150500"], ["150521"], ["150521101"], ["v1"], ["h1"], ["kz01-gw"], ["kz01-co", "mec-1"], ["mec-1-hp"], ["v1"],
    ]  # fmt: skip


def test_what_stands_in_the_registry_counts() -> None:
    known = Known(levels={"v1": "village"}, homes={"h1"}, devices={"kz01-gw": Ties("gateway", None, has_parts=False)})
    found = rows(homes="code,village\nh2,v1\n", devices="uid,type,home,gateway\nkz01-co,co_detector,h1,kz01-gw\n")
    assert arrange(found, known).refused == []


def test_what_was_refused_takes_what_refers_to_it_along_and_says_so() -> None:
    found = rows(homes="code,village\nh1,v9\n", devices="uid,type,home\nkz01-co,co_detector,h1\n")
    arranged = arrange(found, Known())
    assert [(one.kind, one.column, one.why) for one in arranged.refused] == [
        ("homes", "village", "there is no 'v9'"),
        ("devices", "home", "'h1' stands in these files and was refused"),
    ]


@pytest.mark.parametrize(
    ("files", "column", "why"),
    [
        ({"regions": "code,name,level,parent\nv2,x,village,v1\n"}, "parent", "'v1' is a village"),
        ({"regions": "code,name,level\nv1,x,township\n"}, "level", "'township', the registry says village"),
        ({"homes": "code,village\nh2,150521101\n"}, "village", "'150521101' is a township"),
        ({"contacts": "region,name,phone\nv7,x,13800000201\n"}, "region", "there is no 'v7'"),
        ({"devices": "uid,type,gateway\nkz01-co,co_detector,kz01-rs\n"}, "gateway", "'kz01-rs' is a room_sensor"),
        ({"devices": "uid,type,gateway\nkz09-gw,gateway,kz01-gw\n"}, "gateway", "a gateway sits behind none"),
        ({"devices": "uid,type\nkz01-gw,co_detector\n"}, "type", "the registry has a gateway of this uid"),
        ({"gateways": "uid\nkz01-rs\n"}, "type", "the registry has a room_sensor of this uid"),
        ({"devices": "uid,type,part_of\nkz01-co,co_detector,kz01-co\n"}, "part_of",
         "a co_detector is no part of 'kz01-co'"),
        ({"devices": "uid,type,part_of\nkz01-co,co_detector,kz01-gw\n"}, "part_of", "'kz01-gw' is a gateway"),
        ({"devices": "uid,type,part_of\nkz01-co,co_detector,mec-1-hp\n"}, "part_of",
         "'mec-1-hp' is itself a part of mec-1"),
        ({"devices": "uid,type,part_of\nmec-1,multi_energy_centre,kz01-rs\n"}, "part_of", "has parts itself"),
    ],
)  # fmt: skip
def test_a_reference_that_does_not_fit_says_why(files: dict[str, str], column: str, why: str) -> None:
    known = Known(
        levels={"150521101": "township", "v1": "village"},
        devices={
            "kz01-gw": Ties("gateway", None, has_parts=False),
            "kz01-rs": Ties("room_sensor", None, has_parts=False),
            "mec-1": Ties("multi_energy_centre", None, has_parts=True),
            "mec-1-hp": Ties("air_source_heat_pump", "mec-1", has_parts=False),
        },
    )
    assert the(arrange(rows(**files), known)) == (column, why)


def test_two_devices_cannot_be_parts_of_each_other() -> None:
    known = Known(devices={uid: Ties("multi_energy_centre", None, has_parts=False) for uid in ("mec-1", "mec-2")})
    found = rows(devices="uid,type,part_of\nmec-1,multi_energy_centre,mec-2\nmec-2,multi_energy_centre,mec-1\n")
    assert the(arrange(found, known)) == ("part_of", "'mec-1' is itself a part of mec-2")


def test_the_names_to_ask_the_registry_for() -> None:
    found = named(
        rows(
            regions=COUNTY,
            homes="code,village\nh1,v2\n",
            devices="uid,type,home,gateway,part_of\nkz01-co,co_detector,h2,kz01-gw,mec-1\n",
            contacts="region,name,phone\nv3,x,13800000201\n",
        )
    )
    assert found.regions == {"150500", "150521", "150521101", "v1", "v2", "v3"}
    assert found.homes == {"h2"}
    assert found.devices == {"kz01-co", "kz01-gw", "mec-1"}
