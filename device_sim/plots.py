"""Pictures of the physics for the documents: each shows what a check in tests/ holds, so that a person can see it.

Needs matplotlib, which only the development environment has.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from device_sim.county import County
from device_sim.fleet.fleet import HEATINGS
from device_sim.fleet.plan import plan
from device_sim.heaters.heat_pump import HeatPumps, cop
from device_sim.heaters.heater import Start, Surroundings
from device_sim.homes.air import OUTDOOR_PPM, HomeAir, decay, rise_from, settled_ppm
from device_sim.sensors.detector import Detectors
from foundation.errors import ServiceMissing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KEYMARK: Final = ((-22, 35, 2.19), (-22, 55, 1.69), (-7, 30, 3.71), (-7, 52, 2.16), (2, 42, 3.34), (7, 36, 4.58))
"""EN 14825 Keymark medians: outdoor °C, flow °C, COP (SIMULATION.md, V)."""
_INK, _BLUE, _RED, _GREEN, _GREY = "#1c2733", "#2f6fb5", "#c0392b", "#2e8b57", "#9aa5b1"
_SIZE: Final = (9.0, 5.2)
_WEEK_FROM: Final = datetime(2026, 1, 11, 16, tzinfo=UTC)


def write(folder: Path) -> list[Path]:
    """Draws all pictures into `folder`; returns what was written. The same code gives the same bytes."""
    if find_spec("matplotlib") is None:
        raise ServiceMissing("matplotlib is not installed", do="use the development environment: make venv")
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    style: dict[Any, Any] = {
        "font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": _GREY,
        "axes.labelcolor": _INK, "text.color": _INK, "xtick.color": _INK, "ytick.color": _INK, "axes.grid": True,
        "grid.color": "#e6eaee", "legend.frameon": False, "figure.dpi": 110, "axes.titlelocation": "left",
        "axes.titleweight": "bold", "lines.linewidth": 1.6,
    }  # fmt: skip
    drawn: dict[str, Callable[[Figure], None]] = {"sim-cop": draw_cop, "sim-week": draw_week, "sim-co": draw_co}
    written = []
    folder.mkdir(parents=True, exist_ok=True)
    with plt.rc_context(style):
        for name, draw in drawn.items():
            figure = plt.figure(figsize=_SIZE, layout="constrained")
            draw(figure)
            file = folder / f"{name}.png"
            figure.savefig(file, metadata={"Software": None})
            plt.close(figure)
            written.append(file)
    return written


def draw_cop(figure: Figure) -> None:
    """COP against outdoor temperature with the Keymark medians, and where the defrosts are."""
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.3))
    outdoor_c = np.arange(-32.0, 16.0, 0.5)
    for flow_c, colour in ((35, _GREEN), (45, _BLUE), (55, _RED)):
        upper.plot(
            outdoor_c, cop(outdoor_c, np.full(len(outdoor_c), float(flow_c))), color=colour, label=f"flow {flow_c} °C"
        )
    for air_c, flow_c, median in KEYMARK:
        upper.errorbar(air_c, median, yerr=0.15 * median, fmt="o", ms=4, color=_INK, ecolor=_GREY, capsize=2)
        upper.annotate(f"{flow_c} °C", (air_c, median), xytext=(5, 5), textcoords="offset points", fontsize=8)
    upper.set(ylabel="COP", ylim=(0, 6.2), title="Heat pumps: COP against the EN 14825 Keymark medians (±15 %)")
    upper.legend(loc="upper left")
    upper.axvline(-19, color=_GREY, ls=":")
    upper.text(-19.2, 0.15, "design −19 °C", ha="right", fontsize=8, color=_GREY)
    temperatures = np.arange(-30.0, 9.0, 2.0)
    lower.bar(
        temperatures, [100 * _defrost_share(float(each)) for each in temperatures], width=1.6, color=_BLUE, alpha=0.75
    )
    lower.set(xlabel="outdoor °C", ylabel="% of time\ndefrosting")


def _defrost_share(outdoor_c: float) -> float:
    """Share of the running time in which pumps defrost at a temperature and 60 % humidity."""
    units, hours = 40, 12
    nothing = np.full(units, 18.0)
    pumps = HeatPumps(np.full(units, 7600.0), Start(12.0, outdoor_c, nothing), np.random.default_rng(1))
    powered = np.ones(units, dtype=np.bool_)
    during = 0.0
    for minute in range(hours * 60):
        pumps.step(
            Surroundings(
                60.0,
                minute * 60.0,
                12.0,
                outdoor_c,
                60.0,
                0.0,
                False,
                nothing,
                nothing,
                np.full(units, 5000.0),
                powered,
                {},
            )
        )
        during += float(pumps.frost.share.sum())
    return during / (hours * 60 * units)


def draw_week(figure: Figure) -> None:
    """A week of January in three homes: what the weather does, how warm it is, what the heater draws."""
    shown = ("air_source_heat_pump", "storage_electric_heater", "gas_wall_boiler")
    fleet = plan(7, 30, villages=3)
    county = County(fleet, 7, _WEEK_FROM)
    homes = [
        int(np.flatnonzero((fleet.home_heating == HEATINGS.index(name)) & ~fleet.home_vacant)[2]) for name in shown
    ]
    hours, outdoor_c, indoor_c, power_kw = [], [], [], []
    for minute in range(7 * 24 * 60):
        county.step(60.0)
        if minute % 10 == 0:
            hours.append(minute / 60 / 24)
            outdoor_c.append(county.weather.outdoor_c(county.now_s))
            indoor_c.append(county.houses.air_c[homes])
            power_kw.append(county.heating.power_w[homes] / 1000)
    axes: list[Axes] = list(figure.subplots(3, 1, sharex=True))
    axes[0].plot(hours, outdoor_c, color=_INK)
    axes[0].set(ylabel="outdoor °C", title="A week of January in three homes (one-minute steps, seed 7)")
    for place, (name, colour) in enumerate(zip(shown, (_BLUE, _RED, _GREEN), strict=True)):
        label = name.replace("_", " ")
        axes[1].plot(hours, [values[place] for values in indoor_c], color=colour, label=label)
        axes[1].axhline(county.set_c[homes[place]], color=colour, ls=":", lw=0.8)
        axes[2].plot(hours, [values[place] for values in power_kw], color=colour, lw=1.0)
    axes[1].set(ylabel="room °C")
    axes[1].legend(loc="upper center", bbox_to_anchor=(0.5, 1.35), ncols=3, fontsize=8)
    axes[2].set(ylabel="electric kW", xlabel="days")


def draw_co(figure: Figure) -> None:
    """A blocked vent in a bedroom: the closed solution, the simulator, what the detector shows and when it sounds."""
    source_m3_h, room_m3, changes = 0.2, 30.0, 0.5
    air = HomeAir(np.array([room_m3]), np.array([changes]))
    detector = Detectors(1, np.random.default_rng(1))
    powered, minutes, ppm, shown, sounds = np.array([True]), [], [], [], None
    leak_min = 20
    for second in range(0, 60 * 60, 5):
        leaking = second < leak_min * 60
        air.step(5.0, np.array([source_m3_h if leaking else 0.0]), None, np.zeros(1), None)
        detector.step(5.0, air.ppm, air.lel_pct, powered, {})
        minutes.append((second + 5) / 60)
        ppm.append(float(air.ppm[0]))
        shown.append(float(detector.metrics(np.array([0]))["co_ppm"][0]))
        if sounds is None and detector.bits()["co_alarm"][0]:
            sounds = minutes[-1]
    axes = figure.subplots()
    exact = np.arange(0.0, leak_min + 0.1, 1.0)
    settles = settled_ppm(np.array([rise_from(source_m3_h, room_m3)]), np.array([changes]))[0]
    left = np.array([decay(np.array([changes]), minute * 60.0)[0] for minute in exact])
    axes.plot(exact, settles + (OUTDOOR_PPM - settles) * left, "o", ms=4, color=_GREY, label="V·dC/dt = S − λVC, exact")
    axes.plot(minutes, ppm, color=_BLUE, label="room")
    axes.plot(minutes, shown, color=_RED, lw=1.1, label="detector (T90 60 s, ends at 1000 ppm)")
    for level in (100, 300):
        axes.axhline(level, color=_GREY, ls=":", lw=0.8)
        axes.text(60, level, f" {level} ppm", va="center", fontsize=8, color=_GREY)
    if sounds is not None:
        axes.axvline(sounds, color=_RED, ls="--", lw=0.9)
        axes.text(sounds + 0.4, max(ppm) * 0.94, f"it sounds after {sounds:.1f} min", color=_RED, fontsize=9)
    axes.axvspan(0, leak_min, color=_RED, alpha=0.05, lw=0)
    axes.set(
        xlabel="minutes", ylabel="CO in ppm", xlim=(0, 60),
        title="A blocked vent, 0.2 m³/h into 30 m³ at half an air change an hour, for 20 minutes",
    )  # fmt: skip
    axes.legend(loc="upper right")
