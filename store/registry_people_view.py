"""Who is told, for an export: contacts, organisations, rosters and substitutes, in order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import psycopg

from foundation.sealing import unseal
from store.named_sql import sql
from store.registry_people import DutyRow, OrganisationRow, SubstituteRow
from store.registry_rows import ContactRow, opened


def every_organisation(connection: psycopg.Connection) -> Iterator[OrganisationRow]:
    """All organisations, by code."""
    return (OrganisationRow(*row) for row in connection.execute(sql("every_organisation")))


def every_contact(connection: psycopg.Connection) -> Iterator[ContactRow]:
    """All contacts but the canary's: those of regions, of organisations, of homes, each by phone.

    Raises NumberUnreadable.
    """
    rows = (opened(ContactRow(*row)) for row in connection.execute(sql("every_contact")))
    for _, of_one in groupby(rows, key=lambda row: (row.region, row.organisation, row.home)):
        # what is sealed has no order that anybody would know again
        yield from sorted(of_one, key=lambda row: (row.phone is None, row.phone or ""))


def every_duty(connection: psycopg.Connection) -> Iterator[DutyRow]:
    """All rows of rosters; whoever has no phone stands there by another address."""
    for region, organisation, phone, other, *rest in connection.execute(sql("every_duty")):
        yield DutyRow(region, organisation, unseal(phone) if phone else other, *rest)


def every_substitute(connection: psycopg.Connection) -> Iterator[SubstituteRow]:
    """All substitutes."""
    for region, organisation, phone, other, its_phone, its_other, *rest in connection.execute(sql("every_substitute")):
        stands_in = unseal(its_phone) if its_phone else its_other
        yield SubstituteRow(region, organisation, unseal(phone) if phone else other, stands_in, *rest)
