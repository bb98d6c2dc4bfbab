"""What became of each row, for a person, a file and a program. Phone numbers are never written in full."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from registry.column import KindName
from registry.columns import KINDS
from registry.sheets import quoted

Outcome = Literal["added", "changed", "unchanged", "refused"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("added", "changed", "unchanged", "refused")
_HEADER: Final = ("file", "sheet", "line", "kind", "key", "result", "changed", "column", "why", "expected")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands; `sheet` is empty for CSV."""

    file: str
    sheet: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}, {self.sheet + ', ' if self.sheet else ''}line {self.line}"


@dataclass(frozen=True, slots=True)
class Result:
    """One row's end. `key` and `why` are fit to be shown; `fields` are what was changed."""

    place: Place
    kind: KindName
    key: str
    outcome: Outcome
    fields: tuple[str, ...] = ()
    column: str = ""
    why: str = ""
    expected: str = ""

    def __str__(self) -> str:
        head = f"{self.place}: {self.kind} {self.key}" if self.key else f"{self.place}: {self.kind}"
        if self.outcome != "refused":
            return f"{head} {self.outcome}{': ' + ', '.join(self.fields) if self.fields else ''}"
        column = f"{self.column} " if self.column else ""
        return f"{head} refused: {column}{self.why}; expected {self.expected}"


@dataclass
class Report:
    """The results of an import, and what was passed over without being an error."""

    dry_run: bool = False
    results: list[Result] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    passwords: int = 0
    """New passwords, written to the file that was named."""

    @property
    def refused(self) -> list[Result]:
        """The refused rows, in the order of the files."""
        return [result for result in self.results if result.outcome == "refused"]

    def counts(self) -> dict[KindName, dict[Outcome, int]]:
        """How many rows of each kind came to which end; kinds without rows are left out."""
        seen = Counter((result.kind, result.outcome) for result in self.results)
        return {
            kind.name: {outcome: seen[kind.name, outcome] for outcome in OUTCOMES}
            for kind in KINDS
            if any(seen[kind.name, outcome] for outcome in OUTCOMES)
        }

    def as_json(self) -> dict[str, Any]:
        """Counts, refused rows and notes."""
        return {
            "dry_run": self.dry_run,
            "counts": self.counts(),
            "passwords": self.passwords,
            "refused": [dict(zip(_HEADER, _values(result), strict=True)) for result in self.refused],
            "notes": self.notes,
        }


def write_results(path: Path, results: Iterable[Result]) -> None:
    """Every row's result as CSV, for Excel too (UTF-8 with BOM)."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADER)
        for result in results:
            writer.writerow([quoted(value) if isinstance(value, str) else value for value in _values(result)])


def _values(result: Result) -> tuple[str | int, ...]:
    return (
        result.place.file, result.place.sheet, result.place.line, result.kind, result.key, result.outcome,
        " ".join(result.fields), result.column, result.why, result.expected,
    )  # fmt: skip
