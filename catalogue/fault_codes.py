"""What each maker's fault codes mean: tables of data/fault_codes.yaml, from a code to a canonical fault and back.

A code such as "E1" means something else at each maker, so a code is only read together with vendor and device type.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from catalogue.device_types import DEVICE_TYPE
from catalogue.faults import FAULT
from catalogue.models import Vendor
from catalogue.rows import Record, Text, parse_records, read_data
from foundation.errors import CatalogueError

_FILE = "fault_codes.yaml"
Confidence = Literal["S", "2", "M", "A"]
"""S read in the maker's own words, 2 in a secondary source, M from memory (unconfirmed), A invented or assumed."""
Pattern = Annotated[str, StringConstraints(pattern=r"^[^\[\]]{1,64}$", strip_whitespace=True)]
"""Which models: `*` stands for anything, `?` for one character; upper and lower case are the same."""
Code = Annotated[str, StringConstraints(pattern=r"^\S(.{0,14}\S)?$")]


class _Line(Record):
    code: Code
    fault: str
    means: str = ""
    lockout: bool | None = None


class _Table(Record):
    vendor: Vendor
    models: Pattern = "*"
    type: str
    confidence: Confidence
    source: Text
    codes: tuple[_Line, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> _Table:
        if self.type not in DEVICE_TYPE:
            raise ValueError(f"type: unknown device type {self.type!r}")
        for line in self.codes:
            if line.fault not in FAULT:
                raise ValueError(f"code {line.code}: unknown fault {line.fault!r}")
            if line.fault not in DEVICE_TYPE[self.type].all_faults:
                raise ValueError(f"code {line.code}: {self.type} cannot have {line.fault}")
        if self.confidence == "M" and "unconfirmed" not in self.source:
            raise ValueError("source: what is from memory must say 'unconfirmed'")
        return self


@dataclass(frozen=True, slots=True)
class FaultCode:
    """One code of one maker. `models` is a pattern; `means` are the maker's words, shortened, where they say more.

    `lockout`: whether the device then stays off until somebody resets it; the canonical fault's, unless the maker's
    document says otherwise.
    """

    vendor: str
    models: str
    type: str
    code: str
    fault: str
    means: str
    lockout: bool
    confidence: Confidence
    source: str

    @property
    def exactness(self) -> tuple[bool, int]:
        """How closely `models` names a model: one without wildcards first, then the one with more letters."""
        return ("*" not in self.models and "?" not in self.models, len(self.models.replace("*", "").replace("?", "")))

    def fits(self, model: str) -> bool:
        """Whether this code is one of `model`; a table for all models also fits a model that nobody wrote down."""
        return fnmatchcase(model.casefold(), self.models.casefold())


def same_code(code: str) -> str:
    """What displays and manuals write differently and mean alike: "F.22", "f22", "F 22"."""
    return "".join(code.split()).replace(".", "").replace("-", "").casefold()


def parse_fault_codes(text: str, file: str) -> tuple[FaultCode, ...]:
    """The codes of all tables in `text`, in its order; `file` is only named in errors.

    Raises CatalogueError that names the file, the table and the code: where something is unknown, stands twice, or
    two tables would both speak for one model without one of them being closer to it.
    """
    codes: list[FaultCode] = []
    placed: dict[tuple[str, str, str], list[tuple[int, FaultCode]]] = {}
    for number, table in enumerate(parse_records(text, file, _Table), start=1):
        for line in table.codes:
            usual = FAULT[line.fault].lockout
            row = FaultCode(
                table.vendor, table.models, table.type, line.code, line.fault, line.means,
                usual if line.lockout is None else line.lockout, table.confidence, table.source,
            )  # fmt: skip
            others = placed.setdefault((row.vendor, row.type, same_code(row.code)), [])
            for earlier, other in others:
                if row.exactness == other.exactness and _meet(row.models.casefold(), other.models.casefold()):
                    raise CatalogueError(
                        f"{file}, row {number}, code {row.code}: row {earlier} says what {row.vendor}"
                        f" {other.models} means by it already",
                        do="remove one, or name the models more closely",
                    )
            others.append((number, row))
            codes.append(row)
    return tuple(codes)


@lru_cache(maxsize=4096)
def _meet(one: str, other: str) -> bool:
    """Whether some text fits both patterns."""
    if not one or not other:
        return not (one or other).strip("*")
    if one[0] == "*":
        return _meet(one[1:], other) or _meet(one, other[1:])
    if other[0] == "*":
        return _meet(other, one)
    return (one[0] == other[0] or "?" in {one[0], other[0]}) and _meet(one[1:], other[1:])


def _closest_first(codes: Sequence[FaultCode]) -> list[FaultCode]:
    return sorted(codes, key=lambda row: row.exactness, reverse=True)


FAULT_CODES: tuple[FaultCode, ...] = parse_fault_codes(read_data(_FILE), _FILE)
_BY_CODE: dict[tuple[str, str, str], list[FaultCode]] = {}
_BY_FAULT: dict[tuple[str, str], list[FaultCode]] = {}
for _row in _closest_first(FAULT_CODES):
    _BY_CODE.setdefault((_row.vendor, _row.type, same_code(_row.code)), []).append(_row)
    _BY_FAULT.setdefault((_row.vendor, _row.fault), []).append(_row)


def canonical(vendor: str, model: str, device_type: str, code: str) -> FaultCode | None:
    """What `code` means on this device, by the table that names its model most closely; None where no table knows."""
    rows = _BY_CODE.get((vendor, device_type, same_code(code)), ())
    return next((row for row in rows if row.fits(model)), None)


def code_for(vendor: str, model: str, fault: str, device_type: str = "") -> str | None:
    """How this maker says `fault`, as the table writes it; None where no table has it.

    `model` may be empty: then only tables for all models count, and `device_type` tells one kind from another.
    """
    rows = _BY_FAULT.get((vendor, fault), ())
    return next((row.code for row in rows if device_type in {"", row.type} and row.fits(model)), None)
