"""The dashboards' account at the database: `nuanshao_reader`, which may only read (migration 0004)."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import sql as pg

from foundation.errors import DatabaseUnfit

READER: Final = "nuanshao_reader"


def set_reader_password(connection: psycopg.Connection, password: str) -> None:
    """Let the reader log in with `password`; safe to repeat. `nuanshao migrate` does it where a password is set.

    The server is sent a SCRAM verifier, so that the password stands in none of its logs.
    Raises DatabaseUnfit when our own account may not manage roles.
    """
    verifier = connection.pgconn.encrypt_password(password.encode(), READER.encode(), b"scram-sha-256")
    try:
        with connection.transaction():
            # one process at a time: two changes of a role at once fail with "tuple concurrently updated"
            connection.execute("select pg_advisory_xact_lock(hashtext(%s))", (READER,))
            connection.execute("select ensure_reader()")
            connection.execute(
                pg.SQL("alter role {} with login password {}").format(pg.Identifier(READER), verifier.decode())
            )
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedObject):
        raise DatabaseUnfit(
            f"our database account may not manage the role {READER}",
            do="give it CREATEROLE, or create the role as an administrator and leave NUANSHAO_READER_PASSWORD unset",
        ) from None
