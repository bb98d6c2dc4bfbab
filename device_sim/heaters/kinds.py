"""Every kind of heater that the county can have, by what `Fleet.home_heating` calls it."""

from __future__ import annotations

from typing import Final

from device_sim.heaters.biomass_boiler import BiomassBoilers
from device_sim.heaters.coal_stove import CleanCoalStoves, LooseCoalStoves
from device_sim.heaters.energy_centre import EnergyCentres
from device_sim.heaters.gas_boiler import GasBoilers
from device_sim.heaters.gas_plant import GasPlants
from device_sim.heaters.heat_pump import HeatPumps
from device_sim.heaters.heater import Heaters
from device_sim.heaters.hot_air import HotAirUnits
from device_sim.heaters.kang import ElectricKangs
from device_sim.heaters.pellet_stove import PelletStoves
from device_sim.heaters.resistive import CarbonCrystalPanels, HeatingCables, HeatingFilms
from device_sim.heaters.solar import SolarHeaters
from device_sim.heaters.storage_boiler import StorageBoilers
from device_sim.heaters.storage_heater import StorageHeaters
from device_sim.heaters.substation import Substations
from device_sim.heaters.wind_power import WindPowerHeaters

KINDS: Final[dict[str, type[Heaters]]] = {
    kind.TYPE: kind
    for kind in (
        HeatPumps, HotAirUnits, StorageHeaters, StorageBoilers, GasBoilers, GasPlants, CarbonCrystalPanels,
        HeatingFilms, HeatingCables, ElectricKangs, PelletStoves, BiomassBoilers, CleanCoalStoves, LooseCoalStoves,
        SolarHeaters, WindPowerHeaters, EnergyCentres, Substations,
    )
}  # fmt: skip
