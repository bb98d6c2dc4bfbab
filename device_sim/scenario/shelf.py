"""Where scenarios come from: those that are shipped, by name; any other by the path of its file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from device_sim.faults.injection import Injection
from device_sim.fleet.fleet import Fleet
from device_sim.scenario.lay_out import lay_out
from device_sim.scenario.mistakes import nearest
from device_sim.scenario.parse import Draft, parse_draft, parse_scenario
from device_sim.scenario.scenario import FleetWish, Scenario
from foundation.errors import NotFound, ScenarioError

_SHIPPED: Final = files("device_sim.scenario").joinpath("data")
_ENDING: Final = ".yaml"


@dataclass(frozen=True, slots=True)
class Staged:
    """A scenario, the fleet that was planned for it, and what happens there."""

    scenario: Scenario
    fleet: Fleet
    injections: tuple[Injection, ...]


def shipped_names() -> tuple[str, ...]:
    """The names of the shipped scenarios, sorted."""
    return tuple(
        sorted(entry.name.removesuffix(_ENDING) for entry in _SHIPPED.iterdir() if entry.name.endswith(_ENDING))
    )


def list_scenarios() -> tuple[Scenario, ...]:
    """The shipped scenarios, sorted by name."""
    return tuple(load_scenario(name) for name in shipped_names())


def load_scenario(where: str) -> Scenario:
    """The shipped scenario of this name, or the one in the file at this path.

    Raises NotFound when there is none, ScenarioError with a line for each mistake in it.
    """
    return parse_scenario(*_text(where))


def stage(where: str, plan: Callable[[FleetWish], Fleet], seed: int) -> Staged:
    """Load a scenario, let `plan` make the fleet that it wishes, and lay it out.

    Raises as `load_scenario`; mistakes of the file and places that the fleet does not have come together.
    """
    draft: Draft = parse_draft(*_text(where))
    if draft.scenario is None:
        draft.mistakes.raise_any()
        raise AssertionError("a file without mistakes is a scenario")
    fleet = plan(draft.scenario.fleet)
    return Staged(draft.scenario, fleet, lay_out(draft.scenario, fleet, seed, draft.mistakes))


def _text(where: str) -> tuple[str, str]:
    """The text and how messages call it."""
    names = shipped_names()
    if where in names:
        return _SHIPPED.joinpath(where + _ENDING).read_text(encoding="utf-8"), where + _ENDING
    path = Path(where)
    if not path.is_file():
        looks = "file" if path.suffix or "/" in where else "scenario"
        raise NotFound(f"{looks} {where} is not there", do=f"expected a file, or {nearest(where, names)}")
    try:
        return path.read_text(encoding="utf-8"), where
    except UnicodeDecodeError as wrong:
        line = wrong.object[: wrong.start].count(b"\n") + 1
        raise ScenarioError(f"{where}:{line}: bytes that are no UTF-8; expected text in UTF-8") from None
