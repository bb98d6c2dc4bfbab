"""What a row of a file makes of what the registry holds: a new row, changes, nothing, or a refusal. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, Final

from catalogue.device_types import DEVICE_TYPE
from registry.column import AnyRow, Blank
from registry.lifecycle import in_words, judge_step, next_states
from registry.results import Outcome, Result
from registry.rows import Parsed
from store.registry_rows import DeviceRow

_DAYS: Final = ("installed_on", "accepted_on")


@dataclass(frozen=True, slots=True)
class Merged:
    """The row as it will be, as it was (None: new), and which fields differ."""

    parsed: Parsed
    after: AnyRow
    before: AnyRow | None
    fields: tuple[str, ...]

    @property
    def outcome(self) -> Outcome:
        """What becomes of it."""
        return "added" if self.before is None else "changed" if self.fields else "unchanged"

    @property
    def result(self) -> Result:
        """For the report."""
        fields_shown = self.fields if self.before is not None else ()
        return Result(self.parsed.place, self.parsed.kind.name, self.parsed.shown, self.outcome, fields_shown)


def merge(parsed: Parsed, before: AnyRow | None, today: date) -> Merged | Result:
    """The row after the import; a refusal for a day to come, and for an impossible step of a device's life.

    Columns that the file lacks, and empty cells of those that are kept, stay as they were.
    """
    for name in _DAYS:
        named = parsed.given.get(name)
        if isinstance(named, date) and named > today:
            return parsed.refused(name, f"{named} is still to come", f"a day up to {today}")
    given = dict(parsed.given)
    if "interval_s" in given and given["interval_s"] is None:
        given["interval_s"] = DEVICE_TYPE[str(given["type"])].interval_s
    after = new_row(parsed) if before is None else replace(before, **given)  # type: ignore[arg-type]  # parsed for it
    if isinstance(after, DeviceRow):
        refused = _judge_life(parsed, before.state if isinstance(before, DeviceRow) else None, after.state)
        if refused is not None:
            return refused
    differ = tuple(
        field.name for field in fields(after) if getattr(before, field.name, None) != getattr(after, field.name)
    )
    return Merged(parsed, after, before, differ)


def may_log_in(device: DeviceRow) -> bool:
    """Whether the device needs a password: it has a connection of its own."""
    return device.gateway is None and device.state != "retired" and DEVICE_TYPE[device.type].reports


def new_row(parsed: Parsed) -> AnyRow:
    """The row as it is where the registry has none: with the defaults of what the file lacks."""
    values: dict[str, Any] = {
        column.name: column.blank for column in parsed.kind.columns if not isinstance(column.blank, Blank)
    }
    values |= parsed.given
    if parsed.kind.row is DeviceRow and values["interval_s"] is None:
        values["interval_s"] = DEVICE_TYPE[str(values["type"])].interval_s
    return parsed.kind.row(**values)


def _judge_life(parsed: Parsed, before: str | None, after: str) -> Result | None:
    verdict = judge_step(before, after)
    if verdict.allowed:
        return None
    return parsed.refused(
        "state", in_words(before, after, verdict), " or ".join([f"{before}", *next_states(f"{before}")])
    )
