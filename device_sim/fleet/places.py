"""Made-up but plausible places: counties, townships and villages, as many as a fleet needs, always the same.

The codes follow GB/T 2260 (city, county: 6 digits) and GB/T 10114 (township 9, village 12); 150500 is Tongliao, 150521…
150526 its rural counties (M). Names of townships and villages are invented.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

Level = Literal["city", "county", "township", "village"]


@dataclass(frozen=True, slots=True)
class Region:
    """A node of the tree city → county → township → village; `parent` is the code of the one above."""

    code: str
    name: str
    level: Level
    parent: str | None


_CITY: Final = Region("150500", "通辽市", "city", None)
_COUNTIES: Final = ("科左中旗", "科左后旗", "开鲁县", "库伦旗", "奈曼旗", "扎鲁特旗")
_FIRST_COUNTY: Final = 150521
_FIRST_TOWNSHIP: Final = 101
_FIRST_VILLAGE: Final = 201
_TOWNSHIPS_IN_COUNTY: Final = 20
_VILLAGES_IN_TOWNSHIP: Final = 99
MOST_VILLAGES: Final = len(_COUNTIES) * _TOWNSHIPS_IN_COUNTY * _VILLAGES_IN_TOWNSHIP
_FIRST_TOWNSHIP_NAME: Final = "宝龙山镇"
_VILLAGE_NAMES: Final = (
    "巴彦塔拉嘎查村", "乌兰花嘎查村", "查干淖尔嘎查村", "哈日乌苏嘎查村", "敖包图嘎查村", "白音胡硕嘎查村",
    "海力斯台嘎查村", "宝日罕嘎查村", "希伯花嘎查村",
)  # fmt: skip


def regions_for(villages: int) -> Iterator[Region]:
    """The tree that holds so many villages (at most MOST_VILLAGES), parents first, villages in order."""
    yield _CITY
    for number in range(villages):
        township, place = divmod(number, _VILLAGES_IN_TOWNSHIP)
        county, seat = divmod(township, _TOWNSHIPS_IN_COUNTY)
        county_code = str(_FIRST_COUNTY + county)
        township_code = f"{county_code}{_FIRST_TOWNSHIP + seat}"
        if place == 0:
            if seat == 0:
                yield Region(county_code, _COUNTIES[county], "county", _CITY.code)
            name = _FIRST_TOWNSHIP_NAME if township == 0 else f"第{township + 1}苏木"
            yield Region(township_code, name, "township", county_code)
        yield Region(f"{township_code}{_FIRST_VILLAGE + place}", _village_name(number), "village", township_code)


def _village_name(number: int) -> str:
    return _VILLAGE_NAMES[number] if number < len(_VILLAGE_NAMES) else f"兴隆{number + 1}嘎查村"
