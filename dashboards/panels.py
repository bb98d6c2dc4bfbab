"""Panels in the house's style: what all boards share, said once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from dashboards.sdk import bargauge, builders, common_builders, common_models, models, stat, table, timeseries
from dashboards.target import PostgresQuery, datasource

Props = list[models.DynamicConfigValue]
ValueMapping: TypeAlias = models.ValueMap | models.RangeMap | models.RegexMap | models.SpecialValueMap
Panel: TypeAlias = stat.Panel | table.Panel | timeseries.Panel | bargauge.Panel

GAP_MS = 15 * 60 * 1000
"""A line is drawn across gaps up to this; a longer silence is seen as a gap. The slowest types report every 5 min."""


@dataclass(frozen=True)
class Place:
    """Where a panel is: Grafana's grid has 24 columns, a row is 30 px and the gap 8 px."""

    x: int
    y: int
    w: int
    h: int

    @property
    def grid(self) -> models.GridPos:
        """The place as the SDK wants it."""
        return models.GridPos(x=self.x, y=self.y, w=self.w, h=self.h)


def prop(name: str, value: object) -> models.DynamicConfigValue:
    """One property of an override, e.g. `prop("unit", "celsius")`."""
    return models.DynamicConfigValue(id_val=name, value=value)


def steps(
    *pairs: tuple[float | None, str], mode: models.ThresholdsMode = models.ThresholdsMode.ABSOLUTE
) -> builders.ThresholdsConfig:
    """Thresholds from (from this value on, colour); the first has None."""
    return builders.ThresholdsConfig().mode(mode).steps([models.Threshold(value, color) for value, color in pairs])


def step_prop(*pairs: tuple[float | None, str]) -> models.DynamicConfigValue:
    """The same for one column of a table or one value of a stat."""
    return prop("thresholds", steps(*pairs).build())


def value_map(**shown: tuple[str, str]) -> models.ValueMap:
    """Texts and colours instead of values: `critical=("紧急", "red")`."""
    return models.ValueMap(
        options={
            value: models.ValueMappingResult(text=text, color=color, index=place)
            for place, (value, (text, color)) in enumerate(shown.items())
        }
    )


def link(title: str, url: str) -> models.DashboardLink:
    """A link on a cell or a value."""
    return models.DashboardLink(title=title, url=url)


def link_prop(title: str, url: str) -> models.DynamicConfigValue:
    """The same as a property; only the two fields that a data link has."""
    return prop("links", [{"title": title, "url": url}])


WHEN = prop("unit", "dateTimeAsLocal")
"""A moment, in the reader's own time."""


def coloured_cell() -> models.DynamicConfigValue:
    """The cell's background takes the colour of its value."""
    return prop(
        "custom.cellOptions",
        common_models.TableColoredBackgroundCellOptions(mode=common_models.TableCellBackgroundDisplayMode.BASIC),
    )


def coloured_text() -> models.DynamicConfigValue:
    """The cell's text takes the colour of its value."""
    return prop("custom.cellOptions", common_models.TableColorTextCellOptions())


def wrapped_text() -> models.DynamicConfigValue:
    """A long text goes on in the next line of its cell."""
    return prop("custom.wrapText", True)


def column(title: str, *properties: models.DynamicConfigValue, width: int | None = None) -> Props:
    """The properties of a table's column: its title, its width and more."""
    sized = [] if width is None else [prop("custom.width", width)]
    return [prop("displayName", title), *sized, *properties]


def hidden() -> Props:
    """A column that is there only for the links of the others; Grafana 12.2 renamed the property."""
    return [prop("custom.hidden", True), prop("custom.hideFrom", {"viz": True, "legend": False, "tooltip": False})]


def stat_panel(
    title: str, description: str, place: Place, sql: str, *, colour: Literal["value", "background"] = "value"
) -> stat.Panel:
    """Large numbers; each column of the query's one row is one of them."""
    mode = common_models.BigValueColorMode.VALUE if colour == "value" else common_models.BigValueColorMode.BACKGROUND
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .grid_pos(place.grid)
        .datasource(datasource())
        .with_target(PostgresQuery(sql))
        .color_mode(mode)
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .justify_mode(common_models.BigValueJustifyMode.CENTER)
        .text_mode(common_models.BigValueTextMode.VALUE_AND_NAME)
        .orientation(common_models.VizOrientation.VERTICAL)
        .wide_layout(False)
        .reduce_options(_last_value())
        .no_value("—")
        .unit("none")
        .thresholds(steps((None, "text")))
    )


def table_panel(title: str, description: str, place: Place, sql: str, columns: dict[str, Props]) -> table.Panel:
    """Rows as the query gives them; `columns` says how each is shown."""
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .grid_pos(place.grid)
        .datasource(datasource())
        .with_target(PostgresQuery(sql))
        .cell_height(common_models.TableCellHeight.SM)
        .no_value("无 none")
        .unit("none")
        .thresholds(steps((None, "text")))
    )
    for name, properties in columns.items():
        panel.override_by_name(name, properties)
    return panel


def bars_panel(title: str, description: str, place: Place, sql: str, *, rows: bool = True) -> bargauge.Panel:
    """Horizontal bars: one for each row (a text and a number), or one for each column of one row."""
    options = common_builders.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(rows)
    return (
        bargauge.Panel()
        .title(title)
        .description(description)
        .grid_pos(place.grid)
        .datasource(datasource())
        .with_target(PostgresQuery(sql))
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .display_mode(common_models.BarGaugeDisplayMode.BASIC)
        .value_mode(common_models.BarGaugeValueMode.TEXT)
        .name_placement(common_models.BarGaugeNamePlacement.LEFT)
        .reduce_options(options)
        .min(0)
        .no_value("无 none")
        .unit("none")
        .thresholds(steps((None, "blue")))
    )


def lines_panel(title: str, description: str, place: Place, sql: str) -> timeseries.Panel:
    """Lines over time with a legend that tells the newest, lowest and highest value of each."""
    return (
        timeseries.Panel()
        .title(title)
        .description(description)
        .grid_pos(place.grid)
        .datasource(datasource())
        .with_target(PostgresQuery(sql, "time_series"))
        .interval("1m")
        .line_width(2)
        .fill_opacity(0)
        .show_points(common_models.VisibilityMode.AUTO)
        .span_nulls(GAP_MS)
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common_models.LegendDisplayMode.TABLE)
            .placement(common_models.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "min", "max"])
        )
        .tooltip(
            common_builders.VizTooltipOptions()
            .mode(common_models.TooltipDisplayMode.MULTI)
            .sort(common_models.SortOrder.DESCENDING)
        )
    )


def _last_value() -> common_builders.ReduceDataOptions:
    return common_builders.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)
