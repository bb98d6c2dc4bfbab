"""Event types: the alarm bits that a device can send by itself, rows of data/event_types.yaml."""

from __future__ import annotations

from catalogue.rows import Row, load_rows


class EventType(Row):
    """One alarm bit of a device."""

    en: str
    zh: str


EVENT_TYPES: tuple[EventType, ...] = load_rows("event_types.yaml", EventType)
EVENT_TYPE: dict[str, EventType] = {row.name: row for row in EVENT_TYPES}
