"""Organisations, rosters and substitutes in bulk, as files have them: contacts stand there by their addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import psycopg

from foundation.errors import NotFound
from store.named_sql import sql
from store.registry_rows import ContactRef, contact_ids


@dataclass(frozen=True, slots=True)
class OrganisationRow:
    """A company or team; `zones`: codes of regions with a space between, in the order of their code points."""

    code: str
    name: str
    kind: str
    zones: str = ""


@dataclass(frozen=True, slots=True)
class DutyRow:
    """When a contact of a region or organisation is on duty. `begins` and `ends` as HH:MM."""

    region: str | None
    organisation: str | None
    contact: str
    first_day: date
    last_day: date | None = None
    days: str = "every"
    begins: str = "00:00"
    ends: str = "00:00"
    withdrawn: bool = False

    @property
    def ref(self) -> ContactRef:
        """Whose duty it is."""
        return reference(self.region, self.organisation, self.contact)


@dataclass(frozen=True, slots=True)
class SubstituteRow:
    """Who stands in for a contact of the same region or organisation."""

    region: str | None
    organisation: str | None
    contact: str
    substitute: str
    first_day: date
    last_day: date | None = None
    withdrawn: bool = False

    @property
    def refs(self) -> tuple[ContactRef, ContactRef]:
        """Who is away, and who stands in."""
        return (
            reference(self.region, self.organisation, self.contact),
            reference(self.region, self.organisation, self.substitute),
        )


def reference(region: str | None, organisation: str | None, address: str) -> ContactRef:
    """A contact by its phone, or by what else it is known by if it has none."""
    return ContactRef(region, organisation, None, address, address)


def put_organisations(connection: psycopg.Connection, rows: Sequence[OrganisationRow]) -> None:
    """Adds or changes organisations; their zones are those of the row and no others. Raises NotFound for a zone."""
    columns = ([row.code for row in rows], [row.name for row in rows], [row.kind for row in rows])
    connection.execute(sql("put_organisations"), columns)
    zones = [(row.code, zone) for row in rows for zone in row.zones.split()]
    places = {
        "codes": columns[0],
        "of": [code for code, _ in zones],
        "zones": [zone for _, zone in zones],
    }
    connection.execute(sql("take_zones_away"), places)
    given = connection.execute(sql("put_zones"), places).rowcount
    if given != len(zones):
        raise NotFound("a zone of an organisation is not in the registry", do="add the region first")


def put_duties(connection: psycopg.Connection, rows: Sequence[DutyRow]) -> None:
    """Adds rows of rosters, or changes those of the same contact, first day, days and beginning. Raises NotFound."""
    ids = contact_ids(connection, [row.ref for row in rows])
    columns = (
        [_there(ids, row.ref) for row in rows], [row.first_day for row in rows], [row.last_day for row in rows],
        [row.days for row in rows], [row.begins for row in rows], [row.ends for row in rows],
        [row.withdrawn for row in rows],
    )  # fmt: skip
    connection.execute(sql("put_duties"), columns)


def put_substitutes(connection: psycopg.Connection, rows: Sequence[SubstituteRow]) -> None:
    """Adds substitutes, or changes those of the same contacts and first day. Raises NotFound."""
    ids = contact_ids(connection, [ref for row in rows for ref in row.refs])
    columns = (
        [_there(ids, row.refs[0]) for row in rows], [_there(ids, row.refs[1]) for row in rows],
        [row.first_day for row in rows], [row.last_day for row in rows], [row.withdrawn for row in rows],
    )  # fmt: skip
    connection.execute(sql("put_substitutes"), columns)


def present_organisations(connection: psycopg.Connection, codes: Sequence[str]) -> dict[str, OrganisationRow]:
    """The organisations of these codes, locked until the transaction ends."""
    return {row[0]: OrganisationRow(*row) for row in connection.execute(sql("organisations_by_code"), (codes,))}


def present_duties(connection: psycopg.Connection, rows: Sequence[DutyRow]) -> dict[DutyRow, DutyRow]:
    """What there is of these rows of rosters, locked until the transaction ends."""
    ids = contact_ids(connection, [row.ref for row in rows])
    asked = {(ids[row.ref], row.first_day, row.days, row.begins): row for row in rows if row.ref in ids}
    found = {}
    for contact, first_day, days, begins, *rest in connection.execute(sql("duties_of"), (list(set(ids.values())),)):
        if row := asked.get((contact, first_day, days, begins)):
            last_day, ends, withdrawn = rest
            found[row] = DutyRow(
                row.region, row.organisation, row.contact, first_day, last_day, days, begins, ends, withdrawn
            )
    return found


def present_substitutes(
    connection: psycopg.Connection, rows: Sequence[SubstituteRow]
) -> dict[SubstituteRow, SubstituteRow]:
    """What there is of these substitutes, locked until the transaction ends."""
    ids = contact_ids(connection, [ref for row in rows for ref in row.refs])
    asked = {
        (ids[row.refs[0]], ids[row.refs[1]], row.first_day): row for row in rows if all(ref in ids for ref in row.refs)
    }
    found = {}
    for contact, substitute, first_day, *rest in connection.execute(sql("substitutes_of"), (list(set(ids.values())),)):
        if row := asked.get((contact, substitute, first_day)):
            found[row] = SubstituteRow(row.region, row.organisation, row.contact, row.substitute, first_day, *rest)
    return found


def organisations_there(connection: psycopg.Connection, codes: Sequence[str]) -> set[str]:
    """Which of these organisations are there."""
    return {row[0] for row in connection.execute(sql("organisations_there"), (codes,))}


def contacts_there(connection: psycopg.Connection, refs: Iterable[ContactRef]) -> set[ContactRef]:
    """Which of these contacts are there."""
    return set(contact_ids(connection, list(refs)))


def _there(ids: Mapping[ContactRef, int], ref: ContactRef) -> int:
    if ref not in ids:
        raise NotFound("a contact of a roster is not in the registry", do="add it first")
    return ids[ref]
