"""The kinds of rows that say who is told and when, as data."""

from __future__ import annotations

from typing import Final

from catalogue.organisation_kinds import ORGANISATION_KINDS
from registry.cells import choice as one_of
from registry.cells import code, day, flag, text, time_of_day
from registry.column import Blank, Column, Kind
from registry.people import (
    DAYS,
    LANGUAGES,
    WITHIN_A_DAY,
    address,
    contact_key,
    days,
    duty_key,
    email,
    endpoint,
    substitute_key,
    zones,
)
from registry.phones import phone
from store.registry_people import DutyRow, OrganisationRow, SubstituteRow
from store.registry_rows import ContactRow

ORGANISATIONS: Final[dict[str, str]] = {row.name: row.zh for row in ORGANISATION_KINDS}
_OF_REGION = Column(
    "region",
    "区域编码",
    code,
    "the contact's region; or its organisation",
    "联系人所属区域，与单位二选一",
    "150521101201",
    None,
    ("村编码",),
)
_OF_ORGANISATION = Column(
    "organisation", "单位编号", code, "the contact's organisation", "联系人所属单位的编号", "", None, ("所属单位",)
)
_FIRST = Column("first_day", "开始日期", day, "first day", "从哪天起", "2026-02-15", Blank.REFUSED, ("起始日期",))
_LAST = Column(
    "last_day",
    "结束日期",
    day,
    "last day on which a shift begins; empty: until further notice",
    "到哪天止，留空为长期",
    "2026-02-23",
    None,
    ("截止日期",),
)
_WITHDRAWN = Column("withdrawn", "作废", flag, "the row does not count any more", "此行不再有效", "no", blank=False)

PEOPLE: Final[tuple[Kind, ...]] = (
    Kind(
        "organisations",
        "单位",
        OrganisationRow,
        ("code",),
        ("zones",),
        (
            Column(
                "code",
                "单位编号",
                code,
                "a code of your own that stays",
                "自定编号，以后不变",
                "GAS-01",
                Blank.REFUSED,
                ("单位编码",),
            ),
            Column("name", "单位名称", text, "its name", "单位名称", "某某燃气公司", Blank.REFUSED, ("名称",)),
            Column(
                "kind",
                "单位类型",
                one_of(ORGANISATIONS),
                "which alarms and incidents it hears of",
                "决定通知哪些告警",
                "gas",
                Blank.REFUSED,
                ("类型",),
                ORGANISATIONS,
            ),
            Column(
                "zones",
                "负责区域",
                zones,
                "codes of regions, each with all below; empty: it hears of nothing",
                "区域编码，含其下级，可填多个",
                "150521 150522",
                "",
                ("服务区域",),
            ),
        ),
    ),
    Kind(
        "contacts",
        "联系人",
        ContactRow,
        ("region", "phone"),
        ("phone",),
        (
            Column(
                "region",
                "区域编码",
                code,
                "whose alarms; or one of organisation and home",
                "负责区域的编码，与单位、户三选一",
                "150521101201",
                None,
                ("村编码", "负责区域"),
            ),
            Column("name", "姓名", text, "who", "姓名", "王某某", Blank.REFUSED, ("联系人",)),
            Column("role", "职务", text, "as what", "职务", "村委会值班", aliases=("角色",)),
            Column(
                "phone",
                "电话",
                phone,
                "mobile, landline with area code, or +country",
                "手机、带区号座机或 +国家代码",
                "13800000201",
                None,
                ("手机", "手机号", "联系电话"),
            ),
            Column(
                "language",
                "语言",
                one_of(LANGUAGES),
                "of the messages; empty: zh-CN",
                "通知用的语言，留空为中文",
                "zh-CN",
                "zh-CN",
                (),
                LANGUAGES,
            ),
            Column("wecom_id", "企业微信账号", code, "user id in WeCom", "企业微信的成员账号", "", None, ("企业微信",)),
            Column(
                "wechat_id",
                "微信openid",
                code,
                "openid at the Official Account",
                "公众号的 openid",
                "",
                None,
                ("openid",),
            ),
            Column("email", "邮箱", email, "mail address", "电子邮箱", "", None, ("电子邮箱",)),
            Column(
                "endpoint",
                "群机器人",
                endpoint,
                "wecom_robot:NAME or webhook:NAME of the settings",
                "wecom_robot:名称 或 webhook:名称",
                "",
                None,
                ("机器人",),
            ),
            Column(
                "organisation",
                "单位编号",
                code,
                "code of the organisation that it belongs to",
                "所属单位的编号",
                "",
                None,
                ("所属单位",),
            ),
            Column(
                "home",
                "户编号",
                code,
                "code of the vulnerable home whose relative it is",
                "重点户的编号（亲属）",
                "",
                None,
                ("亲属户编号",),
            ),
        ),
        contact_key,
    ),
    Kind(
        "duties",
        "值班",
        DutyRow,
        ("region", "contact", "first_day", "days", "begins"),
        ("begins",),
        (
            _OF_REGION,
            _OF_ORGANISATION,
            Column(
                "contact",
                "值班电话",
                address,
                "phone of the contact, or what else it is known by",
                "联系人的电话（没有电话的填其账号）",
                "13800000201",
                Blank.REFUSED,
                ("值班人电话",),
            ),
            _FIRST,
            _LAST,
            Column(
                "days",
                "值班日",
                days,
                "every, workdays, rest_days, or weekdays as mon,thu; empty: every",
                "每天、工作日、休息日，或周一、周四",
                "every",
                "every",
                (),
                DAYS,
            ),
            Column(
                "begins", "上班时间", time_of_day, "empty: 00:00", "留空为 00:00", "20:00", WITHIN_A_DAY, ("开始时间",)
            ),
            Column(
                "ends",
                "下班时间",
                time_of_day,
                "not after begins: on the next day; empty: 00:00",
                "不晚于上班时间则为次日，留空为 00:00",
                "08:00",
                WITHIN_A_DAY,
                ("结束时间",),
            ),
            _WITHDRAWN,
        ),
        duty_key,
    ),
    Kind(
        "substitutes",
        "替班",
        SubstituteRow,
        ("region", "contact", "substitute", "first_day"),
        ("substitute",),
        (
            _OF_REGION,
            _OF_ORGANISATION,
            Column(
                "contact",
                "请假人电话",
                address,
                "phone of who is away, or what else it is known by",
                "请假人的电话（没有电话的填其账号）",
                "13800000201",
                Blank.REFUSED,
                ("请假人",),
            ),
            Column(
                "substitute",
                "替班电话",
                address,
                "phone of who stands in",
                "替班人的电话",
                "13800000202",
                Blank.REFUSED,
                ("替班人电话", "替班人"),
            ),
            _FIRST,
            _LAST,
            _WITHDRAWN,
        ),
        substitute_key,
    ),
)
