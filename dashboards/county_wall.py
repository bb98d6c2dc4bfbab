"""旗县大屏, the county wall: what an operator on duty needs at one glance, on one screen of 1920 × 1080.

27 grid rows of 38 px fill such a screen in kiosk mode without scrolling.
"""

from __future__ import annotations

from catalogue.metrics import METRIC
from dashboards.panels import (
    Panel,
    Place,
    bars_panel,
    coloured_cell,
    coloured_text,
    column,
    hidden,
    lines_panel,
    link_prop,
    prop,
    stat_panel,
    step_prop,
    steps,
    table_panel,
)
from dashboards.queries import EVERYBODY, query
from dashboards.sdk import builders, common_builders, common_models, models
from dashboards.target import datasource
from dashboards.units import unit_id
from dashboards.words import CONDITIONS, MESSAGE_KINDS, MESSAGE_STATES, PRIORITIES, shown_as

UID = "nuanshao-county-wall"
HOME_DEVICE_UID = "nuanshao-home-device"

CO_STEPS: tuple[tuple[float | None, str], ...] = (
    (None, "green"), (30, "yellow"), (50, "orange"), (100, "red"), (300, "dark-red"),
)  # fmt: skip
"""30, 50, 100 and 300 ppm are where EN 50291-1 starts its clocks."""
COLD_C = 14
"""Design temperature of rural rooms; also in sql/county_wall.sql."""

_VILLAGE_LINK = link_prop("户与设备 home & device", f"/d/{HOME_DEVICE_UID}?var-village=${{__data.fields.village_code}}")
_HOME_LINK = link_prop(
    "户与设备 home & device",
    f"/d/{HOME_DEVICE_UID}?var-village=${{__data.fields.village_code}}&var-home=${{__data.fields.home}}&var-device=$__all",
)
_NONE_IS_GOOD = step_prop((None, "green"), (1, "red"))
_SHARE = (prop("unit", "percentunit"), prop("decimals", 1))
_WHEN = prop("unit", "time:MM-DD HH:mm")
_AGE = (prop("unit", "s"), prop("decimals", 0))


def county_wall() -> builders.Dashboard:
    """The board, with its panels in reading order."""
    board = (
        builders.Dashboard("旗县大屏 County wall")
        .uid(UID)
        .description(
            "值班一览：设备在报、报警、事件、室温、用电、消息 · On duty: devices, alarms, incidents, rooms, messages"
        )
        .tags(["nuanshao", "暖哨"])
        .readonly()
        .timezone("browser")
        .time("now-24h", "now")
        .refresh("10s")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(
            builders.QueryVariable("county")
            .label("旗县 county")
            .description("只看所选旗县 · Only the chosen counties")
            .datasource(datasource())
            .query(query("county_options"))
            .refresh(models.VariableRefresh.ON_DASHBOARD_LOAD)
            .multi(True)
            .include_all(True)
            .all_value("'*'")
            .current(models.VariableOption(selected=True, text=["All"], value=["$__all"]))
        )
    )
    for number, panel in enumerate((*_numbers(), *_lists(), *_villages(), *_flows()), start=1):
        board.with_panel(panel.id(number))
    return board


def _numbers() -> tuple[Panel, ...]:
    priority_steps = {
        name: step_prop((None, "semi-dark-green"), (1, colour)) for name, (_, colour) in PRIORITIES.items()
    }
    by_priority = stat_panel(
        "未关闭报警 Open alarms",
        "按优先级；不含已搁置、已抑制 · By priority; shelved and inhibited ones are not counted",
        Place(4, 0, 6, 4),
        query("open_alarms_by_priority"),
        colour="background",
    )
    for name, (shown, _) in PRIORITIES.items():
        by_priority.override_by_name(name, [prop("displayName", shown), priority_steps[name]])
    return (
        stat_panel(
            "设备在报 Devices reporting",
            "3 个周期（至少 10 分钟）内有读数 · In service, with a reading within 3 intervals or 10 min",
            Place(0, 0, 4, 4),
            query("reporting"),
        )
        .override_by_name("reporting", [prop("displayName", "在报 reporting")])
        .override_by_name("registered", [prop("displayName", "在册 registered")])
        .override_by_name(
            "share",
            [prop("displayName", "占比 share"), *_SHARE, step_prop((None, "red"), (0.8, "orange"), (0.95, "green"))],
        ),
        by_priority,
        stat_panel(
            "待确认 Unacknowledged",
            "紧急与高级报警中无人确认的数量，及等待最久者 · Critical and high alarms nobody has, and the longest wait",
            Place(10, 0, 3, 4),
            query("unacknowledged"),
        )
        .override_by_name("waiting", [prop("displayName", "数量 count"), _NONE_IS_GOOD])
        .override_by_name(
            "oldest",
            [prop("displayName", "最久 longest"), *_AGE, step_prop((None, "green"), (300, "orange"), (900, "red"))],
        ),
        stat_panel(
            "整村失联 Incidents",
            "未结束的事件与其中仍失联的户数 · Incidents that have not ended, and the homes still silent in them",
            Place(13, 0, 3, 4),
            query("open_incident_count"),
        )
        .override_by_name("incidents", [prop("displayName", "事件 incidents"), _NONE_IS_GOOD])
        .override_by_name("silent", [prop("displayName", "失联 silent"), step_prop((None, "text"), (1, "orange"))]),
        stat_panel(
            "入库 Readings",
            "最近 5 分钟平均每分钟入库读数 · Readings stored per minute, mean of the last 5 min",
            Place(16, 0, 2, 4),
            query("readings_per_minute"),
        ).override_by_name(
            "readings_per_minute",
            [prop("displayName", "每分钟 /min"), prop("decimals", 0), step_prop((None, "red"), (1, "green"))],
        ),
        stat_panel(
            "程序 Processes",
            "一分钟内有心跳；入库须连着消息代理 · Heartbeat within a minute; ingest connected to the broker",
            Place(20, 0, 2, 4),
            query("processes"),
        )
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .override_by_name("ingest", [prop("displayName", "入库 ingest"), step_prop((None, "red"), (1, "green"))])
        .override_by_name("alerts", [prop("displayName", "报警 alerts"), step_prop((None, "red"), (1, "green"))]),
        stat_panel(
            "入库延迟 Ingest lag",
            "测量到收到，95% 的读数不超过，最近 5 分钟 · From measured to received, 95th percentile, last 5 min",
            Place(18, 0, 2, 4),
            query("ingest_lag"),
        ).override_by_name(
            "p95",
            [prop("displayName", "p95"), prop("unit", "s"), step_prop((None, "green"), (10, "orange"), (60, "red"))],
        ),
        stat_panel(
            "台账 Ledger",
            "收到 − 入库 − 重复 − 拒绝，应为 0 · received − stored − duplicate − rejected, must be 0",
            Place(22, 0, 2, 4),
            query("ledger_balance"),
        ).override_by_name(
            "missing", [prop("displayName", "差额 missing"), step_prop((None, "red"), (0, "green"), (1, "red"))]
        ),
    )


def _lists() -> tuple[Panel, ...]:
    return (
        table_panel(
            "报警列表 Open alarms",
            "最紧急、最新的在前，演练在后；点住户打开详情 · Most urgent first, drills last; a home opens its board",
            Place(0, 4, 16, 10),
            query("open_alarms", whose=EVERYBODY),
            {
                "priority": column(
                    "优先级 priority", prop("mappings", shown_as(PRIORITIES)), coloured_cell(), width=110
                ),
                "village": column("村 village", _VILLAGE_LINK, width=100),
                "home": column("户 home", _HOME_LINK, width=110),
                "type_zh": column("设备 device", width=140),
                "rule": column("规则 rule"),
                "since": column("起始 since", _WHEN, width=110),
                "age": column("持续 age", *_AGE, width=80),
                "last_value": column("当前 value", prop("decimals", 1), width=75),
                "peak_value": column("峰值 peak", prop("decimals", 1), width=75),
                "condition": column("状态 state", prop("mappings", shown_as(CONDITIONS)), coloured_text(), width=130),
                "acknowledged": column("确认人 acknowledged by", width=110),
                "uid": hidden(),
                "village_code": hidden(),
            },
        ),
        table_panel(
            "各村状态 Villages",
            "报警多、在报少的在前；点村名打开详情 · Most alarms and fewest reporting first; a village opens its homes",
            Place(16, 4, 8, 10),
            query("village_status"),
            {
                "village": column("村 village", _VILLAGE_LINK),
                "homes": column("户 homes", width=55),
                "share": column(
                    "在报 reporting",
                    *_SHARE,
                    coloured_text(),
                    step_prop((None, "red"), (0.8, "orange"), (0.95, "green")),
                    width=80,
                ),
                "critical": column(
                    "紧急 critical", coloured_cell(), step_prop((None, "transparent"), (1, "red")), width=75
                ),
                "alarms": column("报警 alarms", coloured_text(), step_prop((None, "text"), (1, "orange")), width=65),
                "silent": column("失联 silent", coloured_text(), step_prop((None, "text"), (1, "purple")), width=65),
                "power_w": column("电功率 power", prop("unit", unit_id(METRIC["power_w"].unit)), width=90),
                "co_ppm": column(
                    "CO 最高 max",
                    prop("unit", unit_id(METRIC["co_ppm"].unit)),
                    prop("decimals", METRIC["co_ppm"].decimals),
                    coloured_text(),
                    step_prop(*CO_STEPS),
                    width=80,
                ),
                "village_code": hidden(),
            },
        ),
    )


def _villages() -> tuple[Panel, ...]:
    co, indoor, power = METRIC["co_ppm"], METRIC["indoor_c"], METRIC["power_w"]
    degrees = (prop("unit", unit_id(indoor.unit)), prop("decimals", indoor.decimals))
    cold = step_prop((None, "blue"), (COLD_C, "green"), (26, "orange"))
    return (
        bars_panel(
            "一氧化碳最高的户 Worst CO now",
            "在报探测器的最新值 · Newest values of the detectors that report",
            Place(0, 14, 6, 7),
            query("co_worst"),
        )
        .unit(unit_id(co.unit))
        .decimals(co.decimals)
        .max(300)
        .value_mode(common_models.BarGaugeValueMode.COLOR)
        .thresholds(steps(*CO_STEPS)),
        table_panel(
            "各村室温 Indoor temperature by village",
            "空置户不计；最冷的在前 · Vacant homes are left out; coldest first",
            Place(6, 14, 7, 7),
            query("indoor_by_village"),
            {
                "village": column("村 village", _VILLAGE_LINK),
                "homes": column("户 homes", width=55),
                "median": column("中位 median", *degrees, coloured_text(), cold, width=90),
                "p10": column("最冷一成 p10", *degrees, coloured_text(), cold, width=100),
                "cold_share": column(
                    f"低于 {COLD_C} °C 占比 share",
                    *_SHARE,
                    coloured_text(),
                    step_prop((None, "green"), (0.05, "orange"), (0.2, "red")),
                    width=130,
                ),
                "village_code": hidden(),
            },
        ),
        bars_panel(
            "各村用电功率 Power demand by village",
            "在报设备的电功率之和 · Sum over the devices that report",
            Place(13, 14, 5, 7),
            query("power_by_village"),
        ).unit(unit_id(power.unit)),
        table_panel(
            "未结束事件 Open incidents",
            "疑似停电或断网：m 户中 n 户失联；演练在后 · Suspected outage: n of m homes silent; drills last",
            Place(18, 14, 6, 7),
            query("open_incidents"),
            {
                "village": column("村 village", _VILLAGE_LINK),
                "silent": column("失联户 n / m silent", width=95),
                "homes_back": column("已恢复 back", width=70),
                "age": column("持续 age", *_AGE, width=90),
                "began_at": column("起始 since", _WHEN, width=110),
                "village_code": hidden(),
            },
        ),
    )


def _flows() -> tuple[Panel, ...]:
    raised = (
        lines_panel(
            "每小时新报警 Alarms raised per hour",
            "按优先级叠加 · Stacked by priority",
            Place(0, 21, 6, 6),
            query("alarms_raised"),
        )
        .unit("none")
        .decimals(0)
        .min(0)
        .draw_style(common_models.GraphDrawStyle.BARS)
        .fill_opacity(80)
        .stacking(common_builders.StackingConfig().mode(common_models.StackingMode.NORMAL).group("A"))
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common_models.LegendDisplayMode.LIST)
            .placement(common_models.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )
    for name, (shown, colour) in PRIORITIES.items():
        raised.override_by_name(
            name, [prop("displayName", shown), prop("color", {"mode": "fixed", "fixedColor": colour})]
        )
    states = bars_panel(
        "消息状态 Messages by state",
        "所选时段内产生的消息，现在到哪一步 · Messages made in the time shown, and how far they are",
        Place(10, 21, 4, 6),
        query("messages_by_state"),
        rows=False,
    ).value_mode(common_models.BarGaugeValueMode.COLOR)
    for name in ("pending", "accepted", "delivered", "handed_over", "failed", "superseded"):
        shown, colour = MESSAGE_STATES[name]
        states.override_by_name(name, [prop("displayName", shown), step_prop((None, colour))])
    return (
        raised,
        bars_panel(
            "拒收原因 Rejected by reason",
            "所选时段内无法读取或不可入库的消息（全部旗县） · Payloads that could not be read or stored (all counties)",
            Place(6, 21, 4, 6),
            query("rejected_by_reason"),
        ).thresholds(steps((None, "orange"))),
        states,
        table_panel(
            "最近消息 Last messages",
            "演练在后；号码不进大屏 · Drills last; phone numbers are kept from Grafana altogether",
            Place(14, 21, 10, 6),
            query("last_messages", whose=EVERYBODY),
            {
                "created_at": column("时间 time", _WHEN, width=110),
                "state": column("状态 state", prop("mappings", shown_as(MESSAGE_STATES)), coloured_text(), width=130),
                "village": column("村 village", width=110),
                "kind": column("类别 kind", prop("mappings", shown_as(MESSAGE_KINDS)), width=110),
                "channel": column("渠道 channel", width=90),
                "contact": column("接收人 recipient"),
                "reason": column("原因 reason"),
            },
        ),
    )
