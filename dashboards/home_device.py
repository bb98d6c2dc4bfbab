"""户与设备, one home and its devices: made from the catalogue, so that a new metric shows up by building again."""

from __future__ import annotations

from collections.abc import Iterator

from catalogue.metrics import METRIC, Metric
from dashboards.county_wall import CO_STEPS, COLD_C, HOME_DEVICE_UID
from dashboards.county_wall import UID as COUNTY_WALL_UID
from dashboards.panels import (
    GAP_MS,
    WHEN,
    Panel,
    Place,
    ValueMapping,
    coloured_cell,
    coloured_text,
    column,
    lines_panel,
    prop,
    stat_panel,
    steps,
    table_panel,
    value_map,
    wrapped_text,
)
from dashboards.queries import EVERYBODY, averages, labelled, query
from dashboards.sdk import builders, common_builders, common_models, models, statetimeline, timeseries
from dashboards.target import PostgresQuery, datasource
from dashboards.units import by_unit, decimals, label, unit_id
from dashboards.words import CONDITIONS, MESSAGE_KINDS, MESSAGE_STATES, PRIORITIES, shown_as

CARDS = ("indoor_c", "flow_c", "power_w", "co_ppm")
"""What a person asks for first; shown large."""
WORST = ("co_ppm",)
"""Of these the highest value counts, not the newest."""
OPEN_UNITS = ("ppm", "%LEL", "°C", "W", "bar", "kWh")
"""What has its place on the board itself; a unit that is not named here is in the folded row."""
BAD_STATES = ("alarm", "lockout", "end_of_life")
"""States that are bad news when they are on; shown red."""
GAS_STEPS: tuple[tuple[float | None, str], ...] = ((None, "green"), (5, "orange"), (10, "red"))
"""5 and 10 %LEL, where the default rules raise."""
_CARD_STEPS: dict[str, tuple[tuple[float | None, str], ...]] = {
    "co_ppm": CO_STEPS,
    "indoor_c": ((None, "blue"), (COLD_C, "green"), (26, "orange")),
}
_UNIT_TITLES = {
    "°C": "温度 Temperatures",
    "bar": "压力 Pressures",
    "W": "功率与制热 Power and heat",
    "%": "百分比 Percentages",
    "ppm": "一氧化碳 Carbon monoxide",
    "%LEL": "甲烷 Methane",
}


def home_device() -> builders.Dashboard:
    """The board: cards and tables first, then a panel for each unit of the catalogue."""
    board = (
        builders.Dashboard("户与设备 Home & device")
        .uid(HOME_DEVICE_UID)
        .description("一户及其设备的读数、报警与消息 · Readings, alarms and messages of one home and its devices")
        .tags(["nuanshao", "暖哨"])
        .readonly()
        .timezone("browser")
        .time("now-24h", "now")
        .refresh("30s")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(_back_to_the_wall())
        .annotation(
            builders.AnnotationQuery()
            .name("报警 alarms")
            .datasource(datasource())
            .enable(True)
            .icon_color("red")
            .target(PostgresQuery(query("alarm_annotations"), ref_id="Anno"))
        )
    )
    for variable in _variables():
        board.with_variable(variable)
    panels = (*_cards(), *_tables(), *_series())
    for number, panel in enumerate(panels, start=1):
        board.with_panel(panel.id(number))
    return board.with_row(_more(len(panels) + 1))


def _back_to_the_wall() -> builders.DashboardLink:
    return builders.DashboardLink("旗县大屏 County wall").url(f"/d/{COUNTY_WALL_UID}").icon("arrow-left")


def _variables() -> Iterator[builders.QueryVariable]:
    for name, shown, block in (
        ("village", "村 village", "village_options"),
        ("home", "户 home", "home_options"),
        ("device", "设备 device", "device_options"),
    ):
        variable = (
            builders.QueryVariable(name)
            .label(shown)
            .datasource(datasource())
            .query(query(block))
            .refresh(models.VariableRefresh.ON_DASHBOARD_LOAD)
        )
        if name == "device":
            everything = models.VariableOption(selected=True, text=["All"], value=["$__all"])
            variable.multi(True).include_all(True).all_value("'*'").current(everything)
        yield variable


def _cards() -> Iterator[Panel]:
    yield (
        stat_panel(
            "最近读数 Last reading",
            "距最近一次测量 · Since the newest measurement of any device here",
            Place(0, 0, 4, 4),
            query("last_seen"),
        )
        .unit("s")
        .decimals(0)
        .thresholds(steps((None, "green"), (600, "orange"), (1800, "red")))
        .text_mode(common_models.BigValueTextMode.VALUE)
    )
    yield (
        stat_panel(
            "未关闭报警 Open alarms",
            "含已搁置、已抑制 · Shelved and inhibited ones too",
            Place(4, 0, 4, 4),
            query("home_open_alarms"),
            colour="background",
        )
        .thresholds(steps((None, "semi-dark-green"), (1, "red")))
        .text_mode(common_models.BigValueTextMode.VALUE)
    )
    for place, name in enumerate(CARDS):
        metric = METRIC[name]
        zh, en = ("最高", "Highest") if name in WORST else ("最新", "Newest")
        card = (
            stat_panel(
                label(metric),
                f"在报设备中 {name} 的{zh}值 · {en} value of {name} among the devices that report",
                Place(8 + 4 * place, 0, 4, 4),
                query("worst_metric" if name in WORST else "latest_metric", metric=name),
            )
            .unit(unit_id(metric.unit))
            .thresholds(steps(*_CARD_STEPS.get(name, ((None, "text"),))))
            .text_mode(common_models.BigValueTextMode.VALUE)
        )
        places = decimals((metric,))
        yield card if places is None else card.decimals(places)


def _tables() -> tuple[Panel, ...]:
    return (
        table_panel(
            "最新读数 Latest reading",
            "每台设备最近一次读数的全部测点 · All that each device measured last",
            Place(0, 4, 8, 14),
            query("latest_reading"),
            {
                "device": column("设备 device", wrapped_text(), width=170),
                "quantity": column("测点 quantity", wrapped_text()),
                "value": column("值 value", prop("custom.align", "right"), width=100),
                "ts": column("测量时间 measured", WHEN, width=150),
            },
        ),
        table_panel(
            "本户报警 Alarms of this home",
            "未关闭的在前，演练在后；已关闭的限所选时段 · Open ones first, drills last; closed ones of the time shown",
            Place(8, 4, 16, 7),
            query("home_alarms", whose=EVERYBODY),
            {
                "priority": column(
                    "优先级 priority", prop("mappings", shown_as(PRIORITIES)), coloured_cell(), width=110
                ),
                "since": column("起始 since", WHEN, width=150),
                "type_zh": column("设备 device", width=140),
                "rule": column("规则 rule"),
                "condition": column("状态 state", prop("mappings", shown_as(CONDITIONS)), coloured_text(), width=140),
                "last_value": column("当前 value", prop("decimals", 1), width=85),
                "peak_value": column("峰值 peak", prop("decimals", 1), width=85),
                "acknowledged": column("确认人 acknowledged by", width=120),
                "cleared_at": column("恢复 cleared", WHEN, width=150),
                "reason": column("原因 reason"),
            },
        ),
        table_panel(
            "相关消息 Messages about it",
            "关于本户报警或其所在事件的消息；号码不进看板 · About its alarms and incidents; no phone numbers here",
            Place(8, 11, 16, 7),
            query("home_messages", whose=EVERYBODY),
            {
                "created_at": column("时间 time", WHEN, width=150),
                "state": column("状态 state", prop("mappings", shown_as(MESSAGE_STATES)), coloured_text(), width=130),
                "kind": column("类别 kind", prop("mappings", shown_as(MESSAGE_KINDS)), width=110),
                "channel": column("渠道 channel", width=80),
                "contact": column("接收人 recipient", width=140),
                "attempts": column("次数 attempts", width=70),
                "reason": column("原因 reason", width=120),
                "body": column("内容 text", wrapped_text()),
            },
        ),
    )


def _series() -> Iterator[Panel | statetimeline.Panel]:
    measures, counters = by_unit("measure"), by_unit("counter")
    yield _threshold_lines(measures["ppm"], CO_STEPS, Place(0, 18, 12, 8))
    yield _threshold_lines(measures["%LEL"], GAS_STEPS, Place(12, 18, 12, 8))
    yield _unit_panel(measures["°C"], Place(0, 26, 24, 11))
    yield _states(Place(0, 37, 24, 7))
    yield _unit_panel(measures["W"], Place(0, 44, 12, 8))
    yield _cop(Place(12, 44, 12, 8))
    yield _unit_panel(measures["bar"], Place(0, 52, 12, 8))
    yield _increase(counters["kWh"], Place(12, 52, 12, 8))
    yield _flagged(Place(0, 60, 14, 8))
    yield _events(Place(14, 60, 10, 8))


def _more(row_id: int) -> builders.Row:
    """The units that have no place above, folded away: most homes measure few of them."""
    at = 68
    row = builders.Row("更多测点 More quantities").collapsed(True).id(row_id).grid_pos(Place(0, at, 24, 1).grid)
    rest = [(_unit_panel, group) for unit, group in by_unit("measure").items() if unit not in OPEN_UNITS]
    # seconds since start are shown as they are: the teeth of the saw are the restarts
    rest += [
        (_unit_panel if unit == "s" else _increase, group)
        for unit, group in by_unit("counter").items()
        if unit not in OPEN_UNITS
    ]
    for number, (make, group) in enumerate(rest):
        place = Place(12 * (number % 2), at + 1 + 8 * (number // 2), 12, 8)
        row.with_panel(make(group, place).id(row_id + 1 + number))
    return row


def _unit_panel(group: tuple[Metric, ...], place: Place) -> timeseries.Panel:
    title = _UNIT_TITLES.get(group[0].unit, " · ".join(label(metric) for metric in group))
    sql = query("series", columns=averages(group), labelled=labelled(group))
    described = "、".join(metric.zh for metric in group)
    panel = lines_panel(title, f"{described} · mean per bucket of {', '.join(m.name for m in group)}", place, sql)
    panel.unit(unit_id(group[0].unit))
    places = decimals(group)
    return panel if places is None else panel.decimals(places)


def _threshold_lines(
    group: tuple[Metric, ...], limits: tuple[tuple[float | None, str], ...], place: Place
) -> timeseries.Panel:
    """Highest value per bucket, with the limits as dashed lines: an average would hide a short peak."""
    panel = _unit_panel(group, place)
    sql = query("series", columns=averages(group, "max"), labelled=labelled(group))
    drawn = " / ".join(f"{limit:g}" for limit, _ in limits if limit is not None)
    return (
        panel.targets([PostgresQuery(sql, "time_series")])
        .description(f"每段最高值；虚线 {drawn} {group[0].unit} · highest per bucket; dashed lines at {drawn}")
        .min(0)
        .axis_soft_max(next(limit for limit, _ in limits[1:] if limit is not None) * 2)
        .thresholds(steps(*limits))
        .thresholds_style(
            common_builders.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED)
        )
    )


def _increase(group: tuple[Metric, ...], place: Place) -> timeseries.Panel:
    title = " · ".join(label(metric) for metric in group)
    sql = query("increase", columns=averages(group, "max"), labelled=labelled(group))
    panel = (
        lines_panel(
            f"{title}：增量 increase", "每小时或更长一段内的增量 · Growth per hour, or per longer bucket", place, sql
        )
        .interval("1h")
        .unit(unit_id(group[0].unit))
        .min(0)
        .draw_style(common_models.GraphDrawStyle.BARS)
        .fill_opacity(60)
    )
    places = decimals(group)
    return panel if places is None else panel.decimals(places)


def _cop(place: Place) -> timeseries.Panel:
    panel = lines_panel(
        "能效比 COP",
        "制热量 ÷ 电功率；除霜与停机不计 · Heat over electricity; not while defrosting or idle",
        place,
        query("cop"),
    )
    return panel.interval("10m").unit("none").decimals(2).min(0).axis_soft_max(5)


def _states(place: Place) -> statetimeline.Panel:
    group = tuple(metric for metrics in by_unit("state").values() for metric in metrics)
    sql = query("series", columns=averages(group, "max"), labelled=labelled(group))
    panel = (
        statetimeline.Panel()
        .title("状态 States")
        .description("每段内只要出现过即为开 · On where it was on at any time of the bucket")
        .grid_pos(place.grid)
        .datasource(datasource())
        .with_target(PostgresQuery(sql, "time_series"))
        .interval("1m")
        .unit("none")
        .decimals(0)
        .no_value("无 none")
        .show_value(common_models.VisibilityMode.NEVER)
        .merge_values(True)
        .span_nulls(GAP_MS)
        .mappings(_on_off("blue"))
    )
    for name in BAD_STATES:
        panel.override_by_regexp(f"/^{label(METRIC[name])} · /", [prop("mappings", _on_off("red"))])
    return panel


def _on_off(colour: str) -> list[ValueMapping]:
    return [value_map(**{"0": ("关 off", "rgba(128, 128, 128, 0.25)"), "1": ("开 on", colour)})]


def _flagged(place: Place) -> Panel:
    return table_panel(
        "有标记或故障码的读数 Flagged readings and faults",
        "质量标记的含义见 catalogue/flags.py · what the quality flags mean is told in catalogue/flags.py",
        place,
        query("home_flagged"),
        {
            "ts": column("测量 measured", WHEN, width=150),
            "uid": column("设备 device"),
            "flags": column("标记 flags", wrapped_text()),
            "fault": column("故障码 fault", width=90),
            "received_at": column("收到 received", WHEN, width=150),
            "device_ts": column("设备时钟 device clock", WHEN, width=150),
        },
    )


def _events(place: Place) -> Panel:
    return table_panel(
        "设备自报事件 Device's own events",
        "设备自己的报警位 · The device's own alarm bits",
        place,
        query("home_events"),
        {
            "ts": column("时间 time", WHEN, width=150),
            "uid": column("设备 device"),
            "type": column("事件 event"),
            "is_on": column("开 on", width=80),
            "received_at": column("收到 received", WHEN, width=150),
        },
    )
