"""The tree of errors. Each says what happened, what to do, and whether to try again.

NuanshaoError
├── SettingsError          a setting is missing or wrong
├── ServiceMissing         a program, package or port that we need is not there
├── ServiceFailed          a service that we started did not come up or died
├── DatabaseUnavailable    TimescaleDB does not answer                       (retry)
├── DatabaseUnfit          it answers, but is not the database we need
├── BrokerUnavailable      the MQTT broker does not answer                   (retry)
├── BrokerRefused          the MQTT broker answers and refuses us
├── CatalogueError         a row of the catalogue is wrong
├── StoredAlready          what should be new is in the database already
├── NotFound               something that was asked for by name is not there
└── ScenarioError          a scenario cannot be played as it is written; a line a mistake
"""

from __future__ import annotations

from typing import ClassVar


class NuanshaoError(Exception):
    """Something a person can act on: `what` happened and what to `do` about it, each one line."""

    retryable: ClassVar[bool] = False

    def __init__(self, what: str, *, do: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.do = do

    def __str__(self) -> str:
        return f"{self.what}: {self.do}" if self.do else self.what


class SettingsError(NuanshaoError):
    """A setting is missing or wrong."""


class ServiceMissing(NuanshaoError):
    """A program, package or port that we need is not there."""


class ServiceFailed(NuanshaoError):
    """A service that we started did not come up, or died."""


class DatabaseUnavailable(NuanshaoError):
    """TimescaleDB does not answer; the same call may succeed later."""

    retryable = True


class DatabaseUnfit(NuanshaoError):
    """The database answers but cannot be used: no TimescaleDB, or a schema that is not ours."""


class BrokerUnavailable(NuanshaoError):
    """The MQTT broker does not answer; the same call may succeed later."""

    retryable = True


class BrokerRefused(NuanshaoError):
    """The MQTT broker answered and refused: credentials, rights or protocol."""


class CatalogueError(NuanshaoError):
    """A row of the catalogue cannot be used; names file, row and field."""


class StoredAlready(NuanshaoError):
    """What should be new is in the database already; nothing was stored."""


class NotFound(NuanshaoError):
    """Something that was asked for by name is not there."""


class ScenarioError(NuanshaoError):
    """A scenario cannot be played as it is written; `what` has one line a mistake, each `file:line: …`."""
