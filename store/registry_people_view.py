"""Who is told, for an export: contacts, organisations, rosters and substitutes, in order."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg

from store.named_sql import sql
from store.registry_people import DutyRow, OrganisationRow, SubstituteRow
from store.registry_rows import ContactRow


def every_organisation(connection: psycopg.Connection) -> Iterator[OrganisationRow]:
    """All organisations, by code."""
    return (OrganisationRow(*row) for row in connection.execute(sql("every_organisation")))


def every_contact(connection: psycopg.Connection) -> Iterator[ContactRow]:
    """All contacts but the canary's: those of regions, of organisations, of homes, each by phone."""
    return (ContactRow(*row) for row in connection.execute(sql("every_contact")))


def every_duty(connection: psycopg.Connection) -> Iterator[DutyRow]:
    """All rows of rosters; whoever has no phone stands there by another address."""
    for region, organisation, phone, other, *rest in connection.execute(sql("every_duty")):
        yield DutyRow(region, organisation, phone or other, *rest)


def every_substitute(connection: psycopg.Connection) -> Iterator[SubstituteRow]:
    """All substitutes."""
    for region, organisation, phone, other, its_phone, its_other, *rest in connection.execute(sql("every_substitute")):
        yield SubstituteRow(region, organisation, phone or other, its_phone or its_other, *rest)
