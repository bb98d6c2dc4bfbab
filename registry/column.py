"""What a kind of rows and a column of it are, in the register's files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from registry.cells import Parse
from store.registry_people import DutyRow, OrganisationRow, SubstituteRow
from store.registry_rows import ContactRow, DeviceRow, HomeRow, RegionRow

KindName = Literal["regions", "homes", "gateways", "devices", "organisations", "contacts", "duties", "substitutes"]
AnyRow = RegionRow | HomeRow | DeviceRow | OrganisationRow | ContactRow | DutyRow | SubstituteRow


class Blank(Enum):
    """What an empty cell means where it is neither an error nor a value."""

    REFUSED = "must not be empty"
    KEEP = "leaves what the registry holds; a new row gets the default"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `zh` and `aliases` are accepted as its header too; `blank` is what an empty cell means.

    `choices` (name → Chinese) is the list that a template offers.
    """

    name: str
    zh: str
    parse: Parse
    en_note: str
    zh_note: str
    example: str
    blank: object = ""
    aliases: tuple[str, ...] = ()
    choices: Mapping[str, str] | None = None

    @property
    def required(self) -> bool:
        """Whether each row must have something here."""
        return self.blank is Blank.REFUSED


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of rows: its sheet or file. `key` names a row; `told_by` are columns that no other kind has.

    `keyed` makes the key where columns alone do not; it raises WrongRow for rows that are wrong as a whole.
    """

    name: KindName
    zh: str
    row: type[AnyRow]
    key: tuple[str, ...]
    told_by: tuple[str, ...]
    columns: tuple[Column, ...]
    keyed: Callable[[Mapping[str, object]], tuple[str, ...]] | None = None

    def key_of(self, given: Mapping[str, object]) -> tuple[str, ...]:
        """What names a row of these values. Raises WrongRow."""
        return self.keyed(given) if self.keyed else tuple(str(given[name]) for name in self.key if name in given)

    @property
    def column(self) -> dict[str, Column]:
        """Its columns by name."""
        return {column.name: column for column in self.columns}
