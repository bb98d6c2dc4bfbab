"""The region tree with what stands in it: homes, and devices by state, with all that lies below. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from registry.lifecycle import STATES
from store.registry_rows import RegionRow


@dataclass
class Branch:
    """A region and everything below it."""

    region: RegionRow
    homes: int = 0
    devices: Counter[str] = field(default_factory=Counter)
    below: list[Branch] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """With its children, recursively."""
        return {
            "code": self.region.code,
            "name": self.region.name,
            "level": self.region.level,
            "homes": self.homes,
            "devices": states(self.devices),
            "below": [branch.as_json() for branch in self.below],
        }


def grow(
    regions: Iterable[RegionRow], homes: Mapping[str, int], devices: Mapping[str | None, Mapping[str, int]]
) -> list[Branch]:
    """The branches at the top, from the counts of each region alone."""
    branches = {
        region.code: Branch(region, homes.get(region.code, 0), Counter(devices.get(region.code, {})))
        for region in regions
    }
    tops: list[Branch] = []
    for branch in branches.values():
        parent = branch.region.parent
        (tops if parent is None else branches[parent].below).append(branch)
    for branch in tops:
        _add_up(branch)
    return tops


def states(devices: Mapping[str, int]) -> dict[str, int]:
    """The counts in the order of a device's life, without states that nobody is in."""
    return {row.name: devices[row.name] for row in STATES if devices.get(row.name)}


def lines(branches: Iterable[Branch], depth: int = 0) -> list[str]:
    """For a person: one line a region."""
    found = []
    for branch in branches:
        counted = ", ".join(f"{number} {name}" for name, number in states(branch.devices).items())
        region = f"{'  ' * depth}{branch.region.name} {branch.region.code}"
        found.append(f"{region}: {branch.homes} homes; {counted or 'no'} devices")
        found += lines(branch.below, depth + 1)
    return found


def _add_up(branch: Branch) -> None:
    for child in branch.below:
        _add_up(child)
        branch.homes += child.homes
        branch.devices += child.devices
