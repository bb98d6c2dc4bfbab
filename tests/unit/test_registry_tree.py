"""The region tree: counts of everything below."""

from __future__ import annotations

from registry.tree import grow, lines
from store.registry_rows import RegionRow


def test_a_region_counts_what_lies_below_it() -> None:
    regions = [
        RegionRow("150521", "科左中旗", "county"),
        RegionRow("v1", "甲村", "village", "150521"),
        RegionRow("v2", "乙村", "village", "150521"),
    ]
    devices = {"v1": {"in_service": 3, "stored": 1}, "v2": {"planned": 2, "in_service": 1}, None: {"in_service": 9}}
    (top,) = grow(regions, {"v1": 2, "v2": 1}, devices)
    assert lines([top]) == [
        "科左中旗 150521: 3 homes; 2 planned, 4 in_service, 1 stored devices",
        "  甲村 v1: 2 homes; 3 in_service, 1 stored devices",
        "  乙村 v2: 1 homes; 2 planned, 1 in_service devices",
    ]
    assert top.as_json()["devices"] == {"planned": 2, "in_service": 4, "stored": 1}
