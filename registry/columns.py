"""What stands in the register's files: kinds of rows and their columns, as data."""

from __future__ import annotations

from typing import Final

from catalogue.building_classes import BUILDING_CLASSES
from catalogue.device_types import DEVICE_TYPES
from registry.cells import choice as one_of
from registry.cells import code, day, flag, number, text, uid, whole
from registry.column import Blank, Column, Kind, KindName
from registry.lifecycle import STATES
from registry.people_columns import PEOPLE
from store.registry_rows import DeviceRow, HomeRow, RegionRow

GATEWAY: Final = "gateway"
"""The device type of every row of the kind `gateways`."""


LEVELS: Final[dict[str, str]] = {"city": "市", "county": "县", "township": "乡镇", "village": "村"}
TYPES: Final[dict[str, str]] = {row.name: row.zh for row in DEVICE_TYPES}
CLASSES: Final[dict[str, str]] = {row.name: row.zh for row in BUILDING_CLASSES}
STATE_NAMES: Final[dict[str, str]] = {row.name: row.zh for row in STATES}

_OWNER = Column("owner", "产权人", text, "who owns it", "产权归谁", "宝龙山镇人民政府", aliases=("产权单位", "所有人"))
_BODY = Column(
    "responsible_body", "责任单位", text, "who answers for its upkeep", "谁负责运维", "科左中旗清洁取暖办公室",
    aliases=("管护单位", "运维单位"),
)  # fmt: skip
_MODEL = Column("model", "型号", text, "the maker's model", "厂家型号", "JT-CO1", aliases=("设备型号",))
_VENDOR = Column("vendor", "厂家", text, "who made it", "生产厂家", "某某电气", aliases=("生产厂家", "品牌"))
_SERIAL = Column(
    "serial", "序列号", text, "the maker's serial number", "出厂编号", "SN20250001", aliases=("出厂编号", "机身号")
)
_INTERVAL = Column(
    "interval_s", "上报间隔秒", whole(1, 86_400, "seconds"),
    "seconds between two readings; empty: the type's own", "两次上报之间的秒数，留空用该类型的默认值", "60", None,
    ("上报间隔", "上报间隔（秒）"),
)  # fmt: skip
_STATE = Column(
    "state", "状态", one_of(STATE_NAMES),
    "empty: in_service for a new row, unchanged otherwise",
    "留空：新设备为在用，已有设备不变", "in_service", Blank.KEEP,
    ("设备状态",), STATE_NAMES,
)  # fmt: skip
_INSTALLED = Column(
    "installed_on", "安装日期", day, "day of installation; empty leaves it", "安装日期，留空不改", "2025-09-20",
    Blank.KEEP,
)  # fmt: skip
_ACCEPTED = Column(
    "accepted_on", "验收日期", day, "day of acceptance; empty leaves it", "验收日期，留空不改", "2025-10-10", Blank.KEEP
)
_HOME = Column(
    "home", "户编号", code, "code of the building where it stands; its village is told of its alarms",
    "所在户或公共建筑的编号，告警通知其所在村", "150521101201-001", None, ("住户编号", "户号", "home_code"),
)  # fmt: skip

KINDS: Final[tuple[Kind, ...]] = (
    Kind(
        "regions", "区域", RegionRow, ("code",), ("level",),
        (
            Column(
                "code", "区域编码", code, "GB/T 2260 and 10114 code", "行政区划代码", "150521101201", Blank.REFUSED,
                ("编码", "行政区划代码", "区划代码"),
            ),
            Column("name", "名称", text, "its name", "区域名称", "巴彦塔拉嘎查村", Blank.REFUSED, ("区域名称",)),
            Column(
                "level", "级别", one_of(LEVELS), "its place in the tree", "市、县、乡镇或村", "village", Blank.REFUSED,
                choices=LEVELS,
            ),
            Column(
                "parent", "上级编码", code, "code of the region above", "上级区域的编码", "150521101", None,
                ("上级区域编码", "上级"),
            ),
        ),
    ),
    Kind(
        "homes", "住户", HomeRow, ("code",), ("village",),
        (
            Column(
                "code", "户编号", code, "a code of your own that stays", "自定编号，以后不变", "150521101201-001",
                Blank.REFUSED, ("住户编号", "户号", "编号"),
            ),
            Column(
                "village", "村编码", code, "code of its village", "所在村的编码", "150521101201", Blank.REFUSED,
                ("所属村", "村代码", "嘎查村编码"),
            ),
            Column("address", "地址", text, "how the village finds it", "村里怎么找到", "1组1号", aliases=("住址",)),
            Column(
                "resident", "户主", text, "name, if you want it here", "户主姓名，可不填", "", aliases=("户主姓名",),
            ),
            Column(
                "vacant", "空置", flag, "nobody lives there in winter", "冬季无人居住", "no", blank=False,
                aliases=("是否空置",),
            ),
            Column(
                "vulnerable", "重点照护", flag, "somebody who needs help first", "有需要优先照护的人", "no",
                blank=False,
                aliases=("是否重点", "弱势", "重点户"),
            ),
            Column(
                "building_class", "建筑类别", one_of(CLASSES), "class of the catalogue; empty: rural_traditional",
                "建筑类别，留空为农村传统住宅", "rural_traditional", "rural_traditional", ("建筑类型",), CLASSES,
            ),
            Column(
                "area_m2", "供暖面积", number(1, 500_000, "m²"), "heated floor", "供暖面积（平方米）", "86.5", None,
                ("面积", "供暖面积（平方米）", "供暖面积（m²）"),
            ),
            Column(
                "heat_load_w_m2", "热负荷指标", number(1, 500, "W/m²"), "empty: the class's own",
                "每平方米瓦数，留空用类别的默认值", "", None, ("热指标", "热负荷指标（w/m²）"),
            ),
            _OWNER,
            _BODY,
        ),
    ),
    Kind(
        "gateways", "网关", DeviceRow, ("uid",), (),
        (
            Column(
                "uid", "网关编号", uid, "what it logs in as", "登录名", "bytl-201-gw", Blank.REFUSED,
                ("编号", "gateway"),
            ),
            _MODEL, _VENDOR, _SERIAL, _HOME, _INTERVAL, _STATE, _INSTALLED, _ACCEPTED, _OWNER, _BODY,
        ),
    ),
    Kind(
        "devices", "设备", DeviceRow, ("uid",), ("type",),
        (
            Column(
                "uid", "设备编号", uid, "what it logs in as, or its gateway calls it", "登录名，或网关对它的称呼",
                "bytl-001-co", Blank.REFUSED, ("编号",),
            ),
            Column(
                "type", "设备类型", one_of(TYPES), "type of the catalogue", "设备类型", "co_detector", Blank.REFUSED,
                ("类型",), TYPES,
            ),
            _MODEL, _VENDOR, _SERIAL, _HOME,
            Column(
                "gateway", "网关编号", uid, "the gateway that publishes for it; empty: it logs in itself",
                "代它上报的网关，留空表示自己登录", "bytl-201-gw", None, ("所属网关",),
            ),
            Column(
                "part_of", "所属装置", uid, "the device that it is a part of", "所属的多能互补装置", "", None,
                ("上级设备", "所属设备"),
            ),
            _INTERVAL, _STATE, _INSTALLED, _ACCEPTED, _OWNER, _BODY,
        ),
    ),
    *PEOPLE,
)  # fmt: skip
KIND: Final[dict[KindName, Kind]] = {kind.name: kind for kind in KINDS}
