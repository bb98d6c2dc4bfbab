"""Kinds of organisations that hear of alarms, rows of data/organisation_kinds.yaml."""

from __future__ import annotations

from catalogue.rows import Row, Text, load_rows


class OrganisationKind(Row):
    """A kind, and the causes of incidents (alerts/cause.py) of which it hears."""

    en: Text
    zh: Text
    causes: tuple[str, ...]


ORGANISATION_KINDS: tuple[OrganisationKind, ...] = load_rows("organisation_kinds.yaml", OrganisationKind)
ORGANISATION_KIND: dict[str, OrganisationKind] = {row.name: row for row in ORGANISATION_KINDS}


def kinds_for_cause(cause: str) -> frozenset[str]:
    """The kinds that hear of an incident with this cause."""
    return frozenset(row.name for row in ORGANISATION_KINDS if cause in row.causes)
